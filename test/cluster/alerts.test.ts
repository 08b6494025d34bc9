import assert from 'node:assert/strict'
import { test } from 'node:test'
import { registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { createAlert, evaluated, firingsOf, untilState } from '../../apps/server/test/alerts.ts'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, post, scripted } from '../../apps/server/test/session.ts'
import { unlimited } from '../access/operations/operations.ts'

const rules = [
  { metric: 'failed_turns', threshold: 1 },
  { metric: 'failed_turn_share', threshold: 0.1, min_turns: 1 },
  { metric: 'waiting_seconds', threshold: 0.001 },
] as const
const failing = scripted({ error: { message: 'the model is gone', status: 400 } })

test('many nodes evaluate the same alerts, and each fires and resolves once', async (t) => {
  const alertIntervalMs = 20
  const one = await startServer(t, { alertIntervalMs })
  const { databaseUrl } = one
  const others = { databaseUrl, alertIntervalMs, env: { ROLE: 'api' } }
  const nodes = [one, await startServer(t, others), await startServer(t, others)]
  await subscribe(databaseUrl)
  const alerts = []
  for (let count = 0; count < 50; count += 1) alerts.push(await createAlert(one))
  await fail(one)
  await Promise.all(alerts.map(({ id }, at) => untilState(nodes[at % 3]!, id, 'firing')))
  await evaluated(one, alerts[0]!.id)
  await runSql(databaseUrl, `update failed_turns set failed_at = failed_at - interval '2 hours'`)
  await Promise.all(alerts.map(({ id }, at) => untilState(nodes[at % 3]!, id, 'ok')))
  await evaluated(one, alerts[0]!.id)
  for (const { id } of alerts) {
    const firings = await firingsOf(one, id)
    assert.deepEqual(
      firings.map(({ resolution, notifications }) => [resolution, notifications]),
      [['recovered', 1]],
    )
  }
  const sent = await queryRows<{ type: string; alert: string }>(
    databaseUrl,
    `select event_type as type, body->>'alert_id' as alert from webhook_deliveries`,
  )
  const expected = alerts.flatMap(({ id }) => [`alert.fired ${id}`, `alert.resolved ${id}`])
  assert.deepEqual(sent.map(({ type, alert }) => `${type} ${alert}`).sort(), expected.sort())
})

/** A webhook without an address that answers: its deliveries stay in the outbox. */
const subscribe = (databaseUrl: string) =>
  runSql(
    databaseUrl,
    `insert into webhooks (org_id, id, url, event_types)
    select id, 'wh_1', 'https://webhooks.invalid/', '{alert.fired,alert.resolved}' from organizations`,
  )

async function fail(server: Parameters<typeof createSession>[0]) {
  const { id } = await createSession(server)
  await post(server, id, failing)
}

test('an alert counts only turns of its own organization', async (t) => {
  const server = await startGuarded(t, { alertIntervalMs: 50, env: unlimited })
  const mine = { ...(await registerPerson(server)), url: server.url }
  const theirs = { ...(await registerPerson(server)), url: server.url }
  const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'a' }, id: 'call_1' }
  const agent = await createAgent(theirs, {
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
  })
  const own: string[] = []
  const others: string[] = []
  for (const rule of rules) {
    own.push((await createAlert(mine, rule)).id)
    others.push((await createAlert(theirs, rule)).id)
  }
  for (const id of others) await evaluated(theirs, id)
  await fail(theirs)
  const { id } = await createSession(theirs, { agent_id: agent.id })
  await post(theirs, id, scripted({ tool_calls: [write] }))
  for (const id of others) await untilState(theirs, id, 'firing')
  for (const id of own) {
    const { state, value } = await evaluated(mine, id)
    assert.deepEqual([state, value], ['ok', 0])
  }
})
