import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
} from '../../../apps/server/test/budgets.ts'
import { queryRows } from '../../../apps/server/test/database.ts'
import { eventsOf } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { auditLog } from '../audit.ts'
import { type Node, postUntilAccepted, startNode, startNodeHere, untilIdle } from '../scenario.ts'
import { type ChatMessage, worldlySession } from '../world.ts'
import { type Boundary, count, type Stage, setStage, testWalk } from './walk.ts'

const limit = 50
const credits = 1_000_000
const env = { BUDGET_UNKNOWN_PRICES: 'tokens' }
const asking = { text: 'Look at it.', key: 'question' }

/** Calls a tool, then answers. */
const reply = (prompt: ChatMessage[]) =>
  prompt.some(({ role }) => role === 'tool') ? ['Seen.'] : [{ name: 'look', arguments: {} }]

const isWrite = (label: string) =>
  /^(commit$|accept-message|take-turn|retake-turn|append-events|release-turn|park-turn|wake-budget)/.test(
    label,
  )

/** A session with a budget that is too small for its first call. */
async function begin(stage: Stage, node: Node) {
  const { session } = await worldlySession(node, stage.world)
  const target = { databaseUrl: stage.databaseUrl }
  const budget = await addBudget(target, { subject: ['session', session.id], limit })
  /** Adds money as soon as the turn is parked, on whichever node. */
  const toppedUp = eventually(async () => {
    const [row] = await queryRows<{ type: string | null }>(
      stage.databaseUrl,
      `select waiting_for->>'type' as type from sessions where id = $1`,
      [session.id],
    )
    return row?.type === 'budget'
  }).then(() => changeBudget(target, budget, `credits = ${credits}`))
  return { id: session.id, budget, target, toppedUp }
}

type Begun = Awaited<ReturnType<typeof begin>>

async function auditEnd(node: Node, { id, budget, target }: Begun) {
  const events = await eventsOf(node, id)
  auditLog(events)
  assert.equal(count(events, 'turn.completed'), 1)
  assert.equal(count(events, 'budget.exhausted'), 1, 'the wait is in the log once')
  assert.equal(count(events, 'budget.resumed'), 1)
  await assertSettled(target, budget)
  const { used } = await budgetState(target, budget)
  assert.ok(used > 0 && used <= limit + credits, `${used} used`)
  return events
}

async function undisturbed(t: TestContext): Promise<string[]> {
  const stage = await setStage(t, { reply, isWrite })
  const where = { databaseUrl: stage.proxy.url, worldUrl: stage.world.url, env }
  const node = await startNodeHere(stage.scope, where)
  const begun = await begin(stage, node)
  stage.arm()
  await postUntilAccepted(node, begun.id, asking)
  await begun.toppedUp
  await untilIdle(stage.scope, node, begun.id)
  await auditEnd(node, begun)
  return stage.writes
}

async function killAt(t: TestContext, { boundary }: { writes: string[]; boundary: Boundary }) {
  const stage = await setStage(t, { reply, isWrite })
  const { world, databaseUrl, scope } = stage
  const where = { databaseUrl: stage.proxy.url, worldUrl: world.url, env }
  const node = await startNode(scope, where)
  const begun = await begin(stage, node)
  const dead = new AbortController()
  stage.arm(boundary, () => {
    node.child.kill('SIGKILL')
    dead.abort()
  })
  await postUntilAccepted(node, begun.id, { ...asking, signal: dead.signal })
  await stage.runsUpTo(untilIdle(scope, node, begun.id))
  node.child.kill('SIGKILL')
  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url, env })
  await postUntilAccepted(survivor, begun.id, asking)
  await begun.toppedUp
  await untilIdle(scope, survivor, begun.id)
  await auditEnd(survivor, begun)
}

testWalk(
  'kill -9 around a wait for a budget: the turn goes on, and no reservation leaks',
  undisturbed,
  killAt,
)
