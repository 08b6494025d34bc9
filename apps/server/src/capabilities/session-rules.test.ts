/** The limits that an agent sets on its capabilities hold in every session. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { CapabilityUse } from '@outlast/contract'
import { runSql } from '../../test/database.ts'
import { beforeAll } from '../../test/hooks.ts'
import { addListedServer, startMcp } from '../../test/remotes/mcp.ts'
import { startServer } from '../../test/server.ts'
import { converse, createAgent, createSession, dataOf, post, scripted } from '../../test/session.ts'
import { follow } from '../../test/stream.ts'

type Server = Awaited<ReturnType<typeof startServer>>
let server: Server

beforeAll(async (t) => {
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  server = await startServer(t as TestContext, { env })
})

const agentWith = (...capabilities: CapabilityUse[]) => createAgent(server, { capabilities })

const open = (agent_id: string, ...capabilities: CapabilityUse[]) =>
  server.call('POST', '/v1/sessions', { agent_id, capabilities })

/** The config of a capability that the session's next turn would use; undefined if omitted. */
async function effective(sessionId: string, ref: string) {
  const { body } = await server.call('GET', `/v1/sessions/${sessionId}/preview`)
  const use = body.capabilities.find((use: CapabilityUse) => use.ref === ref)
  return { config: use?.config, warnings: body.warnings as string[], tools: body.tools }
}

/** Ref, config of the agent, config of the session, and the path that allows more. */
const widening: [ref: string, agent: object, session: object, at: string][] = [
  ['virtual_bash', { requires_approval: true }, { requires_approval: false }, '/requires_approval'],
  [
    'virtual_bash',
    { requires_approval: ['bash'] },
    { requires_approval: [] },
    '/requires_approval',
  ],
  ['virtual_bash', { commands: ['cat'] }, { commands: ['cat', 'sed'] }, '/commands/1'],
  ['virtual_bash', {}, { allowed_hosts: ['example.com'] }, '/allowed_hosts/0'],
  [
    'virtual_bash',
    { allowed_hosts: ['a.example.com'] },
    { allowed_hosts: ['a.example.com', '*.example.com'] },
    '/allowed_hosts/1',
  ],
  [
    'web_fetch',
    { allowed_domains: ['docs.example.com'] },
    { allowed_domains: ['*.com'] },
    '/allowed_domains/0',
  ],
  [
    'web_fetch',
    { allowed_domains: ['*.example.com'] },
    { allowed_domains: ['example.com'] },
    '/allowed_domains/0',
  ],
  ['web_fetch', { bytes_max: 2_048 }, { bytes_max: 4_096 }, '/bytes_max'],
  ['web_fetch', { timeout_ms: 2_000 }, { timeout_ms: 4_000 }, '/timeout_ms'],
  ['web_fetch', { content_length_max: 200 }, { content_length_max: 400 }, '/content_length_max'],
  ['web_fetch', { redirects_max: 0 }, { redirects_max: 1 }, '/redirects_max'],
  ['session_file_system', { readonly: true }, { readonly: false }, '/readonly'],
  ['session_storage', { secrets: false }, { secrets: true }, '/secrets'],
  ['session_storage', { readonly: true }, { readonly: false }, '/readonly'],
  ['session_storage', { value_bytes_max: 10 }, { value_bytes_max: 11 }, '/value_bytes_max'],
  ['ask_user', { expires_in_seconds: 60 }, { expires_in_seconds: 61 }, '/expires_in_seconds'],
  ['stateless_todo_list', { items_max: 5 }, { items_max: 6 }, '/items_max'],
  ['stateless_todo_list', { strict: true }, { strict: false }, '/strict'],
  ['fake_crm', { readonly: true }, { readonly: false }, '/readonly'],
]

test('refuses a session whose config allows more than the agent, and names the field', async () => {
  for (const [ref, agent, config, at] of widening) {
    const { id } = await agentWith({ ref, config: agent })
    const { status, body } = await open(id, { ref: 'noop' }, { ref, config })
    assert.deepEqual([status, body.code], [400, 'session_widens_agent'], ref + at)
    assert.deepEqual(body.details, [
      { path: `capabilities/1/config${at}`, message: 'allows more than the agent does' },
    ])
  }
})

