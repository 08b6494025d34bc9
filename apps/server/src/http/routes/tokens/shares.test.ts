import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'
import { runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startModel } from '../../../../test/remotes/written-model.ts'
import type { Call } from '../../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'
import { builtins } from '../../../capabilities/index.ts'
import { privateTools } from '../../security/share-view.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Awaited<ReturnType<typeof registerPerson>>
let mine: { url: string; call: Call }

beforeAll(async (t) => {
  const env = { SIMULATED_SCRIPTS: 'true', PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' }
  server = await startGuarded(t as TestContext, { env })
  person = await registerPerson(server)
  mine = { url: server.url, call: person.call }
})

const argument = 98_765_432_109_876

/** A session with a tool call. Its prompt, user, key and metadata are private. */
async function secretive() {
  const agent = await createAgent(mine, {
    system_prompt: 'Secret prompt',
    capabilities: [{ ref: 'test_math' }],
  })
  const fields = { agent_id: agent.id, title: 'Sums', user: 'vole', key: 'chat-9', tags: ['vip'] }
  const session = await createSession(mine, fields)
  const path = `/v1/sessions/${session.id}`
  const call = { name: 'add', arguments: { a: argument, b: 3 } }
  const text = scripted({ thinking: 'Hmm', tool_calls: [call] }, { text: 'Five.' })
  expectStatus(
    await post(mine, session.id, text, { metadata: { ticket: 'OPS-7' }, tags: ['x-tag'] }),
    201,
  )
  await untilIdle(path)
  const share = async (body: object = {}, by: Call = person.call) => {
    const made = expectStatus(await by('POST', `${path}/shares`, body), 201)
    return { ...made, read: callerWith(server.url, `Bearer ${made.token}`) as Call }
  }
  return { session, path, share }
}

/** Waits for the end of the turn. */
async function untilIdle(path: string) {
  await eventually(async () => (await mine.call('GET', path)).body.status === 'idle')
  const { id } = (await mine.call('GET', path)).body.last_turn
  return { turn_id: id as string }
}

const textOf = (body: unknown) => JSON.stringify(body)

/** The replies and the tools. The message of the user has the script, with all of it. */
const stepsIn = (events: { type: string }[]) =>
  textOf(events.filter(({ type }) => /^(tool|output|reason)\./.test(type)))

test('a link shows the conversation without prompts, tools, costs, people and other sessions', async (t) => {
  const { session, path, share } = await secretive()
  const { read, path: page, token, id } = await share()
  assert.equal(page, `/shared/${session.id}#${token}`)
  const seen = expectStatus(await read('GET', path), 200)
  assert.deepEqual(
    [seen.title, seen.user, seen.key, seen.tags, seen.usage],
    ['Sums', null, null, [], null],
  )
  const stored = expectStatus(await read('GET', `${path}/events`), 200)
  const events = textOf(stored)
  assert.match(events, /Five\./)
  const hidden = [
    'Secret prompt',
    'vole',
    'OPS-7',
    'x-tag',
    'cost_usd',
    'input_tokens',
    'llm.generation',
  ]
  for (const word of [...hidden, person.name, 'prompt_hash']) {
    assert.ok(!events.includes(word), word)
  }
  assert.ok(
    !stepsIn(stored.data).includes(String(argument)) && !stepsIn(stored.data).includes('Hmm'),
  )
  const detailed = await share({ include: ['details'], name: 'Review', expires_in: 60 })
  const all = textOf(expectStatus(await detailed.read('GET', `${path}/events`), 200))
  assert.ok(stepsIn(JSON.parse(all).data).includes(String(argument)) && all.includes('"result"'))
  for (const word of hidden) assert.ok(!all.includes(word), word)
  const query = `?access_token=${token}`
  const stream = await follow(t, server.url, { sessionId: session.id, query })
  expectStatus(await post(mine, session.id, 'Hello'), 201)
  await stream.event('session.idled', 2)
  for (const word of hidden) assert.ok(!textOf(stream.events).includes(word), word)
  stream.close()
  const listed = expectStatus(await person.call('GET', `${path}/shares`), 200)
  assert.deepEqual(
    listed.data.map(({ id, name, include, user_id }: Record<string, unknown>) => [
      id,
      name,
      include,
      user_id,
    ]),
    [
      [detailed.id, 'Review', ['details'], person.id],
      [id, 'Link', [], person.id],
    ],
  )
  assert.ok(!textOf(listed).includes(token))
  assert.deepEqual(expectStatus(await person.call('GET', `${path}/tokens`), 200).data, [])
})

test('the token of a link does nothing but read that session', async () => {
  const { session, path, share } = await secretive()
  const other = await secretive()
  const { read } = await share({ include: ['details'] })
  const attempts: [string, string, object?][] = [
    ['POST', `${path}/messages`, { message: { content: [{ type: 'text', text: 'Hi' }] } }],
    ['POST', `${path}/feedback`, { turn_id: `turn_${'0'.repeat(32)}`, rating: 'up' }],
    ['POST', `${path}/cancel`],
    ['POST', `${path}/fork`, {}],
    ['POST', `${path}/shares`, {}],
    ['GET', `${path}/shares`],
    ['POST', `${path}/tokens`, {}],
    ['GET', `${path}/export`],
    ['GET', `${path}/preview`],
    ['GET', `${path}/why`],
    ['GET', `${path}/budgets`],
    ['GET', `${path}/messages`],
    ['GET', `${path}/fs`],
    ['GET', '/v1/sessions'],
    ['GET', '/v1/agents'],
    ['DELETE', path],
  ]
  for (const [method, at, body] of attempts) {
    const { status } = await read(method, at, body)
    assert.ok(status === 403, `${method} ${at}: ${status}`)
  }
  expectStatus(await read('GET', other.path), 404, 'not_found')
  expectStatus(await read('GET', `${other.path}/events`), 404, 'not_found')
  for (const query of ['q=secret', 'tags=x-tag', 'trace_id=x'])
    expectStatus(await read('GET', `${path}/events?${query}`), 403, 'not_granted')
  const generations = expectStatus(await read('GET', `${path}/events?types=llm.generation`), 200)
  assert.deepEqual(generations.data, [])
  assert.equal((await read('GET', `/v1/sessions/${session.id}`)).status, 200)
})

test('a link reaches no fork, no other organization, and no cache or index', async () => {
  const { session, path, share } = await secretive()
  const fork = expectStatus(await person.call('POST', `${path}/fork`, {}), 201)
  const { token, read } = await share({ include: ['details'] })
  expectStatus(await read('GET', `/v1/sessions/${fork.id}`), 404, 'not_found')
  const shares = `/v1/sessions/${fork.id}/shares`
  const ofFork = expectStatus(await person.call('POST', shares, { include: ['details'] }), 201)
  const readFork = callerWith(server.url, `Bearer ${ofFork.token}`)
  const seen = [
    expectStatus(await readFork('GET', `/v1/sessions/${fork.id}`), 200),
    expectStatus(await readFork('GET', `/v1/sessions/${fork.id}/events`), 200),
  ]
  assert.ok(!textOf(seen).includes(session.id))
  const stranger = await registerPerson(server)
  const elsewhere = { 'x-org-id': stranger.orgId }
  expectStatus(await read('GET', path, undefined, elsewhere), 404, 'not_found')
  expectStatus(await read('GET', path, undefined, { 'x-org-id': person.orgId }), 200)
  const authorization = `Bearer ${token}`
  for (const method of ['PUT', 'PATCH', 'DELETE', 'POST']) {
    const { status } = await fetch(server.url + path, { method, headers: { authorization } })
    assert.ok([403, 404, 405, 415].includes(status), `${method}: ${status}`)
  }
  const inQuery = await fetch(`${server.url}${path}?access_token=${token}`)
  assert.equal(inQuery.status, 401)
  const stored = await fetch(server.url + path, { headers: { authorization } })
  assert.equal(stored.headers.get('cache-control'), 'no-store')
})

test('a link ends when it is revoked, on every node, and only its own organization revokes it', async (t) => {
  const { path, share } = await secretive()
  const other = await startGuarded(t, { databaseUrl: server.databaseUrl })
  const { id, token, read } = await share()
  const kept = await share()
  const there = callerWith(other.url, `Bearer ${token}`)
  const stream = await fetch(`${other.url}${path}/sse?access_token=${token}`)
  assert.equal(stream.status, 200)
  const stranger = await registerPerson(server)
  expectStatus(await stranger.call('GET', `${path}/shares`), 404)
  expectStatus(await stranger.call('DELETE', `${path}/shares/${id}`), 404)
  expectStatus(await stranger.call('POST', `${path}/shares`, {}), 404)
  expectStatus(await person.call('DELETE', `${path}/shares/${id}`), 204)
  expectStatus(await person.call('DELETE', `${path}/shares/${id}`), 404)
  await untilStatus(() => there('GET', path), 401)
  expectStatus(await read('GET', path), 401)
  await stream.text()
  expectStatus(await kept.read('GET', path), 200)
})

test('no link shows secrets, values, answers of people and feedback', async (t) => {
  const agent = await createAgent(mine, { capabilities: [{ ref: 'session_storage' }] })
  const session = await createSession(mine, { agent_id: agent.id })
  const path = `/v1/sessions/${session.id}`
  const secrets = { token: 'sesame-opens' }
  expectStatus(await mine.call('PUT', `${path}/storage/secrets`, { secrets }), 200)
  const calls = [
    { name: 'get_secret', arguments: { name: 'token' } },
    { name: 'set_value', arguments: { key: 'diary', value: 'dear-diary' } },
  ]
  expectStatus(await post(mine, session.id, scripted({ tool_calls: calls }, { text: 'Done' })), 201)
  const { turn_id } = await untilIdle(path)
  const comment = 'Only for colleagues'
  const given = { turn_id, rating: 'down', comment }
  expectStatus(await mine.call('POST', `${path}/feedback`, given), 200)
  const own = textOf(expectStatus(await mine.call('GET', `${path}/events`), 200))
  for (const word of [secrets.token, comment]) assert.ok(own.includes(word), word)
  const created = { include: ['details'] }
  const { token } = expectStatus(await mine.call('POST', `${path}/shares`, created), 201)
  const read = callerWith(server.url, `Bearer ${token}`)
  const listed = expectStatus(await read('GET', `${path}/events`), 200).data
  const query = `?access_token=${token}`
  const stream = await follow(t, server.url, { sessionId: session.id, query })
  await stream.event('session.idled')
  stream.close()
  for (const events of [listed, stream.events]) {
    assert.ok(stepsIn(events).includes('get_secret'))
    for (const word of [secrets.token, 'dear-diary'])
      assert.ok(!stepsIn(events).includes(word), word)
    assert.ok(!textOf(events).includes(comment) && !textOf(events).includes('feedback.given'))
  }
})

test('a link shows that a turn waits for answers, without the questions and without traces', async (t) => {
  const model = await startModel(t)
  const session = await model.session(mine, { capabilities: [{ ref: 'ask_user' }] })
  const path = `/v1/sessions/${session.id}`
  const made = await mine.call('POST', `${path}/shares`, { include: ['details'] })
  const query = `?access_token=${expectStatus(made, 201).token}`
  const stream = await follow(t, server.url, { sessionId: session.id, query })
  const questions = [{ kind: 'text', question: 'Is Hooli the buyer?' }]
  expectStatus(await post(mine, session.id, 'Hello'), 201)
  const written = await model.call()
  written.say('One question first.')
  await stream.event('output.message.delta')
  written.input(0, JSON.stringify({ questions }), { id: 'call_0', name: 'ask_user' })
  written.end()
  const requested = await stream.event('tool.call_requested')
  assert.deepEqual(requested.data.input?.questions, [])
  const own = expectStatus(await mine.call('GET', `${path}/events`), 200).data
  assert.ok(stepsIn(own).includes('Hooli') && textOf(own).includes('span_id'))
  assert.ok(!stepsIn(stream.events).includes('Hooli'))
  for (const field of ['trace_id', 'span_id']) {
    assert.ok(!stepsIn(stream.events).includes(field), field)
  }
})

test('every built-in tool is private or may be shown, and no private tool is unknown', () => {
  const context = { agentId: 'agent', sessionId: 'session' } as never
  const names = builtins.flatMap(({ tools }) =>
    (tools as (...given: never[]) => { name: string }[])({} as never, context).map(
      ({ name }) => name,
    ),
  )
  const known = new Set(names)
  assert.deepEqual(
    [...privateTools].filter((name) => !known.has(name)),
    [],
  )
  const suspect = /secret|_value|keys|^check_budget|ask/
  assert.deepEqual(
    names.filter((name) => suspect.test(name) && !privateTools.has(name)),
    [],
  )
})

test('a forged token reads nothing', async () => {
  const { path, share } = await secretive()
  const other = await secretive()
  const { token } = await share()
  const [head, claims, signature] = token.split('.') as [string, string, string]
  const read = JSON.parse(Buffer.from(claims, 'base64url').toString())
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const session = other.path.split('/').at(-1)
  for (const forged of [
    `${head}.${encoded({ ...read, session })}.${signature}`,
    `${head}.${encoded({ ...read, sub: 'server' })}.${signature}`,
    `${encoded({ alg: 'none' })}.${claims}.`,
    `${head}.${claims}.`,
    `${head}.${claims}.${[...signature].reverse().join('')}`,
  ]) {
    for (const at of [path, other.path]) {
      const call = callerWith(server.url, `Bearer ${forged}`)
      expectStatus(await call('GET', at), 401, 'invalid_token')
    }
  }
})

test('a link never has more than the grants of links, also if its row has more', async () => {
  const { path, share } = await secretive()
  const { id, read } = await share()
  await runSql(
    server.databaseUrl,
    `update session_tokens set access = 'approve', operations = null, files = 'write' where id = '${id}'`,
  )
  expectStatus(await read('GET', path), 200)
  const message = { message: { content: [{ type: 'text', text: 'Hi' }] } }
  expectStatus(await read('POST', `${path}/messages`, message), 403, 'forbidden')
  expectStatus(await read('GET', `${path}/messages`), 403, 'not_granted')
  expectStatus(await read('GET', `${path}/fs`), 403, 'not_granted')
})

test('a link outlives the sign-in of its creator, but not its membership or its key', async () => {
  const member = await addMember(server, person, 'member')
  const { path, share } = await secretive()
  const key = await createKey(server, person)
  const [byMember, byKey, byOwner] = await Promise.all([
    share({}, member.call),
    share({}, key.call),
    share({}, person.call),
  ])
  expectStatus(await member.call('POST', '/v1/auth/logout', {}), 200)
  await untilStatus(() => member.call('GET', path), 401)
  expectStatus(await byMember.read('GET', path), 200)
  expectStatus(await person.call('DELETE', `/v1/orgs/${person.orgId}/members/${member.id}`), 204)
  await untilStatus(() => byMember.read('GET', path), 401)
  expectStatus(await person.call('DELETE', `/v1/auth/api-keys/${key.id}`), 204)
  await untilStatus(() => byKey.read('GET', path), 401)
  expectStatus(await byOwner.read('GET', path), 200)
})

test('a change of the password ends the links of its account', async () => {
  const owner = await registerPerson(server)
  const session = await createSession({ url: server.url, call: owner.call })
  const path = `/v1/sessions/${session.id}`
  const made = expectStatus(await owner.call('POST', `${path}/shares`, {}), 201)
  const read = callerWith(server.url, `Bearer ${made.token}`)
  expectStatus(await read('GET', path), 200)
  const change = { current_password: owner.password, new_password: `${owner.password}!` }
  expectStatus(await owner.call('POST', '/v1/auth/password', change), 204)
  await untilStatus(() => read('GET', path), 401)
})

test('open pages stop when the link expires and when the session is deleted, on every node', async (t) => {
  const { path, share } = await secretive()
  const other = await startGuarded(t, { databaseUrl: server.databaseUrl })
  const [short, long] = [await share(), await share()]
  const soon = `update session_tokens set expires_at = now() + interval '2 seconds'`
  const open = async ({ token }: { token: string }) => {
    const query = `?access_token=${token}`
    const streams = []
    for (const { url } of [server, other]) streams.push(await fetch(`${url}${path}/sse${query}`))
    return streams.every(({ status }) => status === 200) ? streams : undefined
  }
  // On a loaded machine the link may expire before both streams begin.
  const ending = await eventually(async () => {
    await runSql(server.databaseUrl, `${soon} where id = '${short.id}'`)
    return open(short)
  })
  const staying = await open(long)
  assert.ok(staying)
  for (const stream of ending) assert.match(await stream.text(), /access_ended/)
  expectStatus(await short.read('GET', path), 401, 'invalid_token')
  expectStatus(await long.read('GET', path), 200)
  expectStatus(await person.call('DELETE', path), 204)
  for (const stream of staying) await stream.text()
  for (const { url } of [server, other]) {
    await untilStatus(() => callerWith(url, `Bearer ${long.token}`)('GET', path), 401)
  }
})

test('refuses links that cannot be, and viewers make none', async () => {
  const { path } = await secretive()
  for (const body of [
    { expires_in: 59 },
    { expires_in: 7_776_001 },
    { include: ['prompts'] },
    { name: '' },
    { name: 'a\nb' },
    { access: 'write' },
  ]) {
    const headers = { 'outlast-strict': 'true' }
    expectStatus(await person.call('POST', `${path}/shares`, body, headers), 400)
  }
  const viewer = await addMember(server, person, 'viewer')
  expectStatus(await viewer.call('POST', `${path}/shares`, {}), 403, 'forbidden')
  const page = await fetch(`${server.url}/shared/${path.split('/').at(-1)}`)
  assert.equal(page.status, 200)
  assert.match(page.headers.get('x-robots-tag') ?? '', /noindex/)
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer')
  assert.equal(page.headers.get('cache-control'), 'no-store')
  assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
})
