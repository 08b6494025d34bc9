import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { eventsOf, replyOf } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { auditLog } from '../audit.ts'
import { type Node, postUntilAccepted, startNode, startNodeHere, untilIdle } from '../scenario.ts'
import { type ChatMessage, type World, worldlySession } from '../world.ts'
import { type Boundary, count, type Stage, setStage, testWalk } from './walk.ts'

const env = { CONTEXT_TOKENS_UNKNOWN: '2000' }
const long = `Please remember the number 4711. ${'And so on. '.repeat(500)}`
const question = `Which number was it? ${'Think well. '.repeat(100)}`

const asksForSummary = ([first]: ChatMessage[]) =>
  String(first?.content).startsWith('You keep the memory')

/** Has the number only from a summary. */
function replyTo(prompt: ChatMessage[]) {
  if (asksForSummary(prompt)) return ['The number is 4711.']
  return [
    JSON.stringify(prompt).includes('A summary of the conversation') ? 'It was 4711.' : 'Yes.',
  ]
}

const stageFor = (t: TestContext) => setStage(t, { reply: replyTo })

/** First a long message, undisturbed; the messages after it need a summary. */
async function begin({ world }: Stage, node: Node) {
  const { session } = await worldlySession(node, world)
  await postUntilAccepted(node, session.id, { text: long, key: 'long' })
  return session.id
}

async function auditEnd(node: Node, world: World, sessionId: string): Promise<Event[]> {
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  assert.equal(count(events, 'input.message'), 2)
  assert.equal(count(events, 'context.compacted'), 1, 'a stored summary is not made again')
  assert.equal(replyOf(events), 'It was 4711.')
  assert.ok(asksForSummary(world.prompts[1]!))
  return events
}

async function undisturbed(t: TestContext): Promise<string[]> {
  const stage = await stageFor(t)
  const where = { databaseUrl: stage.proxy.url, worldUrl: stage.world.url }
  const node = await startNodeHere(stage.scope, { ...where, env })
  const id = await begin(stage, node)
  await untilIdle(stage.scope, node, id)
  stage.arm()
  await postUntilAccepted(node, id, { text: question, key: 'question' })
  await answered(stage, node, id)
  await auditEnd(node, stage.world, id)
  assert.equal(stage.world.prompts.length, 3)
  return stage.writes
}

/** Resolves when the second turn has ended. */
async function answered({ scope }: Stage, node: Node, sessionId: string) {
  const stream = await follow(scope, node.url, { sessionId })
  const isOver = () => {
    const last = stream.events.findLastIndex(({ type }) => type === 'input.message')
    const asked = count(stream.events, 'input.message') === 2
    return (asked && count(stream.events.slice(last), 'session.idled') > 0) || undefined
  }
  await stream.until(isOver)
}

async function killAt(t: TestContext, { boundary }: { writes: string[]; boundary: Boundary }) {
  const stage = await stageFor(t)
  const { world, databaseUrl, scope } = stage
  const where = { databaseUrl: stage.proxy.url, worldUrl: world.url, env }
  const node = await startNode(scope, where)
  const id = await begin(stage, node)
  await untilIdle(scope, node, id)
  const dead = new AbortController()
  stage.arm(boundary, () => {
    node.child.kill('SIGKILL')
    dead.abort()
  })
  const asking = { text: question, key: 'question' }
  await postUntilAccepted(node, id, { ...asking, signal: dead.signal })
  await stage.runsUpTo(answered(stage, node, id))
  node.child.kill('SIGKILL')
  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url, env })
  await postUntilAccepted(survivor, id, asking)
  await answered(stage, survivor, id)
  const events = await auditEnd(survivor, world, id)
  const recorded = count(events, 'llm.generation') + count(events, 'context.compacted')
  assert.ok(world.prompts.length - recorded <= 1, 'only unfinished work is repeated')
}

testWalk(
  'kill -9 around a summary: another node continues from the stored state',
  undisturbed,
  killAt,
)