test('refuses the preview of such a session too', async () => {
  const { status, body } = await server.call('POST', '/v1/agents/preview', {
    capabilities: [{ ref: 'session_file_system', config: { readonly: true } }],
    session: { capabilities: [{ ref: 'session_file_system', config: { readonly: false } }] },
  })
  assert.deepEqual([status, body.code], [400, 'session_widens_agent'])
  assert.equal(body.details[0].path, 'session/capabilities/0/config/readonly')
})

/** Ref, config of the agent, config of the session, and the config in effect. */
const narrowing: [ref: string, agent: object, session: object, effective: object][] = [
  [
    'session_file_system',
    { requires_approval: ['write_file'] },
    { requires_approval: ['delete_file'] },
    { requires_approval: ['write_file', 'delete_file'] },
  ],
  ['session_file_system', { readonly: true }, {}, { readonly: true }],
  [
    'session_file_system',
    { requires_approval: true },
    { readonly: true },
    { requires_approval: true, readonly: true },
  ],
  ['session_file_system', {}, { requires_approval: true }, { requires_approval: true }],
  [
    'web_fetch',
    { allowed_domains: ['*.example.com', 'other.example'], blocked_domains: ['a.example.com'] },
    {
      allowed_domains: ['*.docs.example.com'],
      blocked_domains: ['b.example.com'],
      bytes_max: 2_000,
    },
    {
      allowed_domains: ['*.docs.example.com'],
      blocked_domains: ['a.example.com', 'b.example.com'],
      bytes_max: 2_000,
    },
  ],
  [
    'web_fetch',
    { bytes_max: 9_000 },
    { bytes_max: 2_000, user_agent: 'me' },
    { bytes_max: 2_000, user_agent: 'me' },
  ],
  [
    'web_fetch',
    { allowed_domains: ['Bücher.example'] },
    { allowed_domains: ['xn--bcher-kva.example'] },
    { allowed_domains: ['xn--bcher-kva.example', 'Bücher.example'] },
  ],
  ['virtual_bash', { commands: ['cat', 'sed'] }, { commands: ['sed'] }, { commands: ['sed'] }],
  [
    'virtual_bash',
    { allowed_hosts: ['*.example.com'] },
    { allowed_hosts: [] },
    { allowed_hosts: [] },
  ],
  ['current_time', { timezone: 'UTC' }, { timezone: 'Europe/Kyiv' }, { timezone: 'Europe/Kyiv' }],
]

test('combines a narrower config of a session with the agent’s, and shows it in the preview', async () => {
  for (const [ref, config, session, wanted] of narrowing) {
    const agent = await agentWith({ ref, config })
    const { id } = await createSession(server, {
      agent_id: agent.id,
      capabilities: [{ ref, config: session }],
    })
    assert.deepEqual((await effective(id, ref)).config, wanted)
  }
})

test('a session may configure a capability freely that its agent does not have', async () => {
  const { id } = await agentWith({ ref: 'noop' })
  const config = { allowed_hosts: ['example.com'] }
  const { status, body } = await open(id, { ref: 'virtual_bash', config })
  assert.equal(status, 201, JSON.stringify(body))
  assert.deepEqual((await effective(body.id, 'virtual_bash')).config, config)
})

test('narrows existing sessions when their agent becomes stricter', async (t) => {
  const agent = await agentWith({ ref: 'session_file_system' })
  const capabilities = [{ ref: 'session_file_system', config: { requires_approval: false } }]
  const session = await createSession(server, { agent_id: agent.id, capabilities })
  const { body: fork } = await server.call('POST', `/v1/sessions/${session.id}/fork`, {})
  const strict = [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }]
  await server.call('PATCH', `/v1/agents/${agent.id}`, { capabilities: strict })
  for (const { id } of [session, fork]) {
    const { config } = await effective(id, 'session_file_system')
    assert.deepEqual(config, { requires_approval: ['write_file'] })
    const stream = await follow(t, server.url, { sessionId: id })
    const write = { name: 'write_file', arguments: { path: '/a', content: 'x' } }
    await post(server, id, scripted({ tool_calls: [write] }))
    await stream.event('tool.approval_requested')
    await server.call('POST', `/v1/sessions/${id}/cancel`)
  }
})

