import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Worker } from '@outlast/contract'
import { runSql } from '../../apps/server/test/database.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

type Server = Awaited<ReturnType<typeof startServer>>

async function workersOf({ call }: Pick<Server, 'call'>) {
  const { status, body } = await call('GET', '/v1/durable/workers')
  assert.equal(status, 200)
  return body.data as Worker[]
}

/** Two nodes that run turns, and the id of the first. */
async function pair(t: TestContext) {
  const one = await startServer(t)
  const [worker] = await workersOf(one)
  const two = await startServer(t, { databaseUrl: one.databaseUrl })
  const tell = (verb: 'drain' | 'resume', by: Server = two) =>
    by.call('POST', `/v1/durable/workers/${worker!.id}/${verb}`)
  return { one, two, name: worker!.id, tell }
}

/** The node that runs the turn of a message posted at a node. */
async function whereOf(t: TestContext, server: Server): Promise<string> {
  const model = await startModel(t)
  const { id } = await model.session(server)
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'hello')
  const call = await model.call()
  const { body } = await server.call('GET', `/v1/sessions/${id}/why`)
  call.end()
  await stream.event('session.idled')
  return body.node
}

test('a draining node takes no new turns and finishes running ones; afterwards it takes turns again', async (t) => {
  const { one, name, tell } = await pair(t)
  const model = await startModel(t)
  const { id } = await model.session(one)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, 'hello')
  const call = await model.call()
  const { status, body } = await tell('drain')
  assert.deepEqual([status, body.id, body.draining], [200, name, true])
  await eventually(async () => (await whereOf(t, one)) !== name)
  for (let turns = 0; turns < 3; turns += 1) assert.notEqual(await whereOf(t, one), name)
  // A lease may have expired until its next renewal.
  const worker = await eventually(async () => {
    const found = await workersOf(one)
    return found.find(({ id, alive }) => id === name && alive)
  })
  assert.deepEqual([worker.draining, worker.used_slots], [true, 1])
  call.say('Still here.')
  call.end()
  await stream.event('session.idled')
  const events = await eventsOf(one, id)
  assert.equal(replyOf(events), 'Still here.')
  assert.equal(events.filter(({ type }) => type === 'output.message.started').length, 1)
  assert.equal((await tell('resume')).body.draining, false)
  await eventually(async () => (await whereOf(t, one)) === name)
})

test('messages wait while every node drains, and any node that stops draining answers them', async (t) => {
  const server = await startServer(t)
  const [worker] = await workersOf(server)
  const path = `/v1/durable/workers/${worker!.id}`
  const tell = (verb: string) => server.call('POST', `${path}/${verb}`)
  assert.equal((await tell('drain')).status, 200)
  assert.equal((await tell('drain')).status, 200, 'a second request changes nothing')
  // The first may still be taken by a node that has not read the change yet.
  const waiting = await eventually(async () => {
    const { id } = await createSession(server)
    const stream = await follow(t, server.url, { sessionId: id })
    await post(server, id, 'hello')
    const { body } = await server.call('GET', `/v1/sessions/${id}/why`)
    return body.state === 'queued' ? { id, stream, why: body } : undefined
  })
  assert.match(waiting.why.sentence, /no node is taking turns/)
  assert.equal((await tell('resume')).status, 200)
  await waiting.stream.event('session.idled')
  for (const verb of ['drain', 'resume', 'drain', 'drain', 'resume']) await tell(verb)
  const { id } = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'hello')
  await stream.event('session.idled')
})

test('a draining node can be stopped, and its replacement takes turns', async (t) => {
  const { one, two, name, tell } = await pair(t)
  await tell('drain', one)
  await one.stop()
  const three = await startServer(t, { databaseUrl: one.databaseUrl })
  // On a loaded machine a node may be unable to delete its row, which then stays for a minute.
  const workers = await eventually(async () => {
    const found = await workersOf(two)
    return found.some(({ id }) => id === name) ? undefined : found
  })
  assert.deepEqual(
    workers.map(({ draining }) => draining),
    [false, false],
  )
  assert.notEqual(await whereOf(t, three), name)
})

test('a draining node keeps draining when PostgreSQL loses the unlogged tables', async (t) => {
  const { one, name, tell } = await pair(t)
  assert.equal((await tell('drain')).body.draining, true)
  // The second renewal of its lease begins after the node has read the result of the first.
  const leases = new Set<string>()
  await eventually(async () => {
    for (const { id, lease_until } of await workersOf(one)) if (id === name) leases.add(lease_until)
    return leases.size === 3
  })
  // A crash of PostgreSQL empties unlogged tables in the same way.
  await runSql(one.databaseUrl, 'truncate nodes')
  await eventually(async () => (await workersOf(one)).length === 2)
  const worker = (await workersOf(one)).find(({ id }) => id === name)
  assert.equal(worker?.draining, true)
  assert.notEqual(await whereOf(t, one), name)
})

test('an unknown node cannot be drained', async (t) => {
  const server = await startServer(t)
  const unknown = await server.call('POST', `/v1/durable/workers/node_${'0'.repeat(16)}/drain`)
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'not_found'])
})
