import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { follow } from '../../../apps/server/test/stream.ts'
import { followSoon, startNode, startNodeHere } from '../scenario.ts'
import { answerAll, auditEnd, type Client, converse, reply, waitingSession } from '../waiting.ts'
import { type Boundary, count, setStage, stored, testWalk } from './walk.ts'

/**
 * The handling of a key has tests of its own; here its transaction counts. `hold-turn` only locks.
 */
const isWrite = (label: string) =>
  /^(commit$|accept-message|take-turn|retake-turn|append-events|park-turn|answer-calls)/.test(label)

/** A conversation with one node from its beginning to its end. */
async function converseWithOne(t: TestContext, boundary?: Boundary): Promise<string[]> {
  const stage = await setStage(t, { reply, isWrite })
  const { scope, proxy, world } = stage
  const node = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const sessionId = await waitingSession(node, world)
  const stream = await followSoon(scope, node, sessionId)
  stage.arm(boundary)
  const client: Client = { call: node.call, sessionId }
  const said = await converse(client)
  await stream.event('session.idled')
  const events = await auditEnd(node, world, sessionId)
  assert.deepEqual([world.prompts.length, world.effects.length], [2, 2])
  assert.deepEqual(stored(stream.events), events, 'followers received each event once')
  const { writes } = stage
  assert.ok(writes.filter((label) => label === 'park-turn').length <= 4, writes.join())
  assert.deepEqual(await answerAll(client), said, 'a repeated request gets the same response')
  assert.equal(count(await auditEnd(node, world, sessionId), 'turn.completed'), 1)
  return writes
}

/** The node is killed at a boundary, and another one takes over; the client continues there. */
async function killAt(t: TestContext, boundary: Boundary) {
  const stage = await setStage(t, { reply, isWrite })
  const { scope, proxy, world, databaseUrl } = stage
  const node = await startNode(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const sessionId = await waitingSession(node, world)
  const stream = await followSoon(scope, node, sessionId)
  stage.arm(boundary, () => node.child.kill('SIGKILL'))
  let { call } = node
  const client: Client = { call: (...all) => call(...all), sessionId }
  const talk = converse(client)
  await Promise.race([stage.struck, talk.then(() => stream.event('session.idled').catch(() => {}))])
  node.child.kill('SIGKILL')

  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url })
  call = survivor.call
  const said = await talk
  const later = await follow(scope, survivor.url, { sessionId })
  await later.event('session.idled')
  await stream.ended
  const events = await auditEnd(survivor, world, sessionId)
  const told = stored(stream.events)
  assert.deepEqual(events.slice(0, told.length), told, 'streamed text is kept')
  assert.deepEqual(await answerAll(client), said, 'a repeated request gets the same response')
  assert.deepEqual(await auditEnd(survivor, world, sessionId), events)
}

testWalk(
  'a turn that waits, kill -9 at every boundary between two writes: another node continues',
  converseWithOne,
  (t, { boundary }) => killAt(t, boundary),
)

testWalk(
  'a turn that waits, a connection cut at every boundary between two writes changes nothing',
  converseWithOne,
  async (t, { boundary }) => void (await converseWithOne(t, boundary)),
)
