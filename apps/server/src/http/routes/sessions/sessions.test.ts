import assert from 'node:assert/strict'
import test from 'node:test'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, eventsOf, post } from '../../../../test/session.ts'

const unknown = `session_${'a'.repeat(32)}`
const fields = [
  'id',
  'organization_id',
  'agent_id',
  'harness_id',
  'user',
  'key',
  'title',
  'tags',
  'model_id',
  'capabilities',
  'tools',
  'max_iterations',
  'parallel_tool_calls',
  'network_access',
  'status',
  'waiting_for',
  'last_turn',
  'preview',
  'output_preview',
  'usage',
  'forked_from',
  'forked_from_session_id',
  'forked_from_sequence',
  'parent_session_id',
  'system_prompt',
  'locale',
  'hints',
  'features',
  'is_pinned',
  'superseded_by',
  'legal_hold',
  'started_at',
  'finished_at',
  'created_at',
  'updated_at',
]

test('a session carries every field from the first moment on, and session.started is sequence 1', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const session = await createSession(server, { agent_id: agent.id })
  assert.deepEqual(Object.keys(session), fields)
  const { id, created_at, updated_at, ...rest } = session
  assert.match(id, /^session_[0-9a-f]{32}$/)
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
  assert.equal(updated_at, created_at)
  assert.deepEqual(rest, {
    organization_id: 'org_00000000000000000000000000000001',
    agent_id: agent.id,
    harness_id: 'harness_00000000000000000000000000000001',
    user: null,
    key: null,
    title: null,
    tags: [],
    model_id: null,
    capabilities: [],
    tools: [],
    max_iterations: null,
    parallel_tool_calls: null,
    network_access: null,
    status: 'started',
    waiting_for: null,
    last_turn: null,
    preview: null,
    output_preview: null,
    usage: null,
    forked_from: null,
    forked_from_session_id: null,
    forked_from_sequence: null,
    parent_session_id: null,
    system_prompt: null,
    locale: null,
    hints: null,
    features: ['file_system'],
    is_pinned: false,
    superseded_by: null,
    legal_hold: false,
    started_at: null,
    finished_at: null,
  })
  const [first, ...more] = await eventsOf(server, id)
  assert.deepEqual(
    [first!.type, first!.sequence, first!.data, more.length],
    ['session.started', 1, { agent_id: agent.id }, 0],
  )
  assert.deepEqual((await server.call('GET', `/v1/sessions/${id}`)).body, session)
  assert.deepEqual((await server.call('GET', `/api/v1/sessions/${id}`)).body, session)
})

test('the status machine, previews, usage and times follow the turns', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const get = async () => (await server.call('GET', `/v1/sessions/${id}`)).body
  const long = `${'é'.repeat(210)} end`
  await converse(t, server, id, long)
  const idle = await get()
  assert.equal(idle.status, 'idle')
  assert.equal(idle.preview, `${'é'.repeat(200)}…`)
  assert.match(idle.output_preview, /a simulated model/)
  assert.ok(idle.usage.input_tokens > 0 && idle.usage.output_tokens > 0)
  assert.equal('cache_read_tokens' in idle.usage, false)
  assert.ok(idle.started_at <= idle.finished_at)
  await post(server, id, 'llmsim-script: [{"delay_ms":600000,"text":"late"}]')
  const active = await get()
  assert.deepEqual([active.status, active.finished_at], ['active', null])
  assert.equal(active.started_at, idle.started_at)
  const listed = (await server.call('GET', '/v1/sessions?status=active')).body
  assert.deepEqual([listed.total, listed.data[0].id], [1, id])
  await server.call('POST', `/v1/sessions/${id}/cancel`)
})

test('refuses an invalid session with the place', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const create = (body: unknown) => server.call('POST', '/v1/sessions', body)
  const cases: [object | string, number, string, string?][] = [
    [{ agent_id: 'agent_1' }, 400, 'invalid_request', 'agent_id'],
    [{ agent_id: agent.id.toUpperCase() }, 400, 'invalid_request', 'agent_id'],
    [{ agent_id: `agent_${'b'.repeat(32)}` }, 404, 'not_found'],
    [{ agent_id: agent.id, title: 'x'.repeat(256) }, 400, 'invalid_request', 'title'],
    [{ agent_id: agent.id, title: 'a\0b' }, 400, 'invalid_request', 'title'],
    [{ agent_id: agent.id, tags: Array(51).fill('t') }, 400, 'invalid_request', 'tags'],
    [{ agent_id: agent.id, tags: ['x'.repeat(101)] }, 400, 'invalid_request', 'tags/0'],
    [{ agent_id: agent.id, tags: 'x' }, 400, 'invalid_request', 'tags'],
    [
      { agent_id: agent.id, model_id: `model_${'c'.repeat(32)}` },
      400,
      'model_unavailable',
      'model_id',
    ],
    [
      { agent_id: agent.id, capabilities: [{ ref: 'flying' }] },
      400,
      'capability_unknown',
      'capabilities/0/ref',
    ],
    [
      {
        agent_id: agent.id,
        capabilities: [{ ref: 'current_time', config: { timezone: 'Mars/Base' } }],
      },
      400,
      'invalid_request',
      'capabilities/0/config/timezone',
    ],
    [
      { agent_id: agent.id, capabilities: [{ ref: 'noop' }, { ref: 'noop' }] },
      400,
      'invalid_request',
      'capabilities/1/ref',
    ],
    ['{"agent_id":', 400, 'invalid_json'],
    ['', 400, 'invalid_request'],
    ['[]', 400, 'invalid_request'],
  ]
  for (const [body, status, code, path] of cases) {
    const answer = await create(body)
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body))
    if (path !== undefined) {
      assert.ok(
        answer.body.details.some((detail: { path: string }) => detail.path === path),
        `${JSON.stringify(body)} ${JSON.stringify(answer.body)}`,
      )
    }
  }
  assert.equal((await server.call('GET', '/v1/sessions')).body.total, 0)
})

