import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { queryRows, runSql } from '../../../test/database.ts'
import {
  createWebhook,
  deliveriesOf,
  passTime,
  startDelivering,
  startReceiver,
  untilDelivery,
} from '../../../test/remotes/receiver.ts'
import { converse, createSession } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

test('a receiver that is gone disables its webhook at once, with an audit entry; its events wait', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  receiver.answer(() => 410)
  const session = await createSession(server)
  await converse(t, server, session.id, 'hello')
  const gone = await eventually(async () => {
    const { body } = await server.call('GET', `/v1/webhooks/${webhook.id}`)
    return !body.enabled && body
  })
  assert.equal(gone.disabled_reason, 'gone')
  const { body } = await server.call('GET', `/v1/audit-log?target=${webhook.id}&limit=1`)
  const { action, actor_type, details } = body.data[0]
  assert.deepEqual([action, actor_type, details], ['disable_webhook', 'server', { reason: 'gone' }])
  await converse(t, server, session.id, 'again')
  const [waiting, ...others] = await deliveriesOf(server, webhook.id)
  assert.deepEqual([waiting.status, waiting.next_attempt_at, others], ['pending', null, []])
  receiver.answer(() => 204)
  expectStatus(await server.call('PATCH', `/v1/webhooks/${webhook.id}`, { enabled: true }), 200)
  await passTime(server)
  await untilDelivery(server, webhook.id, ({ status }) => status === 'delivered')
})

/** A webhook that the server has disabled, because its receiver is gone. */
async function startDisabled(t: TestContext) {
  const { server, receiver, webhook } = await startDelivering(t, { events: ['session.created'] })
  const path = `/v1/webhooks/${webhook.id}`
  const change = async (body: object) => {
    const { enabled, disabled_reason } = expectStatus(await server.call('PATCH', path, body), 200)
    return [enabled, disabled_reason]
  }
  receiver.answer(() => 410)
  await createSession(server)
  await eventually(async () => !(await server.call('GET', path)).body.enabled)
  return { server, receiver, change }
}

test('a new address enables a webhook that the server disabled, and no other', async (t) => {
  const next = await startReceiver(t)
  const { server, receiver, change } = await startDisabled(t)
  assert.deepEqual(await change({ url: receiver.url, description: 'Gone' }), [false, 'gone'])
  assert.deepEqual(await change({ url: next.url }), [true, null])
  await passTime(server)
  await next.until('session.created')
  assert.equal(receiver.received.length, 1)
  assert.deepEqual(await change({ enabled: false }), [false, null])
  assert.deepEqual(await change({ url: receiver.url }), [false, null])
})

test('a webhook that a person disabled stays disabled at a new address', async (t) => {
  const { receiver, change } = await startDisabled(t)
  assert.deepEqual(await change({ enabled: false }), [false, null])
  assert.deepEqual(await change({ url: `${receiver.url}next` }), [false, null])
  assert.deepEqual(await change({ enabled: true }), [true, null])
})

test('a late answer of the previous address does not disable or pause a webhook', async (t) => {
  const next = await startReceiver(t)
  const { server, receiver, webhook } = await startDelivering(t, { events: ['session.created'] })
  const held = Promise.withResolvers<ServerResponse>()
  receiver.answer(() => held.resolve)
  await createSession(server)
  const response = await held.promise
  const path = `/v1/webhooks/${webhook.id}`
  expectStatus(await server.call('PATCH', path, { url: next.url }), 200)
  response.writeHead(410).end()
  await untilDelivery(server, webhook.id, ({ attempts }) => attempts >= 1)
  await passTime(server)
  await next.until('session.created')
  const { enabled, failing_since } = expectStatus(await server.call('GET', path), 200)
  assert.deepEqual([enabled, failing_since], [true, null])
})

