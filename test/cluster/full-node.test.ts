import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  createWebhook,
  startReceiver,
  startWithWebhooks,
} from '../../apps/server/test/remotes/receiver.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { insistent } from '../../apps/server/test/server.ts'
import { createAgent, createSession, post, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { scopeOf } from '../crash/scenario.ts'
import { startLookupProxy } from '../lookup-proxy.ts'

type Server = Awaited<ReturnType<typeof startWithWebhooks>>

const start = (t: Pick<TestContext, 'after'>, databaseUrl?: string) =>
  startWithWebhooks(t, { env: { WORKER_SLOTS: '1' }, ...(databaseUrl && { databaseUrl }) })

/** A turn that waits two seconds for its client. */
async function parkTurn(t: TestContext, server: Server) {
  const look = { type: 'client_side', name: 'look', description: 'Looks.', timeout_seconds: 2 }
  const { id: agent_id } = await createAgent(server, { tools: [look] })
  const { id } = await createSession(server, { agent_id })
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, scripted({ tool_calls: [{ name: 'look', arguments: {} }] }, { text: 'x' }))
  await stream.event('tool.call_requested')
  return stream
}

/** Begins a turn that takes the only slot until `end`, and queues four more. */
async function fill(t: TestContext, server: Server) {
  const model = await startModel(t)
  for (let turns = 0; turns < 5; turns += 1) {
    await post(server, (await model.session(server)).id, 'hello')
  }
  await model.call()
  return {
    async end() {
      for (let turn = 1; turn <= 5; turn += 1) (await model.call(turn)).end()
    },
  }
}

test('a node whose slots are all in use ends waits that time out', async (t) => {
  const server = await start(t)
  const stream = await parkTurn(t, server)
  const { end } = await fill(t, server)
  const { data } = await stream.event('tool.completed')
  assert.equal(data.status, 'timeout')
  await end()
  await stream.event('session.idled')
})

async function sendsWebhook(t: TestContext, server: Server) {
  const receiver = await startReceiver(t)
  await createWebhook(server, receiver.url, { events: ['session.created'] })
  const { id } = await createSession(server)
  const [request] = await receiver.until('session.created')
  assert.equal(request!.body.data.session_id, id)
}

test('a node whose slots are all in use sends webhooks', async (t) => {
  const server = await start(t)
  const { end } = await fill(t, server)
  await sendsWebhook(t, server)
  await end()
})

test('a node whose slots are all in use sends webhooks after the database refused to look up the tasks', async (t) => {
  const scope = scopeOf(t)
  const { url, looked, refuseNext } = await startLookupProxy(scope)
  const started = await start(scope, url)
  const server = { ...started, call: insistent(started.call) }
  await looked
  // The tasks beside a full node are looked up once, at any time from now on.
  const refused = refuseNext()
  const { end } = await fill(t, server)
  await refused
  await sendsWebhook(t, server)
  await end()
})
