import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Session } from '@outlast/contract'
import { alertOf, createAlert, evaluated, firingsOf, untilState } from '../../test/alerts.ts'
import { queryRows, runSql } from '../../test/database.ts'
import { beforeAll } from '../../test/hooks.ts'
import { addVendorModel, startVendor } from '../../test/remotes/vendor.ts'
import { startServer } from '../../test/server.ts'
import { converse, createAgent, createSession, post, scripted } from '../../test/session.ts'
import { follow } from '../../test/stream.ts'
import { eventually } from '../../test/waiting.ts'
import type { Catalogue } from '../providers/catalogue/form.ts'

const catalogueFile = new URL('../../catalogue/models.json', import.meta.url)
const catalogue: Catalogue = JSON.parse(readFileSync(catalogueFile, 'utf8'))
const priced = Object.values(catalogue.providers.openai.models).find(
  ({ cost }) => cost && cost.input > 0,
)!

const alertIntervalMs = 50
const failing = scripted({ error: { message: 'the model is gone', status: 400 } })

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext, { alertIntervalMs })
})

/** An agent of the test's own, so that the turns of other tests do not count. */
async function startAgent(t: TestContext, fields: object = {}) {
  const agent = await createAgent(server, fields)
  const say = async (text: string) => {
    const { id } = await createSession(server, { agent_id: agent.id })
    await converse(t, server, id, text)
  }
  return { agent_id: agent.id, say }
}

/** Moves all but the latest failures of an agent out of every window. */
const age = (agentId: string, { kept }: { kept: number }) =>
  runSql(
    server.databaseUrl,
    `update failed_turns set failed_at = failed_at - interval '40 days' where id in (
      select id from failed_turns where agent_id = '${agentId}' and failed_at > now() - interval '1 day'
      order by failed_at desc offset ${kept}
    )`,
  )

test('an alert on failed turns fires once and resolves once', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const { id } = await createAlert(server, { agent_id, threshold: 2, window_seconds: 3_600 })
  await say(failing)
  const before = await evaluated(server, id)
  assert.deepEqual([before.state, before.value, before.fired_at], ['ok', 1, null])
  await say(failing)
  const { value, fired_at } = await untilState(server, id, 'firing')
  assert.equal(value, 2)
  await say(failing)
  assert.equal((await evaluated(server, id)).value, 3)
  const [firing, ...others] = await firingsOf(server, id)
  assert.deepEqual(others, [])
  assert.deepEqual([firing!.value, firing!.threshold, firing!.fired_at], [2, 2, fired_at])
  assert.deepEqual([firing!.notifications, firing!.resolved_at], [1, null])
  await age(agent_id, { kept: 1 })
  assert.equal((await untilState(server, id, 'ok')).value, 1)
  await evaluated(server, id)
  const [resolved, ...more] = await firingsOf(server, id)
  assert.deepEqual([resolved!.id, resolved!.resolution, more], [firing!.id, 'recovered', []])
  assert.ok(resolved!.resolved_at! >= fired_at!)
})

test('an alert that fires stays so until the value is below resolve_below', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const { id } = await createAlert(server, { agent_id, threshold: 3, resolve_below: 2 })
  for (let count = 0; count < 3; count += 1) await say(failing)
  await untilState(server, id, 'firing')
  await age(agent_id, { kept: 2 })
  const between = await evaluated(server, id)
  assert.deepEqual([between.state, between.value], ['firing', 2])
  await age(agent_id, { kept: 1 })
  await untilState(server, id, 'ok')
  await say(failing)
  const again = await evaluated(server, id)
  assert.deepEqual([again.state, again.value], ['ok', 2])
})

test('the share of failed turns counts once enough turns have ended', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const rule = { metric: 'failed_turn_share', threshold: 0.5, min_turns: 3 } as const
  const { id } = await createAlert(server, { agent_id, ...rule })
  await evaluated(server, id)
  await say(failing)
  await say(failing)
  const few = await evaluated(server, id)
  assert.deepEqual([few.state, few.value], ['ok', 0])
  await say('Hello')
  assert.equal((await untilState(server, id, 'firing')).value, 2 / 3)
  await say('Hello')
  await say('Hello')
  assert.equal((await untilState(server, id, 'ok')).value, 0.4)
})