test('leaves out a capability when agent and session have no allowed value in common', async (t) => {
  const agent = await agentWith({ ref: 'web_fetch' })
  const uses = [{ ref: 'web_fetch', config: { allowed_domains: ['a.example'] } }]
  const session = await createSession(server, { agent_id: agent.id, capabilities: uses })
  const strict = [{ ref: 'web_fetch', config: { allowed_domains: ['b.example'] } }]
  await server.call('PATCH', `/v1/agents/${agent.id}`, { capabilities: strict })
  const events = await converse(t, server, session.id, 'hello')
  assert.match(
    dataOf(events, 'capability.unavailable')!.error,
    /config of agent and session for web_fetch is invalid \(allowed_domains/,
  )
  assert.deepEqual((await effective(session.id, 'web_fetch')).tools, [])
})

test('refuses a client tool of a session that drops the approval of the agent’s tool', async () => {
  const refund = { type: 'client_side', name: 'refund', description: 'Refunds.' }
  const agent = await createAgent(server, { tools: [{ ...refund, policy: 'requires_approval' }] })
  const make = (tool: object) =>
    server.call('POST', '/v1/sessions', { agent_id: agent.id, tools: [tool] })
  const wrong = await make({ ...refund, policy: 'auto' })
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'session_widens_agent'])
  assert.equal(wrong.body.details[0].path, 'tools/0/policy')
  const { body } = await make({ ...refund, description: 'Refunds an order.' })
  const [tool] = (await effective(body.id, '')).tools
  assert.deepEqual([tool.description, tool.policy], ['Refunds an order.', 'requires_approval'])
})

test('limits of an MCP server apply to another server at the same address', async (t) => {
  const mcp = await startMcp(t)
  const [one, two] = [
    await addListedServer(server, mcp.url, { name: 'one' }),
    await addListedServer(server, mcp.url, { name: 'two' }),
  ]
  const agent = await agentWith({ ref: one.ref, config: { requires_approval: ['say'] } })
  const config = { requires_approval: false }
  const wrong = await open(agent.id, { ref: two.ref, config })
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'session_widens_agent'])
  const { id } = await createSession(server, {
    agent_id: agent.id,
    capabilities: [{ ref: two.ref }],
  })
  const { tools } = await effective(id, two.ref)
  assert.deepEqual(
    tools.map(({ name, policy }: { name: string; policy: string }) => [name, policy]),
    [
      ['mcp_one__say', 'requires_approval'],
      ['mcp_two__say', 'requires_approval'],
    ],
  )
})

/** Stored configs that are no longer valid, as after an upgrade that renamed a field. */
const outdated = [
  { ref: 'session_file_system', config: { read_only: true } },
  { ref: 'session_file_system', config: { requires_approval: 'yes' } },
  { ref: 'session_file_system', config: { requires_approval: true, later: 1 } },
]

test('an invalid stored config disables its capability, and the log and the preview report it', async (t) => {
  const store = (table: string, id: string, uses: object[]) =>
    runSql(
      server.databaseUrl,
      `update ${table} set capabilities = '${JSON.stringify(uses)}' where id = '${id}'`,
    )
  for (const use of outdated) {
    for (const owner of ['agent', 'session']) {
      const agent = await agentWith({ ref: 'session_file_system' })
      const session = await createSession(server, { agent_id: agent.id })
      const [table, id] = owner === 'agent' ? ['agents', agent.id] : ['sessions', session.id]
      await store(table, id, [use])
      const { tools, warnings } = await effective(session.id, 'session_file_system')
      assert.deepEqual(tools, [])
      assert.match(
        warnings[0]!,
        new RegExp(`config of the ${owner} for session_file_system is invalid`),
      )
      const write = { name: 'write_file', arguments: { path: '/a', content: 'x' } }
      const events = await converse(
        t,
        server,
        session.id,
        scripted({ tool_calls: [write] }, { text: 'x' }),
      )
      assert.equal(dataOf(events, 'capability.unavailable')!.capability_id, 'session_file_system')
      assert.match(dataOf(events, 'tool.completed')!.error!, /^Tool definition not found/)
    }
  }
})
