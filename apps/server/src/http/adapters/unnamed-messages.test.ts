/** Messages of clients that give them no ids of their own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, eventsOf } from '../../../test/session.ts'

type Sent = { agent: string; text: string; run: string }

const protocols: Record<string, (sent: Sent) => [path: string, body: object]> = {
  'the AI SDK': ({ agent, text }) => [
    `/v1/ai-sdk/agents/${agent}/chat`,
    { id: 'chat', messages: [{ id: '', role: 'user', parts: [{ type: 'text', text }] }] },
  ],
  'AG-UI': ({ agent, text, run: runId }) => [
    `/v1/ag-ui/agents/${agent}`,
    { threadId: 'chat', runId, messages: [{ id: '', role: 'user', content: text }] },
  ],
}

for (const [name, request] of Object.entries(protocols)) {
  test(`${name}: each message with an empty id is a message of its own`, async (t) => {
    const server = await startServer(t)
    const { id: agent } = await createAgent(server)
    for (const [at, text] of ['yes', 'yes', 'no'].entries()) {
      expectStatus(await server.call('POST', ...request({ agent, text, run: `run-${at}` })), 200)
    }
    const { data } = expectStatus(await server.call('GET', '/v1/sessions?key=chat'), 200)
    const inputs = await eventsOf(server, data[0].id, '?types=input.message')
    assert.equal(inputs.length, 3)
  })
}