test('an archived agent starts no sessions, and its existing ones continue', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const { id } = await createSession(server, { agent_id: agent.id })
  await server.call('DELETE', `/v1/agents/${agent.id}`)
  const refused = await server.call('POST', '/v1/sessions', { agent_id: agent.id })
  assert.deepEqual([refused.status, refused.body.code], [409, 'agent_archived'])
  await converse(t, server, id, 'still there?')
})

test('PATCH changes title and tags; null and absent leave them; nothing else is touched', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server, { title: 'One', tags: ['a'] })
  const patch = (body: unknown) => server.call('PATCH', `/v1/sessions/${id}`, body)
  assert.equal((await patch({ title: 'Two' })).body.title, 'Two')
  const kept = (await patch({ title: null, tags: null, status: 'idle' })).body
  assert.deepEqual([kept.title, kept.tags, kept.status], ['Two', ['a'], 'started'])
  assert.deepEqual((await patch({ tags: [] })).body.tags, [])
  assert.equal((await patch({ title: 5 })).status, 400)
  assert.equal((await patch({ title: '\ud800x' })).body.title, '\ufffdx')
  assert.equal((await patch({ title: '' })).body.title, null)
  assert.equal((await server.call('GET', `/v1/sessions/${id}`)).body.title, null)
  assert.equal((await createSession(server, { title: '' })).title, null)
  assert.equal((await server.call('PATCH', `/v1/sessions/${unknown}`, {})).status, 404)
})

test('DELETE removes a session with its events, once', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server)
  const { id } = await createSession(server, { agent_id: agent.id })
  await converse(t, server, id, 'hi')
  const path = `/v1/sessions/${id}`
  assert.equal((await server.call('DELETE', path)).status, 204)
  for (const [method, at] of [
    ['DELETE', path],
    ['GET', path],
    ['PATCH', path],
    ['GET', `${path}/events`],
    ['GET', `${path}/messages`],
    ['GET', `${path}/sse`],
    ['POST', `${path}/cancel`],
    ['POST', `${path}/messages`],
  ] as const) {
    const body =
      method === 'PATCH' ? {} : at.endsWith('messages') ? { message: { content: [] } } : undefined
    const answer = await server.call(
      method,
      at,
      method === 'GET' || method === 'DELETE' ? undefined : body,
    )
    assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'], `${method} ${at}`)
    assert.equal(answer.body.error, 'Session not found')
  }
  assert.equal((await server.call('GET', `/v1/sessions?agent_id=${agent.id}`)).body.total, 0)
})

