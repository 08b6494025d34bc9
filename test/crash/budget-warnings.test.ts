import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
} from '../../apps/server/test/budgets.ts'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { eventsOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { auditLog } from './audit.ts'
import { setStage } from './boundaries/walk.ts'
import { postUntilAccepted, startNode, startNodeHere, untilIdle } from './scenario.ts'
import { type ChatMessage, startWorld, worldlySession } from './world.ts'

const env = { BUDGET_UNKNOWN_PRICES: 'tokens' }
const asking = { text: 'Look at it.', key: 'question' }
/** An unknown tool has no start, so the append that reserves for the next call settles this one. */
const reply = (prompt: ChatMessage[]) =>
  prompt.some(({ role }) => role === 'tool') ? ['Seen.'] : [{ name: 'unknown', arguments: {} }]

test('kill -9 after a refusal that settled a call: the warning of its soft limit is stored once', async (t) => {
  const stage = await setStage(t, {
    reply,
    isWrite: (label) => /^append-events.*-reserves$/.test(label),
  })
  const { world, databaseUrl, scope } = stage
  const where = { worldUrl: world.url, env }
  const node = await startNode(scope, { ...where, databaseUrl: stage.proxy.url })
  const { session } = await worldlySession(node, world)
  const target = { databaseUrl }
  const budget = await addBudget(target, {
    subject: ['session', session.id],
    limit: 50,
    soft_limit: 55,
  })
  const waiting = () =>
    eventually(async () => {
      const [row] = await queryRows<{ least: number | null }>(
        databaseUrl,
        `select (waiting_for->>'least')::float8 as least from sessions where id = $1`,
        [session.id],
      )
      return row?.least
    })
  await postUntilAccepted(node, session.id, asking)
  const least = await waiting()

  // Enough for the first call only. The append after it settles that call, and is refused.
  stage.arm({ index: 1, label: 'append-events-usage-reserves', nth: 1, when: 'after' }, () =>
    node.child.kill('SIGKILL'),
  )
  await changeBudget(target, budget, `limit_amount = ${least}`)
  await stage.struck
  assert.deepEqual(stage.writes, ['append-events-reserves', 'append-events-usage-reserves'])
  const warningsOf = async () =>
    (await eventsOf(survivor, session.id)).flatMap((event) =>
      event.type === 'budget.warning' ? [event.data.message] : [],
    )
  const survivor = await startNodeHere(scope, { ...where, databaseUrl })
  await waiting()
  const soft = 'The soft limit is reached.'
  assert.equal((await warningsOf()).filter((message) => message === soft).length, 1)

  await changeBudget(target, budget, 'credits = 1000000')
  await untilIdle(scope, survivor, session.id)
  auditLog(await eventsOf(survivor, session.id))
  assert.equal((await warningsOf()).filter((message) => message === soft).length, 1)
  await assertSettled(target, budget)
})

test('a call that runs while reservations get warnings is settled', async (t) => {
  const released = Promise.withResolvers<void>()
  const world = await startWorld(t, {
    async *reply() {
      await released.promise
      yield 'Seen.'
    },
  })
  const server = await startServer(t, { env })
  const { session } = await worldlySession(server, world, { capabilities: [] })
  const budget = await addBudget(server, { limit: 1_000_000 })
  await postUntilAccepted(server, session.id, asking)
  await eventually(async () => world.prompts.length)
  await runSql(server.databaseUrl, 'alter type budget_reservation drop attribute warnings')
  const migration = '../../apps/server/migrations/0082_refusals_keep_warnings.sql'
  await runSql(server.databaseUrl, await readFile(new URL(migration, import.meta.url), 'utf8'))
  const [open] = await queryRows<{ whole: boolean }>(
    server.databaseUrl,
    'select reservation is not null as whole from sessions',
  )
  assert.equal(open!.whole, true)
  released.resolve()
  await untilIdle(t, server, session.id)
  await assertSettled(server, budget)
  assert.ok((await budgetState(server, budget)).used > 0)
})