test('an alert on waiting time follows approvals, but not calls of client tools', async (t) => {
  const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'a' }, id: 'call_1' }
  const open = { type: 'client_side', name: 'open_door', description: 'Opens it.' }
  const { agent_id } = await startAgent(t, {
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
    tools: [open],
  })
  const rule = { metric: 'waiting_seconds', threshold: 0.001 } as const
  const { id } = await createAlert(server, { agent_id, ...rule })
  const client = await createSession(server, { agent_id })
  await post(server, client.id, scripted({ tool_calls: [{ name: 'open_door', arguments: {} }] }))
  await parked(client.id)
  assert.equal((await evaluated(server, id)).value, 0)
  const asking = await createSession(server, { agent_id })
  await post(server, asking.id, scripted({ tool_calls: [write] }, { text: 'Done.' }))
  const { since } = await parked(asking.id)
  const { value, evaluated_at } = await untilState(server, id, 'firing')
  const waitedMs = Date.parse(evaluated_at!) - Date.parse(since)
  assert.ok(Math.abs(value! * 1_000 - waitedMs) <= 1, `${value} s, not ${waitedMs} ms`)
  const path = `/v1/sessions/${asking.id}/approvals/call_1`
  assert.equal((await server.call('POST', path, { decision: 'approve' })).status, 200)
  assert.equal((await untilState(server, id, 'ok')).value, 0)
})

const parked = (id: string): Promise<{ since: string }> =>
  eventually(async () => (await server.call('GET', `/v1/sessions/${id}`)).body.waiting_for)

test('an alert on the age of the queue fires while no node takes turns', async (t) => {
  const api = await startServer(t, { alertIntervalMs, env: { ROLE: 'api' } })
  const session = await createSession(api)
  const rule = { metric: 'queue_seconds', threshold: 0.001 } as const
  const { id } = await createAlert(api, rule)
  const ofAgent = await createAlert(api, { ...rule, agent_id: session.agent_id })
  const ofOther = await createAlert(api, { ...rule, agent_id: (await createAgent(api)).id })
  assert.equal((await evaluated(api, id)).value, 0)
  const stream = await follow(t, api.url, { sessionId: session.id })
  await post(api, session.id, 'Hello')
  await untilState(api, id, 'firing')
  await untilState(api, ofAgent.id, 'firing')
  assert.deepEqual((await evaluated(api, ofOther.id)).value, 0)
  await startServer(t, { databaseUrl: api.databaseUrl, env: { ROLE: 'worker' } })
  await stream.event('turn.completed')
  await untilState(api, id, 'ok')
})

test('the age of the queue has turns of lost nodes, and begins anew when a node releases a turn', async (t) => {
  const api = await startServer(t, { alertIntervalMs, env: { ROLE: 'api' } })
  const { databaseUrl } = api
  const { id } = await createAlert(api, { metric: 'queue_seconds', threshold: 60 })
  const earlier = `update turns set created_at = created_at - interval '1 hour'`
  await eventually(async () => {
    const worker = await startServer(t, { databaseUrl, env: { ROLE: 'worker' } })
    const { id: sessionId } = await createSession(api)
    const stream = await follow(t, api.url, { sessionId })
    await post(api, sessionId, scripted({ text: 'x '.repeat(10_000), tokens_per_second: 10 }))
    await stream.event('output.message.started')
    await runSql(databaseUrl, earlier)
    await worker.stop()
    // On a slow machine a node may stop without a release, and leaves the turn to its lease.
    const released = 'select from turns where node_id is null'
    if ((await queryRows(databaseUrl, released)).length > 0) return true
    await api.call('DELETE', `/v1/sessions/${sessionId}`)
  })
  // On a slow machine the lease can end before the release: the alert fires until that.
  await eventually(async () => {
    const { value, state } = await evaluated(api, id)
    return value! > 0 && state === 'ok'
  })
  await runSql(
    databaseUrl,
    `with lost as (
      insert into nodes (id, version, role, slots, expires_at)
      values ('node_lost', '0', 'worker', 1, now() - interval '2 hours')
    ) update turns set node_id = 'node_lost'`,
  )
  // An evaluation can begin before that transaction, and count from its own beginning.
  assert.ok((await untilState(api, id, 'firing')).value! >= 3_600)
})

