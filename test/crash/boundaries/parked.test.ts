import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import pg from 'pg'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { insistent } from '../../../apps/server/test/server.ts'
import { dataOf, eventsOf, post } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import {
  type Node,
  postUntilAnswered,
  scopeOf,
  startNode,
  startNodeHere,
  takeoversOf,
} from '../scenario.ts'
import {
  answerAll,
  auditEnd,
  calls,
  converse,
  question,
  reply,
  untilWaiting,
  waitingSession,
} from '../waiting.ts'
import { startWorld } from '../world.ts'
import { setStage } from './walk.ts'

async function setScene(t: TestContext) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const world = await startWorld(scope, { reply })
  return { scope, world, where: { databaseUrl, worldUrl: world.url } }
}

/** A waiting turn of this node. */
async function parked(node: Node, world: Parameters<typeof waitingSession>[1]) {
  const sessionId = await waitingSession(node, world)
  await post(node, sessionId, question)
  await untilWaiting({ call: node.call, sessionId }, calls.outside)
  return { sessionId }
}

/** Rows of unfinished turns, and jobs. */
async function burden(databaseUrl: string) {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query(
    `select (select count(*) from turns)::int as turns,
      (select count(*) from graphile_worker.jobs where task_identifier <> 'hourly')::int as jobs`,
  )
  await client.end()
  return rows[0]
}

test('a waiting turn has no row among the turns and no job, and survives every node', async (t) => {
  const { scope, world, where } = await setScene(t)
  const first = await startNode(scope, where)
  const { sessionId } = await parked(first, world)
  assert.equal(await first.stop(), 0)
  assert.deepEqual(await burden(where.databaseUrl), { turns: 0, jobs: 0 })
  const next = await startNodeHere(scope, where)
  const stream = await follow(scope, next.url, { sessionId })
  await answerAll({ call: next.call, sessionId })
  await stream.event('session.idled')
  await auditEnd(next, world, sessionId)
  assert.deepEqual([world.prompts.length, world.effects.length], [2, 2])
})

test('a turn that waits on one node accepts its answer on another, which continues it or leaves it to the first', async (t) => {
  const { scope, world, where } = await setScene(t)
  const [here, there] = [await startNodeHere(scope, where), await startNodeHere(scope, where)]
  const { sessionId } = await parked(here, world)
  const streams = await Promise.all(
    [here, there].map(({ url }) => follow(scope, url, { sessionId })),
  )
  await answerAll({ call: there.call, sessionId })
  for (const stream of streams) await stream.event('session.idled')
  await auditEnd(here, world, sessionId)
  const [prompts, looks] = [world.prompts.length, world.count('look')]
  const takeovers = await takeoversOf([here, there])
  assert.ok(prompts >= 2 && prompts <= 2 + takeovers, `${prompts} prompts`)
  assert.ok(looks >= 1 && looks <= 1 + takeovers, `${looks} looks`)
  if (takeovers === 0) assert.equal(world.count('pay'), 1)
})

test('deleting a session while its turn waits leaves no rows', async (t) => {
  const { scope, world, where } = await setScene(t)
  const node = await startNodeHere(scope, where)
  const { sessionId } = await parked(node, world)
  assert.equal((await node.call('DELETE', `/v1/sessions/${sessionId}`)).status, 204)
  const url = `/v1/sessions/${sessionId}/approvals/${calls.pay}`
  assert.equal((await node.call('POST', url, { decision: 'approve' })).status, 404)
  // The queue may still be deleting the job of the turn's start.
  await eventually(async () => {
    const { turns, jobs } = await burden(where.databaseUrl)
    return turns + jobs === 0
  })
})

/** The client's tool has one second, the approver a week. */
const hurried = {
  tools: [
    {
      type: 'client_side',
      name: 'look_outside',
      description: 'Looks out of the window.',
      timeout_seconds: 1,
    },
  ],
}

/** The wait for the client has ended; approving the payment is the only action left. */
async function auditExpired(t: TestContext, node: Node, { sessionId }: { sessionId: string }) {
  const stream = await follow(t, node.url, { sessionId })
  const client = { call: node.call, sessionId }
  const outcomes = (events: Event[]) =>
    events.flatMap((event) => (event.type === 'tool.completed' ? [event.data] : []))
  const statusOf = (id: string) =>
    outcomes(stream.events).find(({ tool_call_id }) => tool_call_id === id)?.status
  await stream.until(() => statusOf(calls.outside))
  const { tool_call_ids, type } = await untilWaiting(client, calls.pay)
  assert.deepEqual([type, tool_call_ids], ['approval', [calls.pay]])
  const late = { tool_results: [{ tool_call_id: calls.outside, result: 'late' }] }
  const refused = await node.call('POST', `/v1/sessions/${sessionId}/tool-results`, late)
  assert.equal(refused.body.code, 'tool_call_not_waiting')
  const approval = { body: { decision: 'approve' }, key: 'approval' }
  await postUntilAnswered(node, `/v1/sessions/${sessionId}/approvals/${calls.pay}`, approval)
  await stream.event('session.idled')
  assert.deepEqual(
    Object.values(calls).map((id) => statusOf(id)),
    ['success', 'success', 'timeout'],
  )
  assert.equal(outcomes(stream.events).length, 3)
}

test('a wait that expires while no node runs ends after the next start', async (t) => {
  const { scope, world, where } = await setScene(t)
  const first = await startNode(scope, where)
  const sessionId = await waitingSession(first, world, hurried)
  await post(first, sessionId, question)
  // Not for the client's call: on a loaded machine its second can be over.
  await eventually(
    async () => (await first.call('GET', `/v1/sessions/${sessionId}`)).body.waiting_for,
  )
  const requested = dataOf(await eventsOf(first, sessionId), 'tool.call_requested')
  await first.crash()
  await sleep(Math.max(0, Date.parse(requested.expires_at) - Date.now()))
  const next = await startNodeHere(scope, where)
  await auditExpired(t, next, { sessionId })
})

test('when a node dies while ending a wait, another node ends it', async (t) => {
  const stage = await setStage(t, { reply })
  const { scope, world, proxy, databaseUrl } = stage
  const node = await startNode(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const sessionId = await waitingSession(node, world, hurried)
  const boundary = { index: 0, label: 'answer-calls', nth: 1, when: 'before' } as const
  stage.arm(boundary, () => node.child.kill('SIGKILL'))
  await post({ ...node, call: insistent(node.call) }, sessionId, question)
  await stage.struck
  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url })
  await auditExpired(t, survivor, { sessionId })
})

test('all of many concurrent waits on two nodes, one of them killed, are answered', async (t) => {
  const { scope, world, where } = await setScene(t)
  const dying = await startNode(scope, where)
  const other = await startNodeHere(scope, where)
  const sessionIds = await Promise.all(
    Array.from({ length: 12 }, () => waitingSession(other, world)),
  )
  let { call } = dying
  const client = (sessionId: string) => ({
    call: ((...all) => call(...all)) as Node['call'],
    sessionId,
  })
  const talks = sessionIds.map((sessionId) => converse(client(sessionId)))
  await untilWaiting(client(sessionIds[0]!), calls.pay)
  await dying.crash()
  call = other.call
  await Promise.all(talks)
  for (const sessionId of sessionIds) {
    const stream = await follow(scope, other.url, { sessionId })
    await stream.event('session.idled')
    const inWorld = {
      ...world,
      effects: world.effects.filter(({ session }) => session === sessionId),
    }
    await auditEnd(other, inWorld, sessionId)
  }
})