test('lists are newest first, paginated, filtered and counted', async (t) => {
  const server = await startServer(t)
  const [ada, bob] = [await createAgent(server), await createAgent(server, { name: 'Bob' })]
  const ids: string[] = []
  for (let n = 0; n < 25; n += 1) {
    const agent_id = n % 5 === 0 ? bob.id : ada.id
    const title = n === 7 ? '100% of Žluťoučký_kůň' : `Session ${n}`
    ids.unshift((await createSession(server, { agent_id, title, tags: [`t${n % 2}`] })).id)
  }
  const list = async (query: string) => (await server.call('GET', `/v1/sessions${query}`)).body
  const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id)
  const first = await list('')
  assert.deepEqual([first.total, first.offset, first.limit], [25, 0, 20])
  assert.deepEqual(idsOf(first), ids.slice(0, 20))
  const second = await list('?offset=20&limit=1000')
  assert.deepEqual([second.offset, second.limit], [20, 100])
  assert.deepEqual(idsOf(second), ids.slice(20))
  assert.deepEqual((await list('?offset=1000')).data, [])
  const ofBob = await list(`?agent_id=${bob.id}&limit=2`)
  assert.deepEqual([ofBob.total, ...idsOf(ofBob)], [5, ids[4], ids[9]])
  const whole = await list('?limit=1000')
  assert.deepEqual([whole.total, whole.limit, ...idsOf(whole)], [25, 100, ...ids])
  assert.equal((await list(`?agent_id=agent_${'d'.repeat(32)}`)).total, 0)
  assert.deepEqual([(await list('?tag=t1')).total, (await list('?tag=none')).total], [12, 0])
  for (const search of ['100%25', 'žluť', '_kůň']) {
    assert.deepEqual(idsOf(await list(`?search=${search}`)), [ids[17]], search)
  }
  await converse(t, server, ids[3]!, 'a preview to be found')
  assert.deepEqual(idsOf(await list('?search=PREVIEW%20to')), [ids[3]])
  assert.deepEqual(idsOf(await list('?status=idle')), [ids[3]])
  assert.equal((await list('?status=started&tag=t0')).total, 13)
  for (const query of [
    'limit=0',
    'limit=-1',
    'limit=x',
    'limit=1.5',
    'limit=true',
    'limit=1&limit=2',
    'offset=-1',
    'status=gone',
    'agent_id=x',
    'search=%00',
  ]) {
    const answer = await server.call('GET', `/v1/sessions?${query}`)
    assert.deepEqual([answer.status, answer.body.code], [400, 'invalid_request'], query)
  }
})

test('a message that is no message is refused, and nothing of it is stored', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const send = (body: unknown) => server.call('POST', `/v1/sessions/${id}/messages`, body)
  const text = { type: 'text', text: 'hi' }
  for (const body of [
    {},
    { message: {} },
    { message: { content: 'hi' } },
    { message: { content: [{ type: 'text' }] } },
    { message: { content: [{ type: 'song', text: 'la' }] } },
    { message: { content: [{ type: 'tool_call', id: '1', name: 'x', arguments: {} }] } },
    { message: { role: 'system', content: [text] } },
    { message: { content: [text] }, controls: { model_id: 'gpt' } },
    { message: { content: [text] }, tags: ['x'.repeat(101)] },
  ]) {
    const answer = await send(body)
    assert.deepEqual(
      [answer.status, answer.body.code],
      [400, 'invalid_request'],
      JSON.stringify(body),
    )
    assert.ok(answer.body.details.length > 0)
  }
  const large = JSON.stringify({ message: { content: [{ type: 'text', text: 'x'.repeat(9e6) }] } })
  const refused = await send(large)
  assert.deepEqual([refused.status, refused.body.code], [413, 'body_too_large'])
  assert.equal((await eventsOf(server, id)).length, 1)
})

test('messages keep their metadata and list with stable tool results', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const content = [{ type: 'text', text: 'What is 2 + 3? \0 \ud800' }]
  const extra = { metadata: { a: [1, { b: null }] }, tags: ['x', 'y'], controls: { reasoning: {} } }
  const posted = await server.call('POST', `/v1/sessions/${id}/messages`, {
    message: { content },
    ...extra,
  })
  assert.equal(posted.status, 201)
  const { id: messageId, created_at, ...rest } = posted.body
  assert.match(messageId, /^message_[0-9a-f]{32}$/)
  assert.ok(created_at)
  assert.deepEqual(rest, {
    role: 'user',
    content: [{ type: 'text', text: 'What is 2 + 3? \0 \ufffd' }],
    ...extra,
    session_id: id,
    sequence: 2,
  })
  for (let idle = false; !idle; ) {
    idle = (await server.call('GET', `/v1/sessions/${id}`)).body.status === 'idle'
  }
  const list = async (query = '') =>
    (await server.call('GET', `/v1/sessions/${id}/messages${query}`)).body
  const all = await list()
  assert.deepEqual(await list(), all)
  assert.deepEqual(
    all.data.map(({ role }: { role: string }) => role),
    ['user', 'agent', 'tool_result', 'agent'],
  )
  assert.deepEqual(all.data[0], posted.body)
  assert.equal(all.total, 4)
  const [result] = all.data[2].content
  assert.match(result.result, /"result":5/)
  assert.equal(result.tool_call_id, all.data[1].content.at(-1).id)
  assert.match(all.data[2].id, /^message_[0-9a-f]{32}$/)
  const part = await list('?offset=1&limit=2')
  assert.deepEqual([part.data, part.total, part.offset], [all.data.slice(1, 3), 4, 1])
  const session = (await server.call('GET', `/v1/sessions/${id}`)).body
  assert.equal(session.preview, 'What is 2 + 3? \ufffd \ufffd')
})

test('a message without content still gets an answer', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  await server.call('POST', `/v1/sessions/${id}/messages`, { message: { content: [] } })
  for (let status = ''; status !== 'idle'; ) {
    status = (await server.call('GET', `/v1/sessions/${id}`)).body.status
  }
  const types = (await eventsOf(server, id)).map(({ type }) => type)
  assert.ok(types.includes('turn.completed'))
})
