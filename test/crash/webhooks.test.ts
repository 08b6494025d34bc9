import assert from 'node:assert/strict'
import test from 'node:test'
import { createTestDatabase, queryRows } from '../../apps/server/test/database.ts'
import {
  createWebhook,
  deliveriesOf,
  startReceiver,
} from '../../apps/server/test/remotes/receiver.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { eventually, patient } from '../../apps/server/test/waiting.ts'
import { type Cut, type Fault, startPostgresProxy } from '../postgres-proxy.ts'
import { startProcess } from '../process.ts'
import { gone, scopeOf } from './scenario.ts'

const env = { PRIVATE_HOSTS_ALLOWED: 'webhook=127.0.0.1@*' }

for (const { label, when, moment, requests } of [
  { label: 'claim-webhook-deliveries', when: 'before', moment: 'before its claim', requests: 1 },
  { label: 'claim-webhook-deliveries', when: 'after', moment: 'after its claim', requests: 1 },
  { label: 'settle-webhook-deliveries', when: 'before', moment: 'after its request', requests: 2 },
  { label: 'settle-webhook-deliveries', when: 'after', moment: 'after its outcome', requests: 1 },
] as const) {
  test(`a node killed ${moment}: the webhook is delivered under one id`, async (t) => {
    const scope = scopeOf(t)
    const databaseUrl = await createTestDatabase(scope)
    const receiver = await startReceiver(scope)
    const first = await startServer(scope, { databaseUrl, env })
    await createWebhook(first, receiver.url, { events: ['session.created'] })
    await first.stop()
    const struck = Promise.withResolvers<void>()
    const proxy = await startPostgresProxy(databaseUrl, {
      onStatement: (name): Cut | undefined => (name === label ? { when, act } : undefined),
    })
    scope.after(proxy.close)
    const dying = await startProcess({ ...env, DATABASE_URL: proxy.url })
    scope.after(dying.crash)
    function act() {
      dying.child.kill('SIGKILL')
      struck.resolve()
    }
    await createSession(dying)
    await struck.promise
    await gone(dying)
    // Another node need not wait for the lease of the claim. Before it has a claim of its own.
    await queryRows(
      databaseUrl,
      'update webhook_deliveries set due_at = now() where due_at > now()',
    )
    await startServer(scope, { databaseUrl, env })
    const delivery = await eventually(async () => {
      const [row] = await queryRows<{ event_id: string; status: string }>(
        databaseUrl,
        'select event_id, status from webhook_deliveries',
      )
      return row?.status === 'delivered' ? row : undefined
    })
    assert.equal(receiver.received.length, requests)
    assert.deepEqual([...new Set(receiver.received.map(({ id }) => id))], [delivery.event_id])
  })
}

test('an outcome whose response is lost counts once', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const receiver = await startReceiver(scope)
  // The second attempt has no outcome while the test reads the first.
  receiver.answer(() => (receiver.received.length === 1 ? 500 : () => {}))
  const repeated = Promise.withResolvers<void>()
  const faults: Fault[] = [
    { when: 'after' },
    { when: 'late', sent: Promise.resolve(), made: repeated.resolve, answered: Promise.resolve() },
  ]
  const proxy = await startPostgresProxy(databaseUrl, {
    onStatement: (name) => (name === 'settle-webhook-deliveries' ? faults.shift() : undefined),
  })
  scope.after(proxy.close)
  const server = await startServer(scope, { databaseUrl: proxy.url, databaseWaits: patient, env })
  const webhook = await createWebhook(server, receiver.url, { events: ['session.created'] })
  await createSession(server)
  await repeated.promise
  const [delivery] = await deliveriesOf(server, webhook.id)
  const [row] = await queryRows(databaseUrl, 'select failures from webhooks')
  assert.deepEqual([delivery.attempts, row], [1, { failures: 1 }])
})