test('five days of failures disable a webhook; one success ends the count', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  const session = await createSession(server)
  const say = () => converse(t, server, session.id, 'hello')
  const read = async () => (await server.call('GET', `/v1/webhooks/${webhook.id}`)).body
  const ageFailures = () =>
    runSql(server.databaseUrl, `update webhooks set failing_since = now() - interval '6 days'`)
  receiver.answer(() => 500)
  await say()
  await eventually(async () => (await read()).failing_since)
  await ageFailures()
  receiver.answer(() => 204)
  await say()
  await eventually(async () => (await read()).failing_since === null)
  receiver.answer(() => 500)
  await say()
  await eventually(async () => (await read()).failing_since)
  assert.equal((await read()).enabled, true)
  await ageFailures()
  await passTime(server)
  await eventually(async () => !(await read()).enabled)
  assert.equal((await read()).disabled_reason, 'failing')
  receiver.answer(() => 204)
  const body = { enabled: true }
  const enabled = expectStatus(await server.call('PATCH', `/v1/webhooks/${webhook.id}`, body), 200)
  assert.deepEqual([enabled.disabled_reason, enabled.failing_since], [null, null])
  await passTime(server)
  await eventually(async () => {
    const waiting = await deliveriesOf(server, webhook.id, '?status=pending')
    return waiting.length === 0
  })
})

test('Retry-After pauses the whole webhook', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  receiver.answer(() => (response) => response.writeHead(429, { 'retry-after': '3600' }).end())
  const session = await createSession(server)
  await converse(t, server, session.id, 'hello')
  const paused = await untilDelivery(server, webhook.id, ({ attempts }) => attempts === 1)
  const delayMs = Date.parse(paused.next_attempt_at) - Date.parse(paused.last_attempt_at)
  assert.ok(delayMs > 3_500_000 && delayMs <= 3_600_000, `${delayMs} ms`)
  const change = { url: receiver.url, description: 'Busy' }
  expectStatus(await server.call('PATCH', `/v1/webhooks/${webhook.id}`, change), 200)
  const other = await createWebhook(server, `${receiver.url}other`)
  await converse(t, server, session.id, 'again')
  await eventually(async () => receiver.received.some(({ path }) => path === '/other'))
  const [row] = await queryRows<{ paused: boolean }>(
    server.databaseUrl,
    'select resume_at > now() as paused from webhooks where id = $1',
    [webhook.id],
  )
  assert.equal(row!.paused, true)
  const [second] = await deliveriesOf(server, webhook.id)
  assert.ok(second.next_attempt_at > paused.last_attempt_at, 'not before the pause ends')
  assert.equal(receiver.received.filter(({ path }) => path === '/').length, 1)
  assert.notEqual(other.id, webhook.id)
})

const laterAnswers: { name: string; answer: (response: ServerResponse) => unknown }[] = [
  { name: 'a failure', answer: (response) => response.writeHead(500).end() },
  { name: 'a success', answer: (response) => response.writeHead(204).end() },
  {
    name: 'a shorter Retry-After',
    answer: (response) => response.writeHead(429, { 'retry-after': '1' }).end(),
  },
]

for (const { name, answer } of laterAnswers) {
  test(`${name} of a request in flight does not shorten the pause of Retry-After`, async (t) => {
    const { server, receiver, webhook } = await startDelivering(t, { events: ['session.created'] })
    const held = Promise.withResolvers<ServerResponse>()
    receiver.answer(() => held.resolve)
    await createSession(server)
    const response = await held.promise
    receiver.answer(() => (other) => other.writeHead(429, { 'retry-after': '3600' }).end())
    await createSession(server)
    const asking = await untilDelivery(server, webhook.id, (one) => one.response_status === 429)
    answer(response)
    await eventually(async () => {
      const deliveries = await deliveriesOf(server, webhook.id)
      return deliveries.every(({ attempts }: { attempts: number }) => attempts > 0)
    })
    await createSession(server)
    const { event_id, next_attempt_at } = await untilDelivery(
      server,
      webhook.id,
      (one) => one.event_id !== asking.event_id,
    )
    const pauseMs = Date.parse(next_attempt_at) - Date.parse(asking.last_attempt_at)
    assert.ok(pauseMs > 3_500_000, `${pauseMs} ms`)
    assert.ok(receiver.received.every((request) => request.id !== event_id))
  })
}
