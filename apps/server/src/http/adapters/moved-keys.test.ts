/** Messages for the session of a key that moves to a retake while they arrive. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { untilLocked } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { hold } from '../../../test/locks.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, eventsOf, post } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (t) => {
  server = await startServer(t as Parameters<typeof startServer>[0])
  agentId = (await createAgent(server)).id
})

const keyed = async (key: string) =>
  expectStatus(await server.call('GET', `/v1/sessions?key=${key}`), 200).data[0]

const textsIn = async (id: string) =>
  (await eventsOf(server, id, '?types=input.message')).map(
    ({ data }) => (data as { message: { content: { text: string }[] } }).message.content[0]!.text,
  )

type Send = (key: string) => ReturnType<typeof server.call>

const respond = async (key: string, headers = {}) => {
  const body = { model: agentId, conversation: key, input: 'Two.' }
  return server.call('POST', '/openai/v1/responses', body, headers)
}

const sends: Record<string, Send> = {
  'AI SDK': (key) =>
    server.call('POST', `/v1/ai-sdk/agents/${agentId}/chat`, {
      id: key,
      messages: [{ id: 'm2', role: 'user', parts: [{ type: 'text', text: 'Two.' }] }],
    }),
  'AG-UI': (key) =>
    server.call('POST', `/v1/ag-ui/agents/${agentId}`, {
      threadId: key,
      runId: 'run',
      protocolVersion: '1.0',
      messages: [{ id: 'm2', role: 'user', content: 'Two.' }],
    }),
  Responses: respond,
  'Responses with an Idempotency-Key': async (key) => respond(key, { 'idempotency-key': key }),
}

for (const [protocol, send] of Object.entries(sends)) {
  test(`${protocol}: a message is stored in the session that has its key after a retake`, async (t) => {
    const key = `moved-${Object.keys(sends).indexOf(protocol)}`
    const created = await server.call('POST', '/v1/sessions', { agent_id: agentId, key })
    const { id } = expectStatus(created, 201)
    const first = expectStatus(await post(server, id, 'One.'), 201)
    const stream = await follow(t, server.url, { sessionId: id })
    await stream.event('session.idled')
    stream.close()
    const lock = 'select from sessions where id = $1 for no key update'
    const letGo = await hold(t, server, lock, [id])
    const retaken = server.call('POST', `/v1/sessions/${id}/retake`, { message_id: first.id })
    await untilLocked(server.databaseUrl)
    const sent = send(key)
    await Promise.race([untilLocked(server.databaseUrl, 2), sent])
    await letGo()
    expectStatus(await retaken, 201)
    expectStatus(await sent, 200)
    const now = await keyed(key)
    assert.notEqual(now.id, id)
    assert.deepEqual(await textsIn(now.id), ['One.', 'Two.'])
    assert.deepEqual(await textsIn(id), ['One.'])
  })
}
