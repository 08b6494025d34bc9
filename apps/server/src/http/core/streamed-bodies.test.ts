/** Bodies of requests whose responses are streams. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { test } from 'node:test'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../test/access.ts'
import { createAgent, scripted } from '../../../test/session.ts'

const text = scripted({ text: 'late', delay_ms: 600_000 })

/** Text of a message before the one that is answered. */
const earlier = 'x'.repeat(7 * 1024 * 1024)

type Chat = { path: (agent: string) => string; body: (agent: string, chat: string) => object }

const protocols: Record<string, Chat> = {
  'the AI SDK': {
    path: (agent) => `/v1/ai-sdk/agents/${agent}/chat`,
    body: (_agent, id) => ({
      id,
      messages: [
        { role: 'assistant', parts: [{ type: 'text', text: earlier }] },
        { role: 'user', parts: [{ type: 'text', text }] },
      ],
    }),
  },
  'OpenAI Responses': {
    path: () => '/openai/v1/responses',
    body: (model) => ({ model, input: text, unknown: earlier, stream: true }),
  },
  'Chat Completions': {
    path: () => '/openai/v1/chat/completions',
    body: (model, id) => ({
      ...{ model, user: id, unknown: earlier, stream: true },
      messages: [{ role: 'user', content: text }],
    }),
  },
}

for (const [name, { path, body }] of Object.entries(protocols)) {
  test(`${name}: bodies do not count while their responses are streamed`, async (t) => {
    const server = await startGuarded(t)
    const person = await registerPerson(server)
    const key = await createKey(server, person)
    const { id } = await createAgent({ url: server.url, call: key.call })
    // 14 times 7 MiB are more than 96 MiB.
    for (let count = 0; count < 14; count += 1) {
      const headers = { authorization: key.key, 'content-type': 'application/json' }
      const sending = request(server.url + path(id), { method: 'POST', headers, agent: false })
      sending.on('error', () => {})
      t.after(() => sending.destroy())
      sending.end(JSON.stringify(body(id, `chat-${count}`)))
      const [response] = (await once(sending, 'response')) as [IncomingMessage]
      response.on('error', () => {}).resume()
      assert.equal(response.statusCode, 200, `stream ${count + 1}`)
    }
    const file = { content: 'x'.repeat(100_000) }
    const { id: session } = expectStatus(await key.call('POST', '/v1/sessions', {}), 201)
    expectStatus(await key.call('POST', `/v1/sessions/${session}/fs/a.txt`, file), 201)
  })
}

test('AG-UI: a body of unknown length counts by its own length', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const { id } = await createAgent({ url: server.url, call: key.call })
  // 13 times the limit of 8 MiB are more than 96 MiB.
  for (let count = 0; count < 13; count += 1) {
    const headers = {
      authorization: key.key,
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
    }
    const path = `/v1/ag-ui/agents/${id}`
    const sending = request(server.url + path, { method: 'POST', headers, agent: false })
    sending.on('error', () => {})
    t.after(() => sending.destroy())
    const messages = [{ id: 'm', role: 'user', content: text }]
    sending.end(JSON.stringify({ threadId: `t-${count}`, runId: 'run', messages }))
    const [response] = (await once(sending, 'response')) as [IncomingMessage]
    response.on('error', () => {}).resume()
    assert.equal(response.statusCode, 200, `stream ${count + 1}`)
  }
})
