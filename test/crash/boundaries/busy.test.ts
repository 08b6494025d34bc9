import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { CancelTurnResponse, Event } from '@outlast/contract'
import { eventsOf } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { auditLog } from '../audit.ts'
import { type Gates, gatedWorld } from '../gates.ts'
import {
  type Node,
  postUntilAccepted,
  postUntilAnswered,
  startNode,
  startNodeHere,
} from '../scenario.ts'
import { type World, worldlySession } from '../world.ts'
import { type Boundary, count, type Stage, setStage, stored, testWalk } from './walk.ts'

const first = 'text that is interrupted'
const queued = 'wait for your turn'
const interrupting = 'text that is cancelled'

type BusyStage = Stage & { gates: Gates }

async function setBusyStage(t: TestContext): Promise<BusyStage> {
  const gates = gatedWorld()
  return { ...(await setStage(t, gates)), gates }
}

type Client = {
  /** Sends requests to the node that currently serves it. */
  call: Node['call']
  sessionId: string
  /** The stream of the node on which it began. */
  stream: Awaited<ReturnType<typeof follow>>
}

/**
 * A message, one queued behind it, one that interrupts the first, and a cancel of that one. Each
 * stopped reply has begun, and each request is repeated until it succeeds.
 */
async function converse({ gates }: BusyStage, client: Client): Promise<CancelTurnResponse> {
  const { sessionId } = client
  await postUntilAccepted(client, sessionId, { text: first, key: 'first' })
  await gates.gate(first).reached
  await heard(client, 1)
  await postUntilAccepted(client, sessionId, { text: queued, key: 'queued', onBusy: 'queue' })
  const instead = { text: interrupting, key: 'interrupting', onBusy: 'interrupt' as const }
  await postUntilAccepted(client, sessionId, instead)
  await gates.gate(interrupting).reached
  await heard(client, 2)
  const cancel = `/v1/sessions/${sessionId}/cancel`
  return (await postUntilAnswered(client, cancel, { key: 'cancel' }))!.body
}

/** Text of this number of turns has arrived, or the streaming node is gone. */
async function heard({ stream }: Client, turns: number) {
  const told = () =>
    new Set(
      stream.events
        .filter(({ type }) => type === 'output.message.delta')
        .map(({ context }) => context.turn_id),
    )
  await stream.until(() => told().size >= turns || undefined).catch(() => {})
}

/** Invariants of the end of every run. Returns the log. */
async function auditEnd(node: Node, { world }: Stage, sessionId: string): Promise<Event[]> {
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  const inputs = events.filter((event) => event.type === 'input.message')
  assert.deepEqual(
    inputs.map(({ data }) => data.message.content),
    [first, queued, interrupting].map((text) => [{ type: 'text', text }]),
    'each message is stored once',
  )
  assert.equal(count(events, 'session.idled'), 1)
  const session = await node.call('GET', `/v1/sessions/${sessionId}`)
  assert.equal(session.body.status, 'idle')
  auditTurns(events)
  auditReplies(events, world)
  return events
}

/** Each message has its own turn: the first two are stopped, the one that waited is answered. */
function auditTurns(events: Event[]) {
  const words = new Map<string, string>()
  for (const event of events) {
    if (event.type !== 'input.message') continue
    words.set(event.data.message.id, JSON.stringify(event.data.message.content))
  }
  const turns = events
    .filter((event) => event.type === 'turn.started')
    .map(({ data, context }) => {
      const ends = events.filter(
        ({ type, context: { turn_id } }) =>
          turn_id === context.turn_id && /^turn\.(completed|failed|cancelled)$/.test(type),
      )
      return [words.get(data.input_message_id), ends.map(({ type }) => type)]
    })
  const content = (text: string) => JSON.stringify([{ type: 'text', text }])
  assert.deepEqual(turns, [
    [content(first), ['turn.cancelled']],
    [content(interrupting), ['turn.cancelled']],
    [content(queued), ['turn.completed']],
  ])
}

/** The last reply answers the waiting message, and the model received only events of the log. */
function auditReplies(events: Event[], world: World) {
  assert.equal(repliesOf(events).at(-1), `One, two: ${queued}`)
  assert.ok(world.prompts.length <= count(events, 'output.message.started'))
}

const repliesOf = (events: Event[]) =>
  events
    .filter((event) => event.type === 'output.message.completed')
    .map(({ data }) => data.message.content.map((part) => ('text' in part ? part.text : '')).join())

/** The replies when no node dies: text that was streamed before a turn was stopped is kept. */
function auditUndisturbed(events: Event[], world: World) {
  assert.deepEqual(repliesOf(events), ['One, ', 'One, ', `One, two: ${queued}`])
  assert.equal(world.prompts.length, 3)
}

const cancelled = { status: 'cancelled', message: 'Turn cancelled successfully' }

/** A conversation with one node from its beginning to its end. */
async function converseWithOne(t: TestContext, boundary?: Boundary): Promise<string[]> {
  const stage = await setBusyStage(t)
  const { scope, proxy, world } = stage
  const node = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const { session } = await worldlySession(node, world)
  const stream = await follow(scope, node.url, { sessionId: session.id })
  stage.arm(boundary)
  const answer = await converse(stage, { call: node.call, sessionId: session.id, stream })
  assert.deepEqual(answer, cancelled)
  await stream.event('session.idled')
  await Promise.race([stage.struck, stage.jobsDeleted()])
  const events = await auditEnd(node, stage, session.id)
  auditUndisturbed(events, world)
  assert.deepEqual(stored(stream.events), events, 'followers received each event once')
  return stage.writes
}

/** The node is killed at a boundary, and another one takes over; the client continues there. */
async function killAt(t: TestContext, boundary: Boundary) {
  const stage = await setBusyStage(t)
  const { scope, proxy, world, databaseUrl } = stage
  const node = await startNode(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const { session } = await worldlySession(node, world)
  const stream = await follow(scope, node.url, { sessionId: session.id })
  stage.arm(boundary, () => node.child.kill('SIGKILL'))
  let { call } = node
  const client: Client = { call: (...all) => call(...all), sessionId: session.id, stream }
  const talk = converse(stage, client)
  await Promise.race([stage.struck, talk.then(() => atRest(stage, stream))])
  node.child.kill('SIGKILL')

  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url })
  call = survivor.call
  assert.deepEqual(await talk, cancelled)
  const later = await follow(scope, survivor.url, { sessionId: session.id })
  await later.event('session.idled')
  await stream.ended
  const events = await auditEnd(survivor, stage, session.id)
  const told = stored(stream.events)
  assert.deepEqual(events.slice(0, told.length), told, 'streamed text is kept')
  assert.deepEqual(stored(later.events), events)
}

/**
 * The session is idle and not in the queue: a run without a certain write has passed its boundary.
 */
async function atRest(stage: Stage, stream: Client['stream']) {
  await stream.event('session.idled').catch(() => {})
  await stage.jobsDeleted()
}

testWalk(
  'a busy session, kill -9 at every boundary between two writes: another node continues',
  converseWithOne,
  (t, { boundary }) => killAt(t, boundary),
)

testWalk(
  'a busy session, a connection cut at every boundary between two writes changes nothing',
  converseWithOne,
  async (t, { boundary }) => void (await converseWithOne(t, boundary)),
)
