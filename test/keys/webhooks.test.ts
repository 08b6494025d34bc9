import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import {
  createWebhook,
  expectSigned,
  startReceiver,
  startWithWebhooks,
} from '../../apps/server/test/remotes/receiver.ts'
import { both, forgetV1, onlyV1, onlyV2, query, rotateKeys } from './rotating.ts'

test('secrets of webhooks are sealed again with the others, and sign as before', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const receiver = await startReceiver(t)
  const first = await startWithWebhooks(t, { databaseUrl, env: onlyV1 })
  const webhook = await createWebhook(first, receiver.url)
  const path = `/v1/webhooks/${webhook.id}`
  const rotated = expectStatus(await first.call('POST', `${path}/rotate`), 200)
  await first.stop()
  const { code, output } = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(code, 0, output)
  assert.match(output, /Under kek-v2: 2\. Wrapped again: 2\. Unreadable: 0\./)
  const rows = await query(databaseUrl, 'select secret, previous_secret from webhooks')
  assert.doesNotMatch(JSON.stringify(rows), /kek-v1/)
  const second = await startWithWebhooks(t, { databaseUrl, env: onlyV2 })
  expectStatus(await second.call('POST', `${path}/test`), 200)
  for (const { secret } of [webhook, rotated]) expectSigned(receiver.received[0]!, secret)
  await second.stop()
})

test('a secret sealed with a lost master key fails the request, which is not sent', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const receiver = await startReceiver(t)
  const first = await startWithWebhooks(t, { databaseUrl, env: onlyV1 })
  const { id } = await createWebhook(first, receiver.url)
  await first.stop()
  await forgetV1(t, databaseUrl)
  const second = await startWithWebhooks(t, { databaseUrl, env: onlyV2 })
  const tested = expectStatus(await second.call('POST', `/v1/webhooks/${id}/test`), 200)
  assert.deepEqual(
    [tested.ok, tested.message],
    [false, 'The secret cannot be opened: master key kek-v1 is not configured.'],
  )
  assert.deepEqual(receiver.received, [])
  await second.stop()
})
