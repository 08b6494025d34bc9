import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { eventsOf } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { auditLog } from '../audit.ts'
import { type Node, postUntilAccepted, startNode, startNodeHere } from '../scenario.ts'
import { type ChatMessage, type Effect, type World, worldlySession } from '../world.ts'
import {
  type Boundary,
  count,
  type Stage,
  setStage,
  stored,
  struckAt,
  testWalk,
  usualWrites,
} from './walk.ts'

/** Whether a turn is begun by the node that stored its message, or from the queue. */
type Path = { name: string; env: Record<string, string> }

type Walk = {
  path: Path
  /** The writes of the undisturbed conversation, in order. */
  writes: string[]
  boundary: Boundary
}

const question = 'Look, and pay.'
const steering = 'And say it in Dutch.'

/** Calls both tools side by side, then repeats the user's messages. */
function replyOf(prompt: ChatMessage[]) {
  const asked = prompt.some(({ role }) => role === 'tool')
  if (!asked) {
    return [
      { name: 'look', arguments: {} },
      { name: 'pay', arguments: {} },
    ]
  }
  const said = prompt.filter(({ role }) => role === 'user').map(({ content }) => content)
  return [`You said: ${JSON.stringify(said)}`]
}

type PayStage = Stage & {
  /** Lets the payment end. */
  pay: () => void
}

/** A setup in which the test ends the payment. */
async function setPayStage(t: TestContext): Promise<PayStage> {
  const paid = Promise.withResolvers<void>()
  const onEffect = ({ tool }: Effect) => tool === 'pay' && paid.promise
  return { ...(await setStage(t, { reply: replyOf, onEffect })), pay: paid.resolve }
}

/** A question, a message that arrives during the payment, and the end. */
async function converse(stage: PayStage, node: Node, sessionId: string, signal?: AbortSignal) {
  const stream = await follow(stage.scope, node.url, { sessionId })
  const ask = { text: question, key: 'question', ...(signal && { signal }) }
  const steer = { text: steering, key: 'steering', ...(signal && { signal }) }
  if (!(await postUntilAccepted(node, sessionId, ask))) return stream.events
  await stream.event('tool.completed').catch(() => {})
  await postUntilAccepted(node, sessionId, steer)
  stage.pay()
  await stream.event('session.idled').catch(() => {})
  return stream.events
}

/** Invariants of the end of every run. Returns the log. */
async function auditEnd(node: Node, world: World, sessionId: string): Promise<Event[]> {
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  const inputs = events.filter((event) => event.type === 'input.message')
  assert.deepEqual(
    inputs.map(({ data }) => data.message.content),
    [question, steering].map((text) => [{ type: 'text', text }]),
    'each message is stored once',
  )
  const last = events.findLast((event) => event.type === 'output.message.completed')!
  assert.ok(JSON.stringify(last.data).includes(steering), 'the last message was answered')
  assert.ok(world.count('pay') <= 1, 'an unsafe effect happened twice')
  return events
}

/** The writes of an undisturbed conversation. */
async function undisturbed(t: TestContext, { env }: Path): Promise<string[]> {
  const stage = await setPayStage(t)
  const where = { databaseUrl: stage.proxy.url, worldUrl: stage.world.url }
  const node = await startNodeHere(stage.scope, { ...where, env })
  const { session } = await worldlySession(node, stage.world)
  stage.arm()
  await converse(stage, node, session.id)
  await stage.jobsDeleted()
  const events = await auditEnd(node, stage.world, session.id)
  auditUndisturbed(events, stage.world)
  return stage.writes
}

/** No model call or tool ran more often than necessary. */
function auditUndisturbed(events: Event[], world: World) {
  assert.deepEqual(
    [count(events, 'turn.completed'), count(events, 'llm.generation'), world.prompts.length],
    [1, 2, 2],
  )
  assert.deepEqual(world.effects.map(({ tool }) => tool).sort(), ['look', 'pay'])
  const outcomes = events.filter((event) => event.type === 'tool.completed')
  assert.deepEqual(
    outcomes.map(({ data }) => data.status),
    ['success', 'success'],
  )
}

