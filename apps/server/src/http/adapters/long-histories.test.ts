/** New chats with a history that is larger than a session can begin with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent } from '../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (t) => {
  server = await startServer(t as Parameters<typeof startServer>[0])
  agentId = (await createAgent(server)).id
})

const messagesOf = (bytes: number) =>
  ['user', 'assistant', 'user'].map((role, index) => ({
    id: `m${index}`,
    role,
    content: index === 2 ? 'Last.' : 'x'.repeat(bytes / 2),
  }))

/** Messages of the protocol, without ids. */
const plain = (bytes: number) => messagesOf(bytes).map(({ role, content }) => ({ role, content }))

const requests: Record<string, (bytes: number) => [string, object]> = {
  'AG-UI': (bytes) => [
    `/v1/ag-ui/agents/${agentId}`,
    {
      threadId: `long-${bytes}`,
      runId: 'run',
      protocolVersion: '1.0',
      messages: messagesOf(bytes),
    },
  ],
  Responses: (bytes) => ['/openai/v1/responses', { model: agentId, input: plain(bytes) }],
  Conversations: (bytes) => ['/openai/v1/conversations', { items: plain(bytes) }],
  'Chat Completions': (bytes) => [
    '/openai/v1/chat/completions',
    { model: agentId, messages: plain(bytes) },
  ],
}

for (const [protocol, request] of Object.entries(requests)) {
  test(`${protocol}: a new chat with a history over 1 MiB is refused with its limit`, async () => {
    for (const bytes of [1_500_000, 4_000_000]) {
      const { status, body } = await server.call('POST', ...request(bytes))
      const { code = body.code, message = body.error } = body.error
      assert.deepEqual([status, code], [413, 'history_too_large'])
      assert.match(message, /1048576 bytes/)
    }
    const { data } = expectStatus(await server.call('GET', '/v1/sessions'), 200)
    assert.deepEqual(data, [])
  })
}
