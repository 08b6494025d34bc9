import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  createKey,
  expectStatus,
  registerPerson,
  signInAdmin,
  startGuarded,
  untilStatus,
} from '../../../../test/access.ts'
import {
  type ChannelClient,
  channelClient,
  messageOf,
  newKey,
  openChannel,
} from '../../../../test/channel.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { caller, startServer } from '../../../../test/server.ts'
import { eventually } from '../../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>

let server: Server
let manager: { url: string; call: Server['call'] }
let channel: ChannelClient
/** Two keys of one channel, each for itself and for two users. */
let callers: Record<string, Pick<ChannelClient, 'call' | 'create'>>

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  const { call } = await createKey(server, await signInAdmin(server))
  manager = { url: server.url, call }
  channel = await openChannel(manager)
  const { secret } = await newKey(channel.manage)
  const other = channelClient(server.url, channel.id, secret)
  callers = {
    first: channel,
    'first for Ada': channel.as('ada'),
    'first for Bob': channel.as('bob'),
    second: other,
    'second for Ada': other.as('ada'),
    'second for Bob': other.as('bob'),
  }
})

/** An error without the id of its request. */
const refusal = ({ instance: _, ...error }: Record<string, unknown>) => error

/** Every operation on a session, with a valid body. */
const operations = [
  ['GET', ''],
  ['POST', '/messages', messageOf('Hello')],
  ['POST', '/cancel'],
  ['POST', '/question-answers', { status: 'declined' }],
  ['POST', '/tool-approvals', { decisions: [{ tool_call_id: 'call_1', decision: 'allow' }] }],
  ['GET', '/events'],
  ['GET', '/sse'],
] as const

test('keys and the users of each key have sessions of their own, on every operation', async () => {
  const sessions: Record<string, string> = {}
  for (const [name, { create }] of Object.entries(callers)) sessions[name] = await create()
  for (const [name, { call }] of Object.entries(callers)) {
    const { data } = expectStatus(await call('GET', '/sessions'), 200)
    assert.deepEqual(
      data.map(({ id }: { id: string }) => id),
      [sessions[name]],
      name,
    )
    for (const [whose, id] of Object.entries(sessions)) {
      if (whose === name) continue
      for (const [method, suffix, body] of operations) {
        const foreign = await call(method, `/sessions/${id}${suffix}`, body)
        const unknown = `/sessions/session_${'0'.repeat(32)}${suffix}`
        const missing = await call(method, unknown, body)
        assert.equal(foreign.status, 404, `${method} ${suffix} of ${whose} by ${name}`)
        assert.deepEqual(refusal(foreign.body), refusal(missing.body))
      }
    }
  }
  for (const [name, { call }] of Object.entries(callers)) {
    expectStatus(await call('GET', `/sessions/${sessions[name]}`), 200)
    const { data } = expectStatus(await call('GET', `/sessions/${sessions[name]}/events`), 200)
    assert.deepEqual(data, [], 'a foreign message was stored')
  }
})

test('a user token of the organization does not open sessions of a channel', async () => {
  const id = await channel.as('ada').create()
  const body = { user: 'ada', access: 'write' }
  const { token } = expectStatus(await manager.call('POST', '/v1/tokens', body), 201)
  const call = caller(server.url)
  const asAda = { authorization: `Bearer ${token}` }
  expectStatus(await call('GET', `/v1/sessions/${id}`, undefined, asAda), 404)
  const { data } = expectStatus(await call('GET', '/v1/sessions', undefined, asAda), 200)
  assert.deepEqual(data, [])
  const seen = expectStatus(await manager.call('GET', `/v1/sessions/${id}`), 200)
  assert.equal(seen.user, 'ada')
  const fork = expectStatus(await manager.call('POST', `/v1/sessions/${id}/fork`), 201)
  expectStatus(await call('GET', `/v1/sessions/${fork.id}`, undefined, asAda), 404)
  expectStatus(await channel.as('ada').call('GET', `/sessions/${fork.id}`), 200)
  expectStatus(await channel.call('GET', `/sessions/${fork.id}`), 404)
})

test('a session shows nothing of the settings of the agent', async () => {
  const made = await channel.call('POST', '/sessions', { title: 'Order 42' })
  const { id, status, title, ...times } = expectStatus(made, 201)
  assert.deepEqual([status, title], ['started', 'Order 42'])
  assert.deepEqual(Object.keys(times).sort(), ['created_at', 'updated_at'])
  assert.equal(made.headers.get('location'), `${channel.base}/sessions/${id}`)
  const prefixed = await caller(server.url)(
    'POST',
    `/api${channel.base}/sessions`,
    undefined,
    channel.headers,
  )
  const { id: other } = expectStatus(prefixed, 201)
  assert.equal(prefixed.headers.get('location'), `/api${channel.base}/sessions/${other}`)
  for (const body of [
    { metadata: {} },
    { title: 'x'.repeat(201) },
    { user: 'ada' },
    { tags: [] },
  ]) {
    expectStatus(await channel.call('POST', '/sessions', body), 400, 'invalid_request')
  }
})

