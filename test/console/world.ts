import assert from 'node:assert/strict'
import type { Event } from '@outlast/contract'
import { expectStatus } from '../../apps/server/test/access.ts'
import { addProvider } from '../../apps/server/test/remotes/any-vendor.ts'
import { addMcpServer } from '../../apps/server/test/remotes/mcp.ts'
import type { Call } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { eventually } from '../browser/browser.ts'

type Server = { url: string; call: Call }

const capabilities = [
  { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
  { ref: 'stateless_todo_list' },
  { ref: 'test_math' },
  { ref: 'virtual_bash' },
  { ref: 'current_time', config: { timezone: 'Europe/Kyiv' } },
]
const tools = [{ type: 'client_side', name: 'look_outside', description: 'Looks.' }]

const reply = `# A reply

With **everything**: a [link](https://example.com), \`code\`, ![a picture](https://example.com/p.png)

> quoted

| One | Two |
|---|---|
| 1 | 2 |

\`\`\`js
// Says what the answer is.
const answer = [42, 'forty-two', /two/, null].filter(Boolean)
function ask() { return document.title }
\`\`\`
`

const todo = (content: string, status: string) => ({ content, activeForm: content, status })
const todos = [todo('Look', 'completed'), todo('Write', 'in_progress'), todo('Rest', 'pending')]
const dot =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const until = (server: Server, sessionId: string, type: Event['type']) =>
  eventually(async () => {
    const types = (await eventsOf(server, sessionId, '?limit=1000')).map((event) => event.type)
    assert.ok(types.includes(type), types.join())
  })

/** Creates one resource for every kind of screen content. Returns ids for URLs. */
export async function fill(server: Server) {
  const { call } = server
  const { id: agentId } = await createAgent(server, {
    name: 'Porter',
    description: 'Stands at the door.',
    capabilities,
    tools,
  })
  const started = [
    converse(server, agentId),
    fail(server, agentId),
    call('POST', '/v1/auth/api-keys', { name: 'Robot' }),
  ] as const
  await addMcpServer(server, 'http://127.0.0.1:9/mcp', {
    name: 'tracker',
    headers: { 'X-Team': 'a' },
  })
  const provider = await addProvider(call, 'http://127.0.0.1:9/v1', { name: 'Mill' })
  expectStatus(
    await call('POST', `${provider.path}/models`, { model_id: 'grind-1', display_name: 'grind-1' }),
    201,
  )
  const budget = { subject_type: 'agent', subject_id: agentId, currency: 'tokens', limit: 1e9 }
  const { id } = expectStatus(await call('POST', '/v1/budgets', budget), 201)
  expectStatus(await call('POST', `/v1/budgets/${id}/top-up`, { amount: 5 }), 200)
  const { organization_id } = expectStatus(await call('GET', '/v1/auth/me'), 200)
  const invitation = { email: 'guest@example.com', role: 'member' }
  expectStatus(await call('POST', `/v1/orgs/${organization_id}/invitations`, invitation), 201)
  const [sessionId] = await Promise.all(started)
  const shares = `/v1/sessions/${sessionId}/shares`
  const share = expectStatus(await call('POST', shares, { include: ['details'] }), 201)
  const scheduleId = await schedule(server, agentId)
  return { agentId, sessionId, sharePath: share.path as string, scheduleId }
}

/** Creates a session with every kind of item that waits for an approval and for its client. */
async function converse(server: Server, agent_id: string): Promise<string> {
  const { id } = await createSession(server, { agent_id, title: 'Everything', tags: ['urgent'] })
  const first = scripted(
    {
      thinking: 'What would be good?',
      tool_calls: [
        { name: 'write_todos', arguments: { todos } },
        { name: 'divide', arguments: { a: 1, b: 0 } },
        { name: 'bash', arguments: { command: 'echo some; ls /nowhere' } },
        { name: 'list_directory', arguments: { path: '/notes' } },
        { name: 'read_file', arguments: { path: '/notes/today.md' } },
        { name: 'edit_text', arguments: { path: '/a', old_string: 'one', new_string: 'two' } },
      ],
    },
    { text: reply },
  )
  await server.call('POST', `/v1/sessions/${id}/fs/notes/today.md`, { content: 'Buy milk.' })
  await post(server, id, first)
  await until(server, id, 'session.idled')
  const write = (path: string) => ({ name: 'write_file', arguments: { path, content: 'Hello' } })
  const calls = [
    { ...write('/asked.txt'), id: 'asked' },
    { name: 'look_outside', arguments: { window: 'north' } },
  ]
  const content = [
    { type: 'text', text: scripted({ tool_calls: calls }, { text: 'All done.' }) },
    { type: 'image', base64: dot, media_type: 'image/png' },
  ]
  const posted = await server.call('POST', `/v1/sessions/${id}/messages`, { message: { content } })
  expectStatus(posted, 201)
  await until(server, id, 'tool.approval_requested')
  return id
}

async function fail(server: Server, agent_id: string) {
  const { id } = await createSession(server, { agent_id, title: 'It failed' })
  await post(server, id, scripted({ error: { message: 'The model is not well.', status: 400 } }))
  await until(server, id, 'turn.failed')
}

async function schedule({ call }: Server, agent_id: string): Promise<string> {
  const input = { agent_id, text: 'What is new?' }
  const target = { type: 'workflow', name: 'start_session', input }
  const made = await call('POST', '/v1/durable/schedules', {
    name: 'Morning report',
    cron_expression: '0 9 1 1 *',
    timezone: 'Europe/Kyiv',
    target,
  })
  const { id } = expectStatus(made, 201)
  const ran = await call('POST', `/v1/durable/schedules/${id}/trigger`)
  assert.ok(ran.status < 300, JSON.stringify(ran.body))
  return id
}
