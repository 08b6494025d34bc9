import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { queryRows } from '../../apps/server/test/database.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { post } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/** A fetched job is locked; a turn that was taken late may have another job meanwhile. */
const free = `
select from graphile_worker.jobs j join turns t on t.id = j.key
where task_identifier = 'turn' and locked_at is null and t.node_id is null`

const freeJobs = async ({ databaseUrl }: Server) => (await queryRows(databaseUrl, free)).length

/** Begins turns that wait for the model; a node of role `api` leaves them to the queue. */
async function beginTurns(t: TestContext, server: Server, count: number) {
  const model = await startModel(t)
  const streams = []
  for (let turns = 0; turns < count; turns += 1) {
    const { id } = await model.session(server)
    streams.push(await follow(t, server.url, { sessionId: id }))
    await post(server, id, 'hello')
  }
  const ends = Promise.all(streams.map((stream) => stream.event('session.idled')))
  return { model, ends }
}

test('a worker takes as many jobs as it has slots and leaves the others in the queue', async (t) => {
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const { model, ends } = await beginTurns(t, api, 7)
  const { databaseUrl } = api
  const worker = (slots: string) =>
    startServer(t, { databaseUrl, env: { ROLE: 'worker', WORKER_SLOTS: slots } })
  await worker('4')
  await model.call(4)
  assert.equal(await freeJobs(api), 3)
  await worker('1')
  await model.call(5)
  assert.equal(await freeJobs(api), 2)
  for (let turn = 1; turn <= 7; turn += 1) (await model.call(turn)).end()
  await ends
})