/** The node is killed at a boundary, and another one takes over. */
async function killAt(t: TestContext, { path, writes, boundary }: Walk) {
  const stage = await setPayStage(t)
  const { world, databaseUrl } = stage
  const where = { databaseUrl: stage.proxy.url, worldUrl: world.url }
  const node = await startNode(stage.scope, { ...where, env: path.env })
  const { session } = await worldlySession(node, world)
  const dead = new AbortController()
  stage.arm(boundary, () => {
    node.child.kill('SIGKILL')
    dead.abort()
  })
  const talk = converse(stage, node, session.id, dead.signal)
  const told = stored(await struckAt(stage, { writes, boundary }, talk))
  stage.pay()

  const survivor = await startNodeHere(stage.scope, { databaseUrl, worldUrl: world.url })
  for (const [text, key] of [
    [question, 'question'],
    [steering, 'steering'],
  ] as const) {
    await postUntilAccepted(survivor, session.id, { text, key })
  }
  const stream = await follow(stage.scope, survivor.url, { sessionId: session.id })
  await stream.until(() => isAnswered(stream.events) || undefined)
  const events = await auditEnd(survivor, world, session.id)
  assert.deepEqual(events.slice(0, told.length), told, 'streamed text is kept')
  auditRepeats(events, world, { path, writes, boundary })
}

/** Both messages are stored, and the session became idle after them. */
function isAnswered(events: Event[]) {
  const log = stored(events)
  const last = log.findLastIndex(({ type }) => type === 'input.message')
  return count(log, 'input.message') === 2 && count(log.slice(last), 'session.idled') > 0
}

/** Repeats only work that was in progress when the node died and has no stored outcome. */
function auditRepeats(events: Event[], world: World, { boundary }: Walk) {
  const repeated = world.prompts.length - count(events, 'llm.generation') + world.count('look') - 1
  const lost = boundary.when === 'before' && boundary.label.startsWith('append-events')
  assert.ok(repeated <= (lost ? 1 : 0), `${repeated} calls were repeated`)
  const payment = events.find(
    (event) => event.type === 'tool.completed' && event.data.tool_name === 'pay',
  )
  const { status, error } = payment!.data as { status: string; error?: string }
  if (status === 'success') return assert.equal(world.count('pay'), 1)
  assert.match(error!, /interrupted.*unknown/)
  const told = world.prompts.some((prompt) => /interrupted.*unknown/.test(JSON.stringify(prompt)))
  assert.ok(told, 'the model reads that the outcome is unknown')
}

/** The connection breaks at a boundary while the node lives. */
async function cutAt(t: TestContext, { path, writes, boundary }: Walk) {
  const stage = await setPayStage(t)
  const { world } = stage
  const where = { databaseUrl: stage.proxy.url, worldUrl: world.url }
  const node = await startNodeHere(stage.scope, { ...where, env: path.env })
  const { session } = await worldlySession(node, world)
  stage.arm(boundary)
  const told = await struckAt(stage, { writes, boundary }, converse(stage, node, session.id))
  const events = await auditEnd(node, world, session.id)
  auditUndisturbed(events, world)
  assert.deepEqual(stored(told), events, 'followers received each event once')
}

const faults = [
  { name: 'kill -9 at every boundary between two writes: another node continues', walk: killAt },
  { name: 'a connection cut at every boundary between two writes changes nothing', walk: cutAt },
]
const paths: Path[] = [
  { name: 'begun where its message was stored', env: {} },
  { name: 'begun from the queue', env: { WORKER_SLOTS: '1' } },
]

for (const { name, walk } of faults) {
  for (const path of paths) {
    testWalk(
      `${name} (a turn ${path.name})`,
      (t) => usualWrites(t, (own) => undisturbed(own, path)),
      (t, at) => walk(t, { path, ...at }),
    )
  }
}