test('an alert is sent again at its interval while it fires, and only then', async (t) => {
  const { agent_id, say } = await startAgent(t)
  await say(failing)
  const { id } = await createAlert(server, { agent_id, repeat_seconds: 60 })
  await untilState(server, id, 'firing')
  await evaluated(server, id)
  const sent = async () => (await firingsOf(server, id)).map(({ notifications }) => notifications)
  assert.deepEqual(await sent(), [1])
  const earlier = `update alert_firings set notified_at = notified_at - interval '61 seconds' where alert_id = '${id}'`
  await runSql(server.databaseUrl, earlier)
  await eventually(async () => (await sent())[0] === 2)
  await evaluated(server, id)
  assert.deepEqual(await sent(), [2])
  await server.call('PATCH', `/v1/alerts/${id}`, { repeat_seconds: null })
  await runSql(server.databaseUrl, earlier)
  await evaluated(server, id)
  assert.deepEqual(await sent(), [2])
})

test('an alert that is disabled resolves, is not evaluated, and fires again when enabled', async (t) => {
  const { agent_id, say } = await startAgent(t)
  await say(failing)
  const { id } = await createAlert(server, { agent_id })
  await untilState(server, id, 'firing')
  const { body } = await server.call('PATCH', `/v1/alerts/${id}`, { enabled: false })
  assert.deepEqual([body.state, body.enabled], ['ok', false])
  assert.deepEqual(await resolutionsOf(id), ['disabled'])
  const witness = await createAlert(server, { agent_id })
  await evaluated(server, witness.id)
  assert.equal((await alertOf(server, id)).evaluated_at, body.evaluated_at)
  await server.call('PATCH', `/v1/alerts/${id}`, { enabled: true })
  await untilState(server, id, 'firing')
  assert.deepEqual(await resolutionsOf(id), [null, 'disabled'])
})

const resolutionsOf = async (id: string) =>
  (await firingsOf(server, id)).map(({ resolution }) => resolution)

test('the newest 100 firings of an alert are kept', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const { id } = await createAlert(server, { agent_id })
  await runSql(
    server.databaseUrl,
    `insert into alert_firings (id, alert_id, fired_at, threshold, value, resolved_at)
    select 'firing_' || lpad(n::text, 32, '0'), '${id}', now() - n * interval '1 hour', 1, 1, now()
    from generate_series(1, 100) n`,
  )
  await say(failing)
  await untilState(server, id, 'firing')
  const firings = await firingsOf(server, id)
  assert.equal(firings.length, 100)
  assert.equal(firings[0]!.resolved_at, null)
  assert.equal(firings.at(-1)!.id, `firing_${'99'.padStart(32, '0')}`)
})

test('a share forgets what ended before its window', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const rule = { metric: 'failed_turn_share', threshold: 1, min_turns: 1 } as const
  const { id } = await createAlert(server, { agent_id, ...rule, window_seconds: 60 })
  await evaluated(server, id)
  await say(failing)
  await untilState(server, id, 'firing')
  await age(agent_id, { kept: 0 })
  await runSql(
    server.databaseUrl,
    `update alert_samples set at = at - interval '61 seconds' where alert_id = '${id}'`,
  )
  assert.equal((await untilState(server, id, 'ok')).value, 0)
  await evaluated(server, id)
  const outdated = await queryRows(
    server.databaseUrl,
    `select from alert_samples where alert_id = '${id}' and at < now() - interval '61 seconds'`,
  )
  assert.equal(outdated.length, 1)
})

test('an alert on cost counts the calls since its creation', async (t) => {
  const usage = { prompt_tokens: 1_000_000, completion_tokens: 1_000 }
  const vendor = await startVendor(t, () => ({ text: 'Hello.', usage }))
  const own = await startServer(t, { alertIntervalMs })
  await addVendorModel(own, vendor, priced.id)
  const { id: sessionId } = await createSession(own)
  await converse(t, own, sessionId, 'Hello')
  const { usage: used } = (await own.call('GET', `/v1/sessions/${sessionId}`)).body
  const cost = used.cost_usd
  assert.ok(cost > 0)
  const { id } = await createAlert(own, { metric: 'cost_usd', threshold: cost * 1.5 })
  assert.equal((await evaluated(own, id)).value, 0)
  await converse(t, own, sessionId, 'Hello')
  const once = await evaluated(own, id)
  assert.deepEqual([once.state, once.value], ['ok', cost])
  await converse(t, own, sessionId, 'Hello')
  assert.ok(Math.abs((await untilState(own, id, 'firing')).value! - 2 * cost) < 1e-9)
})

