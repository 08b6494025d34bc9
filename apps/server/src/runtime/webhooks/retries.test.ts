import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { queryRows } from '../../../test/database.ts'
import { startNameServer } from '../../../test/remotes/name-server.ts'
import {
  expectSigned,
  passTime,
  type ReceiverAnswer,
  startDelivering,
  startReceiver,
  untilDelivery,
} from '../../../test/remotes/receiver.ts'
import { createSession } from '../../../test/session.ts'
import { createOutbound } from '../../outbound/outbound.ts'
import { sendWebhooks } from './send.ts'

const events = ['session.created']

/** A webhook whose first attempt has got this answer; later ones get 204. */
async function failOnce(t: TestContext, answer: ReceiverAnswer) {
  const started = await startDelivering(t, { events })
  const { server, receiver, webhook } = started
  receiver.answer(() => (receiver.received.length === 1 ? answer : 204))
  await createSession(server)
  const failed = await untilDelivery(server, webhook.id, ({ attempts }) => attempts === 1)
  const delayMs = Date.parse(failed.next_attempt_at) - Date.parse(failed.last_attempt_at)
  return { ...started, failed, delayMs }
}

type Failed = Awaited<ReturnType<typeof failOnce>>

/** The request of the second attempt. */
async function retried({ server, receiver, webhook }: Failed) {
  await passTime(server)
  await untilDelivery(server, webhook.id, ({ status }) => status === 'delivered')
  return receiver.received[1]!
}

const rotate = async ({ server, webhook }: Failed, body: object) =>
  expectStatus(await server.call('POST', `/v1/webhooks/${webhook.id}/rotate`, body), 200).secret

test('a retry is signed with the new and the previous secret after a rotation', async (t) => {
  const failed = await failOnce(t, 500)
  const secret = await rotate(failed, {})
  const request = await retried(failed)
  for (const each of [failed.webhook.secret, secret]) expectSigned(request, each)
})

test('a retry after a rotation without an overlap is signed with the new secret only', async (t) => {
  const failed = await failOnce(t, 500)
  const secret = await rotate(failed, { overlap_hours: 0 })
  const request = await retried(failed)
  expectSigned(request, secret)
  assert.throws(() => expectSigned(request, failed.webhook.secret))
})

test('429 without Retry-After is a failure like others', async (t) => {
  const { server, webhook, delayMs } = await failOnce(t, 429)
  assert.ok(delayMs >= 4_000 && delayMs <= 6_000, `${delayMs} ms`)
  const [row] = await queryRows<{ paused: boolean }>(
    server.databaseUrl,
    'select coalesce(resume_at > now(), false) as paused from webhooks where id = $1',
    [webhook.id],
  )
  assert.equal(row!.paused, false)
})

test('503 pauses a webhook until the date in Retry-After', async (t) => {
  const until = new Date(Date.now() + 3_600_000).toUTCString()
  const { failed, ...rest } = await failOnce(t, (response) =>
    response.writeHead(503, { 'retry-after': until }).end(),
  )
  assert.equal(failed.response_status, 503)
  const differenceMs = Math.abs(Date.parse(failed.next_attempt_at) - Date.parse(until))
  assert.ok(differenceMs <= 60_000, `${differenceMs} ms`)
  assert.ok(rest.delayMs > 3_000_000)
})

test('a retry does not reach a host whose name leads to a private address by then', async (t) => {
  const inside = await startReceiver(t)
  let addresses: string[] = []
  const names = await startNameServer(t, () => addresses)
  const node = { outbound: createOutbound([], [], [names]), secrets: undefined }
  const url = `http://hooks.example:${new URL(inside.url).port}/`
  const about = { org_id: 'org_1', id: 'wh_1', for_tasks: false }
  const receiver = { ...about, url, secret: null, previous_secret: null }
  const message = { id: 'event_1', type: 'turn.completed', timestamp: 'now', data: '{}' }
  const [failed] = await sendWebhooks(node, receiver, [message])
  assert.equal(failed!.ok, false)
  addresses = ['127.0.0.1']
  const [retry] = await sendWebhooks(node, receiver, [message])
  assert.equal(retry!.error, 'The receiver is not on the public internet and is not allowed.')
  assert.deepEqual(inside.received, [])
})