test('shows a card of the agent', async () => {
  const { description, ...card } = expectStatus(await channel.call('GET', ''), 200)
  assert.deepEqual(card, {
    name: 'Ada',
    streaming: true,
    input: { text: true, images: false, files: false },
    auth: [{ type: 'agent_key' }, { type: 'runtime_token' }],
    links: { sessions: `${channel.base}/sessions` },
  })
  assert.equal(description, undefined)
})

test('lists sessions by their latest activity, in pages', async (t) => {
  const client = channel.as('lister')
  const ids: string[] = []
  for (let made = 0; made < 5; made += 1) ids.push(await client.create())
  const stream = await client.follow(t, ids[0]!)
  expectStatus(await client.say(ids[0]!, 'Hello'), 201)
  await stream.event('turn.completed')
  await untilIdle(client, ids[0]!)
  const expected = [ids[0], ...ids.slice(1).reverse()]
  const found: string[] = []
  let token: string | undefined
  do {
    const query = `?limit=2${token === undefined ? '' : `&page_token=${token}`}`
    const page = expectStatus(await client.call('GET', `/sessions${query}`), 200)
    assert.ok(page.data.length <= 2)
    found.push(...page.data.map(({ id }: { id: string }) => id))
    token = page.next_page_token
  } while (token !== undefined)
  assert.deepEqual(found, expected)
  const [first] = expectStatus(await client.call('GET', '/sessions?limit=1'), 200).data
  assert.equal(first.status, 'idle')
  const places = ['2026-99-01', '2026-02-31', '0000-01-01'].map((day) =>
    Buffer.from(`${day}T00:00:00Z session_${'0'.repeat(32)}`).toString('base64url'),
  )
  const tokens = ['x', '', ...places].map((text) => `page_token=${text}`)
  for (const query of ['limit=0', 'limit=201', ...tokens]) {
    expectStatus(await client.call('GET', `/sessions?${query}`), 400, 'invalid_request')
  }
})

async function untilIdle({ call }: Pick<ChannelClient, 'call'>, id: string) {
  while (expectStatus(await call('GET', `/sessions/${id}`), 200).status !== 'idle');
}

test('a draft, a closed channel and one of an archived agent refuse every credential alike', async () => {
  const own = await openChannel(manager)
  const id = await own.create()
  const closed = async (path: string) => {
    const good = refusal(await untilStatus(() => own.call('GET', path), 403))
    assert.equal(good.code, 'channel_closed')
    for (const authorization of ['', 'Bearer evr_ak_x', `Bearer ${channel.secret}`]) {
      const bad = await caller(server.url)('GET', own.base + path, undefined, { authorization })
      assert.deepEqual(refusal(expectStatus(bad, 403)), good)
    }
  }
  const open = () => untilStatus(() => own.call('GET', ''), 200)
  await open()
  expectStatus(await own.manage('POST', '/unpublish'), 200)
  await closed('')
  await closed(`/sessions/${id}`)
  expectStatus(await own.manage('POST', '/publish'), 200)
  await open()
  expectStatus(await own.manage('PATCH', '', { enabled: false }), 200)
  await closed('')
  expectStatus(await own.manage('PATCH', '', { enabled: true }), 200)
  await closed('')
  expectStatus(await own.manage('POST', '/publish'), 200)
  await open()
  expectStatus(await manager.call('DELETE', `/v1/agents/${own.agentId}`), 204)
  await closed('/sessions')
  const restored = await manager.call('PATCH', `/v1/agents/${own.agentId}`, { status: 'active' })
  expectStatus(restored, 200)
  await open()
  expectStatus(await own.manage('DELETE', ''), 200)
  await untilStatus(() => own.call('GET', ''), 404)
  const kept = expectStatus(await manager.call('GET', `/v1/sessions/${id}`), 200)
  assert.equal(kept.id, id)
})

