import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { type Fate, type Seen, startProxy } from '../../test/http-proxy.ts'
import { createOutlast, isOutlastError, type Outlast } from '../index.ts'

let server: Awaited<ReturnType<typeof startServer>>
let direct: Outlast
beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  direct = createOutlast({ url: server.url })
})

/** A client behind a proxy. Requests after the given fates pass. */
async function behind(t: TestContext, ...fates: Fate[]) {
  const { url, seen } = await startProxy(t, server.url, (_, at) => fates[at] ?? 'pass')
  return { outlast: createOutlast({ url }), seen }
}

const keysOf = (seen: Seen[]) => seen.map(({ headers }) => headers['idempotency-key'])

async function talk() {
  const agent = await direct.agents.create({ name: 'Ada', system_prompt: 'x' })
  return direct.sessions.create({ agent_id: agent.id })
}

const text = (value: string) => ({
  message: { content: [{ type: 'text' as const, text: value }] },
})

async function publishChannel() {
  const agent = await direct.agents.create({ name: 'Ada', system_prompt: 'x' })
  const channel = await direct.agentChannels.create(agent.id, { channel_type: 'api' })
  await direct.agentChannels.publish(agent.id, channel.id)
  const key = await direct.agentChannels.createKey(agent.id, channel.id, { name: 'Shop' })
  return { agent, channel, key }
}

test('stores one message when its response was lost, and returns the first response', async (t) => {
  const { id } = await talk()
  const { outlast, seen } = await behind(t, 'lose answer', 'lose answer')
  const message = await outlast.messages.create(id, text('Once'))
  assert.equal(new Set(keysOf(seen)).size, 1)
  assert.equal(seen.length, 3)
  const said = (await direct.messages.list(id)).data.filter(({ role }) => role === 'user')
  assert.deepEqual(
    said.map((one) => one.id),
    [message.id],
  )
})

test('waits for the turn of a long message whose response was lost', async (t) => {
  const { id } = await talk()
  const { outlast } = await behind(t, 'lose answer')
  const answer = await outlast.session(id).send('long '.repeat(20_000))
  assert.match(answer.text, /simulated/)
  const said = (await direct.messages.list(id)).data.filter(({ role }) => role === 'user')
  assert.equal(said.length, 1)
})

test('retries a POST that only reads, without a key', async (t) => {
  const { outlast, seen } = await behind(t, 'lose answer')
  await outlast.agents.preview({ system_prompt: 'x' })
  assert.deepEqual(keysOf(seen), [undefined, undefined])
})

test('creates one session when the response was lost', async (t) => {
  const agent = await direct.agents.create({ name: 'Ada', system_prompt: 'x' })
  const { outlast } = await behind(t, 'lose answer')
  const made = await outlast.sessions.create({ agent_id: agent.id })
  const { data } = await direct.sessions.list({ agent_id: agent.id })
  assert.deepEqual(
    data.map(({ id }) => id),
    [made.id],
  )
})

test('triggers a schedule once when the response was lost', async (t) => {
  const { id: session_id } = await talk()
  const schedule = await direct.schedules.create({
    name: 'Once',
    cron_expression: '0 0 29 2 *',
    target: { type: 'workflow', name: 'send_message', input: { session_id, text: 'Hello' } },
  })
  const { outlast } = await behind(t, 'lose answer')
  const { execution_id } = await outlast.schedules.trigger(schedule.id)
  const { data } = await direct.schedules.listExecutions(schedule.id)
  assert.deepEqual(
    data.map(({ id }) => id),
    [execution_id],
  )
})

test('has two effects for two calls, and one with a shared key', async (t) => {
  const { outlast, seen } = await behind(t)
  const ada = { name: 'Ada', system_prompt: 'x' }
  const one = await outlast.agents.create(ada)
  const two = await outlast.agents.create(ada)
  assert.notEqual(one.id, two.id)
  const options = { idempotencyKey: 'import-7' }
  const three = await outlast.agents.create(ada, options)
  const four = await outlast.agents.create(ada, options)
  assert.equal(three.id, four.id)
  assert.deepEqual(keysOf(seen).slice(2), ['import-7', 'import-7'])
})

const busy = (status: number, code: string, headers: Record<string, string> = {}): Fate => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ error: 'Not now.', code }),
})

test('retries after 409 in progress, 429, 503 and a page of a proxy', async (t) => {
  const { outlast, seen } = await behind(
    t,
    busy(409, 'idempotency_in_progress', { 'retry-after': '0' }),
    busy(429, 'rate_limited', { 'retry-after': '0' }),
    busy(503, 'database_unavailable', { 'retry-after': '0' }),
  )
  await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  assert.equal(seen.length, 4)
  assert.equal(new Set(keysOf(seen)).size, 1)
})

test('retries a message of a channel while its first attempt is still running', async (t) => {
  const { channel, key } = await publishChannel()
  const fates = [busy(409, 'idempotency_key_in_progress', { 'retry-after': '0' })]
  const { url, seen } = await startProxy(t, server.url, ({ path }) =>
    path.endsWith('/messages') ? (fates.shift() ?? 'pass') : 'pass',
  )
  const { channels } = createOutlast({ url, apiKey: key.secret })
  const { id } = await channels.createSession(channel.id)
  await channels.sendMessage(channel.id, id, text('Once'))
  const keys = keysOf(seen.filter(({ path }) => path.endsWith('/messages')))
  assert.deepEqual([keys.length, new Set(keys).size], [2, 1])
})

