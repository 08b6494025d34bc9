/** Requests as this API's published clients send them, byte for byte, and the fields they read. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { createKey, signInAdmin, startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { caller } from '../../apps/server/test/server.ts'
import { scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import {
  readAgent,
  readCapability,
  readEvent,
  readList,
  readMessage,
  readSession,
} from './reading.ts'

const json = 'application/json'
const words = Array.from({ length: 40 }, (_, n) => `word${n}`).join(' ')
const deltas = ['output.message.delta', 'reason.thinking.delta']

let server: Awaited<ReturnType<typeof startGuarded>>
let key: string

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  key = (await createKey(server, await signInAdmin(server))).key
})

/** All clients send the key without a scheme, and a Content-Type also without a body. */
async function send(method: string, path: string, body?: string, headers: object = {}) {
  const answer = await caller(server.url)(method, `/api/v1${path}`, body, {
    authorization: key,
    'content-type': json,
    ...headers,
  })
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

const sendJson = (method: string, path: string, body: unknown) =>
  send(method, path, JSON.stringify(body))

const newAgent = (fields: object = {}) =>
  sendJson('POST', '/agents', { name: 'Porter', system_prompt: 'You open doors.', ...fields })

async function newSession(fields: object = {}) {
  const agent = await newAgent(fields)
  return (await sendJson('POST', '/sessions', { agent_id: agent.id })).id as string
}

const say = (session: string, text: string) =>
  sendJson('POST', `/sessions/${session}/messages`, {
    message: { role: 'user', content: [{ type: 'text', text }] },
  })

/** A stream as clients open it. */
const stream = (t: TestContext, sessionId: string, query = '') =>
  follow(t, server.url, {
    sessionId,
    query,
    headers: { authorization: key, accept: 'text/event-stream', 'cache-control': 'no-cache' },
  })

async function untilIdle(t: TestContext, session: string, query?: string): Promise<Event[]> {
  const opened = await stream(t, session, query)
  await opened.event('session.idled')
  opened.close()
  return opened.events
}

test('a key without a scheme, as Bearer and as ApiKey is the same caller under both base paths', async () => {
  for (const authorization of [key, `Bearer ${key}`, `ApiKey ${key}`, `bearer ${key}`]) {
    for (const base of ['', '/api']) {
      const headers = { authorization, 'content-type': json }
      const { status } = await caller(server.url)('GET', `${base}/v1/agents`, undefined, headers)
      assert.equal(status, 200, `${authorization.replace(key, '<key>')} ${base}`)
    }
  }
})

const agentBodies: Record<string, object> = {
  'as the TypeScript client does': { model: 'gpt-5' },
  'as the first Python client does': { tags: [] },
  'as the first Rust client does': {},
  'as later clients do': { capabilities: [], tools: [], tags: [], initial_files: [] },
  'with null for absent fields': {
    description: null,
    default_model_id: null,
    tags: null,
    capabilities: null,
  },
}

for (const [how, fields] of Object.entries(agentBodies)) {
  test(`agents are created ${how}, read, and archived by a DELETE with a Content-Type`, async () => {
    const made = await newAgent(fields)
    readAgent(made)
    readAgent(await send('GET', `/agents/${made.id}`))
    assert.equal(await send('DELETE', `/agents/${made.id}`), '')
    assert.equal((await send('GET', `/agents/${made.id}`)).status, 'archived')
  })
}

test('the first POST creates an agent with an id of the client’s, the second replaces it', async () => {
  const id = `agent_${'0123456789abcdef'.repeat(2)}`
  readAgent(await newAgent({ id }))
  const again = await newAgent({ id, system_prompt: 'You close doors.' })
  readAgent(again)
  assert.deepEqual([again.id, again.system_prompt], [id, 'You close doors.'])
})

test('a file is imported as text/plain, and its export imported again', async () => {
  const headers = { 'content-type': 'text/plain' }
  const text = '---\nname: porter\ntags: [doors]\n---\nYou open doors.\n'
  const made = await send('POST', '/agents/import', text, headers)
  readAgent(made)
  const exported = await send('GET', `/agents/${made.id}/export`)
  const again = await send('POST', '/agents/import', exported, headers)
  assert.deepEqual(
    [again.name, again.tags, again.system_prompt],
    ['porter', ['doors'], made.system_prompt],
  )
})

test('sessions are opened with an agent and capabilities alone, read, and deleted', async () => {
  const { id: agent_id } = await newAgent()
  const bodies = [
    { agent_id },
    { agent_id, capabilities: [{ ref: 'test_math' }] },
    { agent_id, capabilities: [{ ref: 'test_math', config: null }], title: null, model_id: null },
    { agent_id, title: 'Doors', tags: [], capabilities: [], tools: [], initial_files: [] },
  ]
  for (const body of bodies) {
    const made = await sendJson('POST', '/sessions', body)
    readSession(made)
    readSession(await send('GET', `/sessions/${made.id}`))
    await send('DELETE', `/sessions/${made.id}`)
  }
  const listed = await send('GET', `/sessions?agent_id=${agent_id}`)
  assert.deepEqual(readList(listed, readSession), [])
})

test('a turn is cancelled with {}, with null and without a body', async (t) => {
  const endless = scripted({ text: words, tokens_per_second: 2 })
  for (const body of ['{}', 'null', undefined]) {
    const session = await newSession()
    await say(session, endless)
    const opened = await stream(t, session)
    await opened.event('output.message.delta')
    const answer = await send('POST', `/sessions/${session}/cancel`, body)
    assert.equal(answer.status, 'cancelled', body)
    await opened.event('session.idled')
    assert.equal((await send('POST', `/sessions/${session}/cancel`, body)).status, 'no_op')
    readList(await send('GET', `/sessions/${session}/messages`), readMessage)
    readList(await send('GET', `/sessions/${session}/events`), readEvent)
  }
})

test('a message may have nulls and options of other servers, and is read with all that follows', async (t) => {
  const session = await newSession({ capabilities: [{ ref: 'test_math' }] })
  const sum = { name: 'add', arguments: { a: 2, b: 3 } }
  const wrong = { name: 'divide', arguments: { a: 2, b: 0 } }
  const text = scripted(
    { thinking: 'Hm.', text: 'Let me see.', tool_calls: [sum, wrong] },
    { text: '5' },
  )
  const image = { type: 'image', url: null, base64: 'aGk=', media_type: null }
  const posted = await sendJson('POST', `/sessions/${session}/messages`, {
    message: { role: 'user', content: [{ type: 'text', text }, image] },
    controls: { model_id: null, max_tokens: 100, temperature: 0.5 },
    metadata: null,
    tags: null,
  })
  readMessage(posted)
  const events = await untilIdle(t, session)
  for (const event of events) readEvent(event)
  const messages = readList(await send('GET', `/sessions/${session}/messages`), readMessage)
  const roles = messages.map(({ role }) => role)
  assert.deepEqual(roles, ['user', 'agent', 'tool_result', 'tool_result', 'agent'])
  readSession(await send('GET', `/sessions/${session}`))
})

const opened = { result: { open: true }, error: null }
const stuck = { result: null, error: 'It is stuck.' }

for (const [outcome, told] of Object.entries({ opened, stuck })) {
  test(`the result of a tool is sent as a message: ${outcome}`, async (t) => {
    const { session, call, stream } = await untilAsked(t)
    const part = { type: 'tool_result', tool_call_id: call, ...told }
    const message = { role: 'tool_result', content: [part] }
    readMessage(await sendJson('POST', `/sessions/${session}/messages`, { message }))
    await stream.event('session.idled')
    for (const event of stream.events) readEvent(event)
    const messages = readList(await send('GET', `/sessions/${session}/messages`), readMessage)
    const roles = messages.map(({ role }) => role)
    assert.deepEqual(roles, ['user', 'agent', 'tool_result', 'agent'])
    assert.equal(messages[2].content[0].error ?? null, told.error)
  })
}

test('results of tools have an endpoint of their own', async (t) => {
  const { session, call, stream } = await untilAsked(t)
  const results = { tool_results: [{ tool_call_id: call, result: { open: true } }] }
  const { accepted, status } = await sendJson('POST', `/sessions/${session}/tool-results`, results)
  assert.deepEqual([accepted, status], [1, 'active'])
  await stream.event('session.idled')
})

/** A session whose turn waits for a tool of the client's. */
async function untilAsked(t: TestContext) {
  const parameters = { type: 'object', properties: {} }
  const tool = { type: 'client_side', name: 'open_door', description: 'Opens.', parameters }
  const session = await newSession({ tools: [tool] })
  const door = { name: 'open_door', arguments: {} }
  await say(session, scripted({ tool_calls: [door] }, { text: 'Well.' }))
  const opened = await stream(t, session)
  const { data } = await opened.event('tool.call_requested')
  readSession(await send('GET', `/sessions/${session}`))
  return { session, call: data.tool_calls[0]!.id, stream: opened }
}

test('every list is data, total, offset and limit', async (t) => {
  const session = await newSession()
  await say(session, 'Hello')
  await untilIdle(t, session)
  assert.notEqual(readList(await send('GET', '/agents'), readAgent).length, 0)
  assert.notEqual(readList(await send('GET', '/sessions'), readSession).length, 0)
  assert.notEqual(readList(await send('GET', '/capabilities'), readCapability).length, 0)
  readCapability(await send('GET', '/capabilities/test_math'))
})

test('exclude is one value with commas, plain or encoded, or a key for each type', async (t) => {
  const session = await newSession()
  await say(session, 'Hello')
  await untilIdle(t, session)
  const path = `/sessions/${session}/events`
  const all = readList(await send('GET', path), readEvent)
  const wanted = all.filter(({ type }) => !['turn.started', 'llm.generation'].includes(type))
  assert.equal(wanted.length, all.length - 2)
  for (const exclude of [
    'exclude=turn.started,llm.generation',
    'exclude=turn.started%2Cllm.generation',
    'exclude=turn.started&exclude=llm.generation',
  ]) {
    assert.deepEqual(readList(await send('GET', `${path}?${exclude}`), readEvent), wanted, exclude)
    const streamed = await untilIdle(t, session, `?${exclude}&exclude=${deltas.join()}`)
    assert.deepEqual(streamed, wanted, exclude)
  }
})

test('after any event the list and the stream return the rest in the same order', async (t) => {
  const session = await newSession()
  await say(session, 'Hello')
  await untilIdle(t, session)
  const path = `/sessions/${session}/events`
  const all = (await send('GET', path)).data as Event[]
  for (const [index, { id }] of all.entries()) {
    const rest = all.slice(index + 1)
    assert.deepEqual((await send('GET', `${path}?since_id=${id}`)).data, rest)
    if (rest.length === 0) continue
    const exclude = deltas.map((type) => `&exclude=${type}`).join('')
    assert.deepEqual(await untilIdle(t, session, `?since_id=${id}${exclude}`), rest)
  }
})

test('each refused request has its status and a JSON body with a message', async () => {
  const ask = caller(server.url)
  const known = { authorization: key, 'content-type': json }
  const none = `agent_${'0'.repeat(32)}`
  for (const [status, path, headers] of [
    [404, `/agents/${none}`, known],
    [404, `/sessions/session_${'0'.repeat(32)}/sse`, known],
    [401, '/agents', { ...known, authorization: `evr_${'0'.repeat(64)}` }],
    [401, '/sessions', {}],
    [400, '/agents/Porter', known],
  ] as const) {
    const answer = await ask('GET', `/v1${path}`, undefined, headers)
    assert.equal(answer.status, status, path)
    assert.equal(typeof answer.body.error, 'string')
  }
})
