import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { alertOf, createAlert, evaluated, firingsOf, untilState } from '../../test/alerts.ts'
import { runSql } from '../../test/database.ts'
import {
  createWebhook,
  expectSigned,
  startReceiver,
  startWithWebhooks,
} from '../../test/remotes/receiver.ts'
import { createAgent, createSession, post, scripted } from '../../test/session.ts'

const events = ['alert.fired', 'alert.resolved']
const failing = scripted({ error: { message: 'the model is gone', status: 400 } })

type Server = Awaited<ReturnType<typeof startWithWebhooks>>

/** A server whose webhook receives alerts, with an agent. */
async function started(t: TestContext) {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t, { alertIntervalMs: 50 })
  const webhook = await createWebhook(server, receiver.url, { events })
  return { receiver, server, webhook, agent: await createAgent(server) }
}

async function fail(server: Server, agent_id: string) {
  const { id } = await createSession(server, { agent_id })
  await post(server, id, failing)
}

/** Moves all failures out of every window. */
const forget = ({ databaseUrl }: Server) =>
  runSql(databaseUrl, `update failed_turns set failed_at = failed_at - interval '40 days'`)

test('a webhook receives once that an alert fires and once that it resolves, signed', async (t) => {
  const { receiver, server, webhook, agent } = await started(t)
  const alert = await createAlert(server, { agent_id: agent.id, window_seconds: 600 })
  await fail(server, agent.id)
  const [fired] = await receiver.until('alert.fired')
  expectSigned(fired!, webhook.secret)
  const { id: alert_id, name, metric, threshold } = alert
  const { fired_at } = await alertOf(server, alert_id)
  const { id: firing_id } = (await firingsOf(server, alert_id))[0]!
  const rule = { alert_id, name, metric, agent_id: agent.id, window_seconds: 600, threshold }
  const about = { ...rule, firing_id, fired_at }
  assert.deepEqual(fired!.body.data, { ...about, value: 1, notification: 1 })
  await forget(server)
  const [resolved] = await receiver.until('alert.resolved')
  const { resolved_at } = (await firingsOf(server, alert_id))[0]!
  const end = { value: 0, resolved_at, resolution: 'recovered' }
  assert.deepEqual(resolved!.body.data, { ...about, ...end })
  assert.notEqual(resolved!.id, fired!.id)
  await evaluated(server, alert_id)
  assert.equal(receiver.received.length, 2)
})

test('a webhook receives each repetition under an id of its own', async (t) => {
  const { receiver, server, agent } = await started(t)
  const { id } = await createAlert(server, { repeat_seconds: 60 })
  await fail(server, agent.id)
  await receiver.until('alert.fired')
  await runSql(
    server.databaseUrl,
    `update alert_firings set notified_at = notified_at - interval '1 hour' where alert_id = '${id}'`,
  )
  const sent = await receiver.until('alert.fired', 2)
  assert.deepEqual(
    sent.map(({ body }) => body.data.notification),
    [1, 2],
  )
  assert.notEqual(sent[0]!.id, sent[1]!.id)
})

test('a webhook receives that an alert was disabled or deleted while it fired', async (t) => {
  const { receiver, server, agent } = await started(t)
  const [one, two, quiet] = [
    await createAlert(server),
    await createAlert(server),
    await createAlert(server, { threshold: 5 }),
  ]
  await fail(server, agent.id)
  for (const { id } of [one, two]) await untilState(server, id, 'firing')
  await server.call('PATCH', `/v1/alerts/${one.id}`, { enabled: false })
  await server.call('PATCH', `/v1/alerts/${one.id}`, { enabled: false })
  for (const { id } of [one, two, quiet]) await server.call('DELETE', `/v1/alerts/${id}`)
  const ends = await receiver.until('alert.resolved', 2)
  const found = ends.map(({ body }) => [body.data.alert_id, body.data.resolution])
  const expected = [
    [one.id, 'disabled'],
    [two.id, 'deleted'],
  ]
  assert.deepEqual(found.sort(), expected.sort())
})

test('a webhook of one agent receives only the alerts of that agent', async (t) => {
  const { receiver, server, agent } = await started(t)
  const other = await createAgent(server)
  const ofAgent = await startReceiver(t)
  await createWebhook(server, ofAgent.url, { events, agent_id: agent.id })
  const alerts = [
    await createAlert(server),
    await createAlert(server, { agent_id: other.id }),
    await createAlert(server, { agent_id: agent.id }),
  ]
  await fail(server, other.id)
  await fail(server, agent.id)
  await receiver.until('alert.fired', 3)
  const [fired] = await ofAgent.until('alert.fired')
  assert.equal(fired!.body.data.alert_id, alerts[2]!.id)
  assert.equal(ofAgent.received.length, 1)
})

test('an alert on the queue is sent while no node takes turns', async (t) => {
  const receiver = await startReceiver(t)
  const api = await startWithWebhooks(t, { alertIntervalMs: 50, env: { ROLE: 'api' } })
  await createWebhook(api, receiver.url, { events })
  const { id } = await createAlert(api, { metric: 'queue_seconds', threshold: 0.001 })
  await post(api, (await createSession(api)).id, 'Hello')
  const [fired] = await receiver.until('alert.fired')
  assert.equal(fired!.body.data.alert_id, id)
})
