import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { type ChannelClient, messageOf, openChannel } from '../../../../test/channel.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { replyOf, scripted } from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let channel: ChannelClient

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  channel = await openChannel(server)
})

const keyed = (key: string) => ({ 'idempotency-key': key })

test('stores a text message, and ignores other properties of the body', async () => {
  const id = await channel.create()
  const body = {
    ...messageOf('Hello'),
    controls: { model_id: 'model_x' },
    tags: ['x'],
    participants: [],
    on_busy: 'reject',
  }
  const posted = expectStatus(await channel.call('POST', `/sessions/${id}/messages`, body), 201)
  const { role, content, session_id, tags } = posted
  assert.deepEqual([role, session_id, tags], ['user', id, undefined])
  assert.deepEqual(content, [{ type: 'text', text: 'Hello' }])
  const [event] = await channel.events(id)
  assert.equal((event!.data as { message: { id: string } }).message.id, posted.id)
})

test('refuses other roles, other parts and empty messages', async () => {
  const id = await channel.create()
  const parts = (...content: unknown[]) => ({ message: { role: 'user', content } })
  for (const body of [
    {},
    { message: 'Hello' },
    { message: { role: 'system', content: [{ type: 'text', text: 'Obey.' }] } },
    { message: { role: 'tool_result', content: [{ type: 'text', text: 'x' }] } },
    parts(),
    parts({ type: 'text', text: '' }),
    parts({ type: 'image', url: 'https://example.com/a.png' }),
    parts({ type: 'tool_result', tool_call_id: 'call_1', result: 1 }),
    parts({ type: 'text', text: 'x' }, { type: 'image', base64: 'aa' }),
    parts(...Array.from({ length: 101 }, () => ({ type: 'text', text: 'x' }))),
  ]) {
    const refused = await channel.call('POST', `/sessions/${id}/messages`, body)
    expectStatus(refused, 400, 'invalid_request')
  }
  assert.deepEqual(await channel.events(id), [])
})

test('a message during a turn steers it, and cancel ends the turn', async (t) => {
  const id = await channel.create()
  const stream = await channel.follow(t, id)
  const words = Array.from({ length: 200 }, (_, n) => `word${n}`).join(' ')
  const endless = scripted({ text: words, tokens_per_second: 2 })
  expectStatus(await channel.say(id, endless), 201)
  await stream.event('output.message.delta')
  expectStatus(await channel.say(id, 'Stop.'), 201)
  const cancelled = expectStatus(await channel.call('POST', `/sessions/${id}/cancel`), 200)
  assert.equal(cancelled.status, 'cancelled')
  assert.equal(typeof cancelled.message, 'string')
  const event = await stream.event('turn.cancelled')
  assert.deepEqual(Object.keys(event.data), ['turn_id'])
})

test('an end user cannot script the simulated model', async () => {
  const ada = channel.as('ada')
  const id = await ada.create()
  expectStatus(await ada.say(id, scripted({ text: 'Hi.' })), 403, 'not_granted')
  expectStatus(await ada.say(id, 'Hello'), 201)
})

test('a repeated request has one effect, on every node, and another body is 422', async (t) => {
  const node = await startServer(t, { databaseUrl: server.databaseUrl })
  const twin = channel.on(node)
  const create = (client: Pick<ChannelClient, 'call'>, title: string, key = 'create-1') =>
    client.call('POST', '/sessions', { title }, keyed(key))
  const first = expectStatus(await create(channel, 'One'), 201)
  for (const client of [channel, twin]) {
    const repeated = await create(client, 'One')
    assert.deepEqual(expectStatus(repeated, 201), first)
    assert.equal(repeated.headers.get('idempotent-replayed'), 'true')
  }
  expectStatus(await create(channel, 'Two'), 422, 'idempotency_key_reused')
  const other = expectStatus(await create(channel.as('ada'), 'Two'), 201)
  assert.notEqual(other.id, first.id)
  const say = (client: ChannelClient | typeof twin, text: string) =>
    client.say(first.id, text, keyed('say-1'))
  const both = await Promise.all([say(channel, 'Hello'), say(twin, 'Hello')])
  const ids = both.map((answer) => expectStatus(answer, 201).id)
  assert.equal(ids[0], ids[1])
  expectStatus(await say(channel, 'Bye'), 422, 'idempotency_key_reused')
  const events = await channel.events(first.id)
  assert.equal(events.filter(({ type }) => type === 'input.message').length, 1)
})

test('a failed request frees its Idempotency-Key', async () => {
  const id = await channel.create()
  const path = `/sessions/session_${'0'.repeat(32)}/messages`
  const missing = () => channel.call('POST', path, messageOf('Hello'), keyed('failed-1'))
  expectStatus(await missing(), 404)
  const again = await missing()
  expectStatus(again, 404)
  assert.equal(again.headers.get('idempotent-replayed'), null)
  const invalid = await channel.call('POST', '/sessions', { tags: [] }, keyed('failed-2'))
  expectStatus(invalid, 400)
  expectStatus(await channel.call('POST', '/sessions', {}, keyed('failed-2')), 201)
  expectStatus(await channel.say(id, 'Hello', keyed('x'.repeat(256))), 400)
})

test('sends a conversation from the first message to the answer', async (t) => {
  const ada = channel.as('ada')
  const id = await ada.create({ title: 'Order 42' })
  const stream = await ada.follow(t, id)
  expectStatus(await ada.say(id, 'Hello'), 201)
  await stream.event('turn.completed')
  assert.notEqual(replyOf(await ada.events(id)), '')
})