test('opens only its own channel: no other one, and nothing of the management API', async () => {
  const other = await openChannel(manager)
  const call = caller(server.url)
  const get = (path: string, authorization: string) =>
    call('GET', path, undefined, { authorization })
  const key = `Bearer ${channel.secret}`
  expectStatus(await get(other.base, key), 401, 'invalid_token')
  const ada = channel.as('ada')
  const { access_token } = expectStatus(await ada.call('POST', '/runtime-auth'), 200)
  expectStatus(await get(other.base, `Bearer ${access_token}`), 401, 'invalid_token')
  for (const path of ['/v1/agents', '/v1/sessions', '/v1/auth/me', '/v1/changes']) {
    for (const credential of [key, channel.secret, `Bearer ${access_token}`]) {
      assert.equal((await get(path, credential)).status, 401, `${path} ${credential}`)
    }
  }
  const { key: apiKey } = await createKey(server, manager)
  for (const wrong of [apiKey, `evr_ak_${'0'.repeat(64)}`, 'evr_ak_', 'x.y.z']) {
    expectStatus(await get(channel.base, `Bearer ${wrong}`), 401, 'invalid_token')
  }
  expectStatus(await get(channel.base, ''), 401, 'unauthenticated')
  const missing = await get(`/v1/channels/appchan_${'0'.repeat(32)}`, key)
  const unusable = expectStatus(await get('/v1/channels/x', key), 404)
  assert.deepEqual(refusal(unusable), refusal(expectStatus(missing, 404)))
})

test('accepts an end user only from a key with the permission, and only a usable id', async () => {
  const { secret } = await newKey(channel.manage, { permissions: [] })
  const alone = channelClient(server.url, channel.id, secret)
  expectStatus(await alone.call('GET', ''), 200)
  expectStatus(await alone.as('ada').call('GET', ''), 403, 'end_user_not_allowed')
  const marked = ['\ufeffada', 'a\ufffdb'].map((id) => Buffer.from(id).toString('latin1'))
  const unusable = ['', 'x'.repeat(257), '\u00ff', '\u00c2\u00a0x', 'a\u00c2\u0085b', ...marked]
  for (const user of unusable) {
    expectStatus(await channel.as(user).call('GET', ''), 403, 'end_user_not_allowed')
  }
  const longest = channel.as('x'.repeat(256))
  const id = await longest.create()
  expectStatus(await longest.call('GET', `/sessions/${id}`), 200)
  const query = `?user=${'x'.repeat(256)}`
  assert.equal(expectStatus(await manager.call('GET', `/v1/sessions${query}`), 200).total, 1)
  assert.equal(expectStatus(await manager.call('DELETE', `/v1/end-users${query}`), 200).sessions, 1)
  expectStatus(await longest.call('GET', `/sessions/${id}`), 404)
})

test('a runtime token is one user of its key, and makes no other token', async () => {
  const ada = channel.as('ada lovelace')
  const id = await ada.create()
  expectStatus(await channel.call('POST', '/runtime-auth'), 400, 'end_user_required')
  const made = expectStatus(await ada.call('POST', '/runtime-auth'), 200)
  assert.deepEqual([made.token_type, made.expires_in], ['Bearer', 900])
  const token = channelClient(server.url, channel.id, made.access_token)
  expectStatus(await token.call('GET', `/sessions/${id}`), 200)
  const own = await token.create()
  expectStatus(await ada.call('GET', `/sessions/${own}`), 200)
  expectStatus(await token.as('ada lovelace').call('GET', `/sessions/${id}`), 200)
  expectStatus(await token.as('bob').call('GET', ''), 403, 'end_user_not_allowed')
  expectStatus(await token.call('POST', '/runtime-auth'), 401, 'invalid_token')
  const inQuery = `${channel.base}/sessions/${id}/sse?access_token=`
  const stream = await fetch(`${server.url}${inQuery}${made.access_token}`)
  assert.equal(stream.status, 200)
  await stream.body!.cancel()
  const call = caller(server.url)
  expectStatus(await call('GET', inQuery + channel.secret), 401, 'key_in_query')
  const [head, , signature] = made.access_token.split('.')
  const claims = { iss: 'outlast', aud: 'outlast:runtime', sub: channel.keyId, org: 'x', exp: 9e9 }
  const forged = [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature]
  const thief = channelClient(server.url, channel.id, forged.join('.'))
  expectStatus(await thief.call('GET', ''), 401, 'invalid_token')
})

test('a revoked key ends its streams and its tokens on another node', async (t) => {
  const node = await startServer(t, { databaseUrl: server.databaseUrl, env: { AUTH_MODE: 'full' } })
  const { secret, keyId } = await newKey(channel.manage)
  const key = channelClient(node.url, channel.id, secret)
  const ada = key.as('ada')
  const { access_token } = expectStatus(await ada.call('POST', '/runtime-auth'), 200)
  const token = channelClient(node.url, channel.id, access_token)
  const streams = await Promise.all([
    key.follow(t, await key.create()),
    token.follow(t, await token.create()),
  ])
  for (const { response } of streams) assert.equal(response.status, 200)
  expectStatus(await channel.manage('POST', `/keys/${keyId}/revoke`), 200)
  for (const { ended, frames } of streams) {
    await ended
    assert.match(frames.at(-1)!.data!, /"reason":"access_ended"/)
  }
  for (const client of [key, ada, token]) {
    await untilStatus(() => client.call('GET', ''), 401)
  }
})

