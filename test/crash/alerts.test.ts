import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createAlert, evaluated, firingsOf, untilState } from '../../apps/server/test/alerts.ts'
import { createTestDatabase, queryRows } from '../../apps/server/test/database.ts'
import { createWebhook, startReceiver } from '../../apps/server/test/remotes/receiver.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, post, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { type Fault, startPostgresProxy } from '../postgres-proxy.ts'
import { startProcess } from '../process.ts'
import { scopeOf } from './scenario.ts'

const program = fileURLToPath(new URL('alert-node.ts', import.meta.url))
const failing = scripted({ error: { message: 'the model is gone', status: 400 } })
const env = { PRIVATE_HOSTS_ALLOWED: 'webhook=127.0.0.1@*' }
const failures = 'select from failed_turns'

/** A database with a failed turn, and an alert on it that fires as soon as it is due. */
async function prepare(t: TestContext) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const receiver = await startReceiver(scope)
  const node = await startServer(scope, { databaseUrl, env, alertIntervalMs: 3_600_000 })
  await createWebhook(node, receiver.url, { events: ['alert.fired', 'alert.resolved'] })
  const session = await createSession(node)
  await post(node, session.id, failing)
  await eventually(async () => (await queryRows(databaseUrl, failures)).length === 1)
  const alert = await createAlert(node)
  await queryRows(databaseUrl, `update alerts set due_at = now() + interval '1 hour'`)
  await node.stop()
  return { scope, databaseUrl, receiver, alert }
}

const makeDue = (databaseUrl: string) => queryRows(databaseUrl, 'update alerts set due_at = now()')

/** Another node takes over at once what the dead one has claimed. */
async function endClaims(databaseUrl: string) {
  await makeDue(databaseUrl)
  await queryRows(databaseUrl, 'update webhook_deliveries set due_at = now() where due_at > now()')
}

const fired = (databaseUrl: string) =>
  queryRows<{ id: string }>(
    databaseUrl,
    `select event_id as id from webhook_deliveries where event_type = 'alert.fired'`,
  )

for (const [statement, when, moment] of [
  ['claim-alerts', 'late', 'after it has claimed the alert'],
  ['evaluate-alerts', 'before', 'before its evaluation is stored'],
  ['evaluate-alerts', 'after', 'after its evaluation is stored'],
] as const) {
  test(`a node killed ${moment}: the alert fires exactly once`, async (t) => {
    const { scope, databaseUrl, receiver, alert } = await prepare(t)
    const due = Promise.withResolvers<void>()
    const struck = Promise.withResolvers<void>()
    const never = new Promise<void>(() => {})
    function act() {
      dying.child.kill('SIGKILL')
      struck.resolve()
    }
    const proxy = await startPostgresProxy(databaseUrl, {
      onStatement(label): Fault | undefined {
        if (label !== statement) return undefined
        if (when !== 'late') return { when, act }
        // Held until the alert is due: an earlier one claims nothing.
        return { when, sent: due.promise, made: act, answered: never }
      },
    })
    scope.after(proxy.close)
    const dying = await startProcess({ ...env, DATABASE_URL: proxy.url }, program)
    scope.after(dying.crash)
    await makeDue(databaseUrl)
    due.resolve()
    await struck.promise
    const survivor = await startServer(scope, { databaseUrl, env, alertIntervalMs: 50 })
    await endClaims(databaseUrl)
    await untilState(survivor, alert.id, 'firing')
    await evaluated(survivor, alert.id)
    const firings = await firingsOf(survivor, alert.id)
    assert.deepEqual(
      firings.map(({ notifications }) => notifications),
      [1],
    )
    const events = await fired(databaseUrl)
    assert.equal(events.length, 1)
    await receiver.until('alert.fired')
    assert.deepEqual([...new Set(receiver.received.map(({ id }) => id))], [events[0]!.id])
  })
}

test('a node killed while an alert is sent: another one sends it under the same id', async (t) => {
  const { scope, databaseUrl, receiver, alert } = await prepare(t)
  // The first request gets no response.
  receiver.answer(() => (receiver.received.length === 1 ? () => {} : 204))
  await makeDue(databaseUrl)
  const dying = await startProcess({ ...env, DATABASE_URL: databaseUrl }, program)
  scope.after(dying.crash)
  await receiver.until('alert.fired')
  await dying.crash()
  const survivor = await startServer(scope, { databaseUrl, env, alertIntervalMs: 50 })
  await endClaims(databaseUrl)
  const requests = await receiver.until('alert.fired', 2)
  assert.equal(new Set(requests.map(({ id }) => id)).size, 1)
  assert.deepEqual(requests[1]!.body, requests[0]!.body)
  assert.equal((await firingsOf(survivor, alert.id)).length, 1)
})
