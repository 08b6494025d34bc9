/** A message that would end a wait, while another client answers it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { connectTo, untilLocked } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

type Place = { agent: string; session: string; text: string }

const protocols: Record<string, (place: Place) => [path: string, body: object]> = {
  'AG-UI': ({ agent, text }) => [
    `/v1/ag-ui/agents/${agent}`,
    {
      threadId: 'chat',
      runId: 'run-1',
      protocolVersion: '1.0',
      messages: [{ id: text, role: 'user', content: text }],
    },
  ],
  'the AI SDK': ({ agent, text }) => [
    `/v1/ai-sdk/agents/${agent}/chat`,
    { id: 'chat', messages: [{ id: text, role: 'user', parts: [{ type: 'text', text }] }] },
  ],
  'OpenAI Responses': ({ agent, session, text }) => [
    '/openai/v1/responses',
    { model: agent, input: text, conversation: session.replace('session_', 'conv_') },
  ],
}

const look = {
  type: 'client_side',
  name: 'look',
  description: 'Looks.',
  parameters: { type: 'object', properties: {} },
}

for (const [name, request] of Object.entries(protocols)) {
  test(`${name}: a message does not end a wait that was answered meanwhile`, async (t) => {
    const server = await startServer(t)
    const agent = await createAgent(server, { tools: [look] })
    const { id } = await createSession(server, { agent_id: agent.id, key: 'chat' })
    const stream = await follow(t, server.url, { sessionId: id })
    const asking = { tool_calls: [{ id: 'call_1', name: 'look', arguments: {} }] }
    await post(server, id, scripted(asking, { text: 'late', delay_ms: 600_000 }))
    await stream.event('tool.call_requested')
    const path = `/v1/sessions/${id}`
    await eventually(async () => (await server.call('GET', path)).body.waiting_for)
    const client = await connectTo(t, server.databaseUrl)
    await client.query('begin')
    await client.query('select from sessions where id = $1 for update', [id])
    const tool_results = [{ tool_call_id: 'call_1', result: 'seen' }]
    const answered = server.call('POST', `${path}/tool-results`, { tool_results })
    await untilLocked(server.databaseUrl)
    const sent = server.call('POST', ...request({ agent: agent.id, session: id, text: 'hello' }))
    await untilLocked(server.databaseUrl, 2)
    await client.end()
    expectStatus(await answered, 200)
    await stream.event('input.message', 2)
    assert.deepEqual(await eventsOf(server, id, '?types=turn.cancelled'), [])
    expectStatus(await server.call('POST', `${path}/cancel`), 200)
    expectStatus(await sent, 200)
    const inputs = await eventsOf(server, id, '?types=input.message')
    assert.equal(inputs.length, 2)
  })
}