test('a changed or unpublished channel ends the streams of its callers', async (t) => {
  const own = await openChannel(manager)
  const id = await own.create()
  for (const change of [
    () => own.manage('PATCH', '', { channel_config: { visibility: 'messages' } }),
    () => own.manage('POST', '/unpublish'),
  ]) {
    const stream = await own.follow(t, id)
    expectStatus(await change(), 200)
    await stream.ended
    assert.match(stream.frames.at(-1)!.data!, /"reason":"access_ended"/)
  }
})

test('both secrets of a rotated key open its sessions; a second rotation ends the older', async () => {
  const first = await newKey(channel.manage)
  const client = (secret: string) => channelClient(server.url, channel.id, secret)
  const id = await client(first.secret).create()
  const rotate = async (body?: object) => {
    const answer = await channel.manage('POST', `/keys/${first.keyId}/rotate`, body)
    return expectStatus(answer, 200).secret as string
  }
  const second = await rotate()
  for (const secret of [first.secret, second]) {
    await untilStatus(() => client(secret).call('GET', `/sessions/${id}`), 200)
  }
  const third = await rotate({ overlap_hours: 0 })
  await untilStatus(() => client(third).call('GET', `/sessions/${id}`), 200)
  for (const secret of [first.secret, second]) {
    await untilStatus(() => client(secret).call('GET', ''), 401)
  }
  expectStatus(await channel.manage('POST', `/keys/${first.keyId}/revoke`), 200)
  await untilStatus(() => client(third).call('GET', ''), 401)
})

test('an expired key is refused', async () => {
  const { secret } = await eventually(async () => {
    const expires_at = new Date(Date.now() + 5_000).toISOString()
    const body = { name: 'Short', permissions: ['sessions'], expires_at }
    const made = await channel.manage('POST', '/keys', body)
    // A loaded machine may need the 5 s: the time is in the past then.
    return made.status === 400 ? undefined : expectStatus(made, 201)
  })
  await untilStatus(() => channelClient(server.url, channel.id, secret).call('GET', ''), 401)
})

test('limits the requests of each caller, not of the channel', async () => {
  const own = await openChannel(manager, { config: { rate_limit_per_minute: 2 } })
  // A request is allowed again after 30 s.
  const spend = async ({ call }: Pick<ChannelClient, 'call'>) => {
    for (let request = 0; request < 2; request += 1) expectStatus(await call('GET', ''), 200)
    const limited = await call('GET', '')
    expectStatus(limited, 429, 'rate_limited')
    assert.ok(Number(limited.headers.get('retry-after')) > 0)
  }
  for (const one of [own.as('ada'), own.as('bob'), own]) await spend(one)
})

test('users of a key do not share the limit of the key', async (t) => {
  // A request is allowed again after 30 s.
  const limited = await startGuarded(t, { env: { RATE_LIMIT_USER: '2' } })
  const { call } = await createKey(limited, await signInAdmin(limited))
  const own = await openChannel({ url: limited.url, call })
  for (let request = 0; request < 2; request += 1) expectStatus(await own.call('GET', ''), 200)
  expectStatus(await own.call('GET', ''), 429)
  expectStatus(await own.as('ada').call('GET', ''), 200)
})

test('works without authentication of the server, where a key is required nevertheless', async (t) => {
  const open = await startServer(t)
  const own = await openChannel(open)
  const id = await own.as('ada').create()
  expectStatus(await own.call('GET', `/sessions/${id}`), 404)
  expectStatus(await open.call('GET', own.base), 401, 'unauthenticated')
  expectStatus(await own.as('ada').call('GET', `/sessions/${id}`), 200)
})

test('limits the requests of a key for all users that it names', async (t) => {
  const guarded = await startGuarded(t, { env: { RATE_LIMIT_KEY: '5' } })
  const { call } = await registerPerson(guarded)
  const channel = await openChannel({ url: guarded.url, call })
  const statuses: number[] = []
  for (let n = 0; n < 12; n++) {
    statuses.push((await channel.as(`user-${n}`).call('GET', '/sessions')).status)
  }
  assert.deepEqual([statuses[0], statuses.includes(429)], [200, true])
})
