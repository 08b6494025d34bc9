/** Names to show, files, and limits of turns on agents and sessions. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let call: Call
beforeAll(async (t) => {
  server = await startServer(t as TestContext, { env: { TURN_ITERATIONS_MAX: '20' } })
  call = server.call
})

const settings = {
  display_name: 'Ada, the first',
  initial_files: [{ path: '/guide.md', content: 'Be kind.', is_readonly: true }],
  max_iterations: 5,
  parallel_tool_calls: false,
  network_access: { allowed: ['*.example.com'], blocked: ['admin.example.com'] },
}
const limits = (agent: object) => {
  const { max_iterations, parallel_tool_calls, network_access } = agent as typeof settings
  return { max_iterations, parallel_tool_calls, network_access }
}
const refusedAt = ({ status, body }: Awaited<ReturnType<Call>>, path: string) =>
  assert.deepEqual([status, body.details?.[0]?.path], [400, path], JSON.stringify(body))

const contentOf = async (sessionId: string, path: string) => {
  const { body } = await call('GET', `/v1/sessions/${sessionId}/fs${path}`)
  return body.content as string
}

test('an agent keeps its settings until they are changed or left out', async () => {
  const agent = await createAgent(server, settings)
  const path = `/v1/agents/${agent.id}`
  assert.deepEqual({ ...agent, ...settings }, agent)
  assert.deepEqual((await call('GET', path)).body, agent)
  const unchanged = Object.fromEntries(Object.keys(settings).map((name) => [name, null]))
  const same = (await call('PATCH', path, unchanged)).body
  assert.deepEqual({ ...same, updated_at: agent.updated_at }, agent)
  const changes = {
    display_name: 'Bea',
    initial_files: [],
    max_iterations: 20,
    parallel_tool_calls: true,
    network_access: {},
  }
  const { initial_files: _, ...shown } = changes
  const changed = (await call('PATCH', path, changes)).body
  assert.deepEqual({ ...changed, ...shown }, changed)
  assert.equal(changed.initial_files, undefined)
  const { name, system_prompt } = agent
  const whole = (await call('PUT', path, { name, system_prompt })).body
  for (const field of Object.keys(settings)) assert.equal(whole[field], undefined, field)
})

test('settings without a meaning are refused on agents, previews and sessions', async () => {
  const agent_id = (await createAgent(server)).id
  const many = Array.from({ length: 201 }, () => 'example.com')
  const file = { path: '/a', content: '' }
  const cases: [fields: object, path: string][] = [
    [{ max_iterations: 0 }, 'max_iterations'],
    [{ max_iterations: 21 }, 'max_iterations'],
    [{ max_iterations: 1.5 }, 'max_iterations'],
    [{ parallel_tool_calls: 'no' }, 'parallel_tool_calls'],
    [{ network_access: { allowed: ['a.b', 'http://a.b'] } }, 'network_access/allowed/1'],
    [{ network_access: { blocked: ['a.b:80'] } }, 'network_access/blocked/0'],
    [{ network_access: { allowed: many } }, 'network_access/allowed'],
    [{ network_access: [] }, 'network_access'],
    [{ initial_files: [file, { content: '' }] }, 'initial_files/1'],
    [{ initial_files: [{ path: '/../a', content: '' }] }, 'initial_files/0/path'],
    [{ initial_files: [{ path: '/', content: '' }] }, 'initial_files/0/path'],
    [{ initial_files: [{ path: '/_a', content: '' }] }, 'initial_files/0/path'],
    [{ initial_files: [{ path: `/${'a'.repeat(1025)}`, content: '' }] }, 'initial_files/0/path'],
    [{ initial_files: [file, { path: '/a/b', content: '' }] }, 'initial_files/1/path'],
    [
      { initial_files: [{ path: '/a', content: '!', encoding: 'base64' }] },
      'initial_files/0/content',
    ],
    [
      { initial_files: [{ path: '/a', content: '', encoding: 'gzip' }] },
      'initial_files/0/encoding',
    ],
    [{ initial_files: Array.from({ length: 101 }, () => file) }, 'initial_files'],
    [
      { initial_files: ['/a', '/b'].map((path) => ({ path, content: 'x'.repeat(600_000) })) },
      'initial_files',
    ],
  ]
  const agent = { name: 'Ada', system_prompt: 'You are Ada.' }
  for (const [fields, path] of cases) {
    refusedAt(await call('POST', '/v1/agents', { ...agent, ...fields }), path)
    if (!('initial_files' in fields)) {
      refusedAt(await call('POST', '/v1/agents/preview', { ...agent, ...fields }), path)
    }
    refusedAt(await call('POST', '/v1/sessions', { agent_id, ...fields }), path)
  }
  refusedAt(await call('POST', '/v1/agents', { ...agent, display_name: '' }), 'display_name')
  refusedAt(await call('POST', '/v1/agents', { ...agent, display_name: 'a\nb' }), 'display_name')
})

test('a session narrows the limits of its agent and widens none', async () => {
  const agent_id = (await createAgent(server, settings)).id
  const none = { max_iterations: null, parallel_tool_calls: null, network_access: null }
  assert.deepEqual(limits(await createSession(server, { agent_id })), none)
  const narrower = {
    max_iterations: 2,
    parallel_tool_calls: false,
    network_access: { allowed: ['docs.example.com/api', '*.a.example.com'] },
  }
  const session = await createSession(server, { agent_id, ...narrower })
  assert.deepEqual(limits(session), narrower)
  assert.deepEqual(limits((await call('GET', `/v1/sessions/${session.id}`)).body), narrower)
  const fork = await call('POST', `/v1/sessions/${session.id}/fork`, {})
  assert.deepEqual(limits(fork.body), narrower)
  const wider: [fields: object, path: string][] = [
    [{ max_iterations: 6 }, 'max_iterations'],
    [{ parallel_tool_calls: true }, 'parallel_tool_calls'],
    [{ network_access: { allowed: ['a.example.com', 'example.com'] } }, 'network_access/allowed/1'],
  ]
  for (const [fields, path] of wider) {
    const refused = await call('POST', '/v1/sessions', { agent_id, ...fields })
    refusedAt(refused, path)
    assert.equal(refused.body.code, 'session_widens_agent')
  }
})

test('a chat token sees no limits of its session', async (t) => {
  const guarded = await startGuarded(t)
  const { call } = await createKey(guarded, await registerPerson(guarded))
  const mine = { call, url: guarded.url }
  const { id } = await createSession(mine, { max_iterations: 2 })
  for (const [view, seen] of [
    ['chat', null],
    ['full', 2],
  ] as const) {
    const body = { access: 'read', view }
    const { token } = expectStatus(await call('POST', `/v1/sessions/${id}/tokens`, body), 201)
    const shown = await callerWith(guarded.url, `Bearer ${token}`)('GET', `/v1/sessions/${id}`)
    assert.equal(expectStatus(shown, 200).max_iterations, seen)
  }
})

test('a new session has the files of its capabilities, its agent and its own', async () => {
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'sample_data' }],
    initial_files: [
      { path: '/guide.md', content: 'Old.' },
      { path: 'guide.md/', content: 'Be kind.', is_readonly: true },
      { path: '/deep/er/bytes', content: 'AAEC/w==', encoding: 'base64' },
      { path: '/both.md', content: 'Of the agent.', is_readonly: true },
    ],
  })
  const { id } = await createSession(server, {
    agent_id: agent.id,
    initial_files: [{ path: '/both.md', content: 'Of the session.' }],
  })
  const { data } = (await call('GET', `/v1/sessions/${id}/fs?recursive=true`)).body
  const files = data.filter((one: { is_directory: boolean }) => !one.is_directory)
  const own = files.filter(({ path }: { path: string }) => !path.startsWith('/samples/'))
  assert.deepEqual(
    own.map(({ path, is_readonly, size_bytes }: Record<string, unknown>) => [
      path,
      is_readonly,
      size_bytes,
    ]),
    [
      ['/both.md', false, 15],
      ['/deep/er/bytes', false, 4],
      ['/guide.md', true, 8],
    ],
  )
  assert.ok(files.length > own.length)
  assert.equal(await contentOf(id, '/guide.md'), 'Be kind.')
  assert.equal(await contentOf(id, '/both.md'), 'Of the session.')
  assert.equal(await contentOf(id, '/deep/er/bytes'), 'AAEC/w==')
  const events = (await call('GET', `/v1/sessions/${id}/events`)).body.data
  assert.equal(events.length, 1)
  assert.equal((await call('GET', `/v1/sessions/${id}`)).body.initial_files, undefined)
})

test('a session whose files cannot be created is not created either', async () => {
  const { id: agent_id } = await createAgent(server, {
    initial_files: [{ path: '/a', content: 'A file.' }],
  })
  const count = async () => (await call('GET', `/v1/sessions?agent_id=${agent_id}`)).body.total
  const below = { agent_id, initial_files: [{ path: '/a/b', content: 'Below.' }] }
  const refused = await call('POST', '/v1/sessions', below)
  assert.deepEqual([refused.status, refused.body.code], [400, 'path_is_file'])
  assert.equal(await count(), 0)
})

test('a changed list of files changes new sessions only', async () => {
  const agent = await createAgent(server, { initial_files: [{ path: '/a', content: 'One.' }] })
  const first = await createSession(server, { agent_id: agent.id })
  const files = { initial_files: [{ path: '/a', content: 'Two.' }] }
  await call('PATCH', `/v1/agents/${agent.id}`, files)
  const second = await createSession(server, { agent_id: agent.id })
  assert.equal(await contentOf(first.id, '/a'), 'One.')
  assert.equal(await contentOf(second.id, '/a'), 'Two.')
})
