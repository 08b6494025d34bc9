import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Session } from '@outlast/contract'
import { eventsOf } from '../../../apps/server/test/session.ts'
import {
  type Node,
  postUntilAccepted,
  postUntilAnswered,
  startNode,
  startNodeHere,
  untilIdle,
} from '../scenario.ts'
import { type ChatMessage, worldlySession } from '../world.ts'
import {
  type Boundary,
  count,
  type Stage,
  setStage,
  struckAt,
  testWalk,
  usualWrites,
} from './walk.ts'

/** By their whole names: at any time a node also claims alerts, and sessions for the search. */
const isWrite = (label: string) =>
  /^(begin|commit$|claim-idempotency-key|save-idempotency-answer|supersede-session|fork-session|accept-message|append-events)/.test(
    label,
  )

const reply = (prompt: ChatMessage[]) => [`Reply ${prompt.length}.`]

type Talk = { id: string; messageId: string }

/** A session with a key and one answered message. */
async function begin(stage: Stage, node: Node): Promise<Talk> {
  const { agent } = await worldlySession(node, stage.world)
  const body = { agent_id: agent.id, key: 'chat' }
  const created = await postUntilAnswered(node, '/v1/sessions', { body, key: 'session' })
  const { id } = created!.body
  const posted = await postUntilAccepted(node, id, { text: 'One.', key: 'first' })
  await untilIdle(stage.scope, node, id)
  return { id, messageId: posted!.body.id }
}

const edited = [{ type: 'text', text: 'Two.' }]

async function retake(node: Node, { id, messageId }: Talk, key: string, signal?: AbortSignal) {
  const body = { message_id: messageId, message: { content: edited } }
  return postUntilAnswered(node, `/v1/sessions/${id}/retake`, { body, key, signal })
}

/** The key has moved once, with the message, and nothing else was created. */
async function audit(stage: Stage, node: Node, { id }: Talk, fork: Session): Promise<void> {
  await untilIdle(stage.scope, node, fork.id)
  const list = async (query: string) => (await node.call('GET', `/v1/sessions?${query}`)).body
  const all = await list(`agent_id=${fork.agent_id}`)
  const ids = all.data.map((one: Session) => one.id).sort()
  assert.equal(
    ids.filter((one: string) => one !== id && one !== fork.id).length,
    1,
    'the first one',
  )
  assert.deepEqual(
    (await list('key=chat')).data.map((one: Session) => one.id),
    [fork.id],
  )
  const { body: source } = await node.call('GET', `/v1/sessions/${id}`)
  assert.deepEqual([source.key, source.superseded_by], [null, fork.id])
  const events = await eventsOf(node, fork.id)
  const inputs = events.filter((event) => event.type === 'input.message')
  assert.deepEqual(
    inputs.map(({ data }) => data.message.content),
    [edited],
  )
  assert.equal(count(events, 'turn.completed'), 1)
}

async function undisturbed(t: TestContext): Promise<string[]> {
  const stage = await setStage(t, { reply, isWrite })
  const where = { databaseUrl: stage.proxy.url, worldUrl: stage.world.url }
  const node = await startNodeHere(stage.scope, where)
  const talk = await begin(stage, node)
  stage.arm()
  const answer = await retake(node, talk, 'one')
  assert.equal(answer!.status, 201)
  await audit(stage, node, talk, answer!.body.session)
  return stage.writes
}

async function killAt(t: TestContext, at: { writes: string[]; boundary: Boundary }) {
  const stage = await setStage(t, { reply, isWrite })
  const { databaseUrl, world } = stage
  const node = await startNode(stage.scope, { databaseUrl: stage.proxy.url, worldUrl: world.url })
  const talk = await begin(stage, node)
  const dead = new AbortController()
  stage.arm(at.boundary, () => {
    node.child.kill('SIGKILL')
    dead.abort()
  })
  const told = await struckAt(stage, at, retake(node, talk, 'one', dead.signal))
  const survivor = await startNodeHere(stage.scope, { databaseUrl, worldUrl: world.url })
  const again = await retake(survivor, talk, 'two')
  assert.equal(again!.body.session.forked_from.session_id, talk.id)
  if (told) {
    assert.equal(again!.status, 200)
    assert.deepEqual(again!.body.message, told.body.message)
  }
  await audit(stage, survivor, talk, again!.body.session)
}

testWalk(
  'kill -9 at every write of a retake: a repeat finds it done or does it',
  (t) => usualWrites(t, undisturbed),
  killAt,
)