test('a Retry-After of 0 does not make retries immediate', async (t) => {
  const now = busy(503, 'shutting_down', { 'retry-after': '0' })
  const { outlast, seen } = await behind(t, now, now, now)
  const begun = performance.now()
  await outlast.agents.list()
  assert.equal(seen.length, 4)
  // At least half of 250, 500 and 1,000 ms.
  assert.ok(performance.now() - begun >= 875)
})

test('rejects with retryAfterMs when Retry-After is too long', async (t) => {
  const late = await behind(t, busy(429, 'rate_limited', { 'retry-after': '3600' }))
  await assert.rejects(
    async () => late.outlast.agents.list(),
    (error) => isOutlastError(error, 'rate_limited') && error.retryAfterMs === 3_600_000,
  )
  assert.equal(late.seen.length, 1)
})

test('does not retry lasting errors', async (t) => {
  for (const fate of [
    busy(409, 'session_busy'),
    busy(429, 'schedule_limit'),
    busy(502, 'provider_failed'),
    busy(500, 'internal_error'),
    busy(400, 'invalid_request'),
  ]) {
    const { outlast, seen } = await behind(t, fate)
    await assert.rejects(outlast.providers.syncModels('provider'))
    assert.equal(seen.length, 1, JSON.stringify(fate))
  }
})

test('never retries a sign-in, nor any call with retriesMax 0', async (t) => {
  const { outlast, seen } = await behind(t, 'lose answer', 'lose answer')
  const credentials = { email: 'ada@example.com', password: 'a long password' }
  await assert.rejects(outlast.auth.login(credentials), { code: 'connection_failed' })
  await assert.rejects(outlast.health.get({ retriesMax: 0 }), { code: 'connection_failed' })
  assert.equal(seen.length, 2)
})

test('rotates a key once when the response was lost, so the secret in use is still accepted', async (t) => {
  const { agent, channel, key } = await publishChannel()
  const { outlast, seen } = await behind(t, 'lose answer')
  const rotated = outlast.agentChannels.rotateKey(agent.id, channel.id, key.id)
  await assert.rejects(rotated, { code: 'connection_failed' })
  assert.equal(seen.length, 1)
  const caller = createOutlast({ url: server.url, apiKey: key.secret })
  assert.equal((await caller.channels.getCard(channel.id)).name, 'Ada')
})

test('creates one webhook when the response was lost, and retries while the server stops', async (t) => {
  const body = { url: 'https://example.com/hook', events: ['turn.completed' as const] }
  const { outlast } = await behind(
    t,
    busy(503, 'shutting_down', { 'retry-after': '0' }),
    'lose answer',
  )
  await assert.rejects(outlast.webhooks.create(body), { code: 'connection_failed' })
  assert.equal((await direct.webhooks.list()).total, 1)
  const unsure = await behind(t, busy(503, 'database_unavailable', { 'retry-after': '0' }))
  await assert.rejects(unsure.outlast.webhooks.create(body), { code: 'database_unavailable' })
  const foreign = await behind(t, { status: 503, body: 'upstream connect error' })
  await assert.rejects(foreign.outlast.webhooks.create(body), { code: 'not_outlast' })
  assert.deepEqual([unsure.seen.length, foreign.seen.length], [1, 1])
})

test('counts a deletion whose response was lost, and rejects one of an unknown id', async (t) => {
  const session = await talk()
  const { outlast } = await behind(t, 'lose answer')
  await outlast.sessions.delete(session.id)
  await assert.rejects(outlast.sessions.delete(session.id), { code: 'not_found' })
  const other = await talk()
  await direct.files.create(other.id, '/a.txt', { content: 'x' })
  const files = (await behind(t, 'lose answer')).outlast.files
  assert.deepEqual(await files.delete(other.id, '/a.txt'), { deleted: false })
  await assert.rejects(direct.files.read(other.id, '/a.txt'), { code: 'path_not_found' })
  const { agent, channel } = await publishChannel()
  const { agentChannels } = (await behind(t, 'lose answer')).outlast
  const { id } = channel
  assert.deepEqual(await agentChannels.delete(agent.id, id), { id, deleted: true })
})

test('repeats a change whose response was lost', async (t) => {
  const agent = await direct.agents.create({ name: 'Ada', system_prompt: 'x' })
  const { outlast, seen } = await behind(t, 'lose answer')
  assert.equal((await outlast.agents.update(agent.id, { name: 'Bea' })).name, 'Bea')
  const put = (await behind(t, 'lose answer')).outlast
  assert.equal((await put.agents.put(agent.id, { ...agent, name: 'Cleo' })).name, 'Cleo')
  assert.deepEqual(keysOf(seen), [undefined, undefined])
})

test('aborts a call before it, during it and between attempts', async (t) => {
  const reason = new Error('enough')
  const { outlast, seen } = await behind(
    t,
    busy(429, 'rate_limited', { 'retry-after': '30' }),
    'silence',
  )
  await assert.rejects(outlast.health.get({ signal: AbortSignal.abort(reason) }), reason)
  assert.equal(seen.length, 0)
  for (const requests of [1, 2]) {
    const stopping = new AbortController()
    const call = outlast.health.get({ signal: stopping.signal })
    while (seen.length < requests) await new Promise(setImmediate)
    stopping.abort(reason)
    await assert.rejects(call, reason)
  }
  assert.equal(seen.length, 2)
})