test('an alert on cost counts calls of an agent that is deleted meanwhile', async (t) => {
  const usage = { prompt_tokens: 1_000_000, completion_tokens: 1_000 }
  const vendor = await startVendor(t, () => ({ text: 'Hello.', usage }))
  const own = await startServer(t, { alertIntervalMs })
  await addVendorModel(own, vendor, priced.id)
  const session = await converseAnew(t, own, 'Hello')
  await converse(t, own, session.id, 'Hello')
  const { usage: used } = (await own.call('GET', `/v1/sessions/${session.id}`)).body
  const cost = used.cost_usd / 2
  assert.ok(cost > 0)
  const { id } = await createAlert(own, { metric: 'cost_usd', threshold: cost * 1.5 })
  assert.equal((await evaluated(own, id)).value, 0)
  await converse(t, own, session.id, 'Hello')
  await deleteAgentOf(own, session)
  const after = await evaluated(own, id)
  assert.deepEqual([after.state, after.value], ['ok', cost])
  const other = await converseAnew(t, own, 'Hello')
  assert.equal((await evaluated(own, id)).state, 'firing')
  await deleteAgentOf(own, other)
  const { state, value } = await evaluated(own, id)
  assert.equal(state, 'firing')
  assert.ok(Math.abs(value! - 2 * cost) < 1e-9)
})

test('the share of failed turns counts turns of an agent that is deleted meanwhile', async (t) => {
  const own = await startServer(t, { alertIntervalMs })
  const session = await converseAnew(t, own, 'Hello')
  await converse(t, own, session.id, 'Hello')
  const rule = { metric: 'failed_turn_share', threshold: 0.5, min_turns: 1 } as const
  const { id } = await createAlert(own, rule)
  await evaluated(own, id)
  await converse(t, own, session.id, 'Hello')
  await deleteAgentOf(own, session)
  await converseAnew(t, own, failing)
  const { state, value } = await evaluated(own, id)
  assert.deepEqual([state, value], ['firing', 0.5])
})

test('an alert that is enabled again counts only what follows', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const rule = { metric: 'failed_turn_share', threshold: 0.5, min_turns: 2 } as const
  const { id } = await createAlert(server, { agent_id, ...rule, window_seconds: 3_600 })
  await evaluated(server, id)
  await changed(id, { enabled: false })
  await ageSamples(id)
  await say(failing)
  await say(failing)
  await changed(id, { enabled: true })
  const { state, value } = await evaluated(server, id)
  assert.deepEqual([state, value], ['ok', 0])
  await say(failing)
  await say('Hello')
  assert.equal((await untilState(server, id, 'firing')).value, 0.5)
})

test('an alert with a shorter window counts only what follows', async (t) => {
  const { agent_id, say } = await startAgent(t)
  const rule = { metric: 'failed_turn_share', threshold: 0.5, min_turns: 2 } as const
  const { id } = await createAlert(server, { agent_id, ...rule, window_seconds: 86_400 })
  await evaluated(server, id)
  await say(failing)
  await say(failing)
  await untilState(server, id, 'firing')
  await ageSamples(id)
  await changed(id, { window_seconds: 90_000 })
  assert.equal((await evaluated(server, id)).value, 1)
  await changed(id, { window_seconds: 3_600 })
  const { state, value } = await evaluated(server, id)
  assert.deepEqual([state, value], ['ok', 0])
})

async function changed(id: string, change: object) {
  assert.equal((await server.call('PATCH', `/v1/alerts/${id}`, change)).status, 200)
}

/** The counters of an alert were last stored 3 hours ago. */
const ageSamples = (id: string) =>
  runSql(
    server.databaseUrl,
    `update alert_samples set at = at - interval '3 hours' where alert_id = '${id}'`,
  )

/** Sends a message to an agent of its own. Returns its session. */
async function converseAnew(t: TestContext, own: typeof server, text: string) {
  const session = await createSession(own)
  await converse(t, own, session.id, text)
  return session
}

/** Deletes a session, then its agent permanently. */
async function deleteAgentOf({ call }: typeof server, { id, agent_id }: Session) {
  const path = `/v1/agents/${agent_id}`
  for (const each of [`/v1/sessions/${id}`, path, `${path}?permanent=true`])
    assert.equal((await call('DELETE', each)).status, 204)
}
