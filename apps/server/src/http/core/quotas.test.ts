import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import {
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../../test/access.ts'
import { connectTo, queryRows, runSql } from '../../../test/database.ts'
import { everySecond, schedules, sending } from '../../../test/schedules.ts'
import { createAgent, createSession, post, scripted } from '../../../test/session.ts'
import { follow, watch } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

test('an organization has as many sessions as it may, and room again when one is deleted', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_SESSIONS: '2' } })
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const mine = { url: server.url, call: one.call }
  const agent_id = (await createAgent(mine)).id
  const first = await createSession(mine, { agent_id })
  await createSession(mine, { agent_id })
  const refused = await one.call('POST', '/v1/sessions', { agent_id })
  assert.match(expectStatus(refused, 403, 'quota_exceeded').error, /2 sessions/)
  await createSession({ url: server.url, call: other.call })
  expectStatus(await one.call('DELETE', `/v1/sessions/${first.id}`), 204)
  await createSession(mine, { agent_id })
})

test('an organization runs as many turns at once as it may', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_TURNS: '1' } })
  const { key, call } = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call }
  const agent_id = (await createAgent(mine)).id
  const [busy, waiting] = [
    await createSession(mine, { agent_id }),
    await createSession(mine, { agent_id }),
  ]
  const headers = { authorization: key }
  const stream = await follow(t, server.url, { sessionId: busy.id, headers })
  await post(mine, busy.id, scripted({ text: 'Slow', delay_ms: 600_000 }))
  await stream.event('turn.started')
  const refused = await post(mine, waiting.id, 'Now?')
  expectStatus(refused, 429, 'too_many_turns')
  assert.equal(refused.headers.get('retry-after'), '1')
  expectStatus(await post(mine, waiting.id, 'Now?', { on_busy: 'reject' }), 429, 'too_many_turns')
  expectStatus(await post(mine, busy.id, 'Now?', { on_busy: 'reject' }), 409, 'session_busy')
  const kept = expectStatus(await call('GET', `/v1/sessions/${waiting.id}/messages`), 200)
  assert.equal(kept.total, 0)
  expectStatus(await post(mine, busy.id, 'More for the turn that runs'), 201)
  expectStatus(await call('POST', `/v1/sessions/${busy.id}/cancel`), 200)
  const cancelled = await follow(t, server.url, { sessionId: busy.id, headers })
  await cancelled.event('session.idled')
  await untilStatus(async () => post(mine, waiting.id, 'Now!'), 201)
})

test('an organization stores as much as it may', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const { key, call } = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call }
  const agent_id = (await createAgent(mine)).id
  const [full, other] = [
    await createSession(mine, { agent_id }),
    await createSession(mine, { agent_id }),
  ]
  const headers = { authorization: key }
  const stream = await follow(t, server.url, { sessionId: full.id, headers })
  expectStatus(await post(mine, full.id, 'x'.repeat(1_100_000)), 201)
  await stream.event('session.idled')
  await untilStatus(() => post(mine, other.id, 'One more'), 403)
  expectStatus(await call('DELETE', `/v1/sessions/${full.id}`), 204)
  expectStatus(await post(mine, other.id, 'One more'), 201)
})

test('files and stored values count, written by a client or a tool', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const { key, call } = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call }
  const capabilities = [{ ref: 'virtual_bash' }, { ref: 'session_storage' }]
  const agent_id = (await createAgent(mine, { capabilities })).id
  const { id } = await createSession(mine, { agent_id })
  const file = (name: string) => `/v1/sessions/${id}/fs/${name}`
  const stream = await follow(t, server.url, {
    sessionId: id,
    headers: { authorization: key },
  })
  const steps = [
    { name: 'bash', arguments: { command: 'seq 1 100000 > /first' } },
    { name: 'bash', arguments: { command: 'seq 1 100000 > /second' } },
    { name: 'bash', arguments: { command: 'echo 1 > /third' } },
    { name: 'set_value', arguments: { key: 'fourth', value: 'x' } },
  ].map((tool) => ({ tool_calls: [tool] }))
  expectStatus(await post(mine, id, scripted(...steps, { text: 'Done.' })), 201)
  await stream.event('session.idled')
  const outcomes = stream.events.flatMap(({ type, data }) =>
    type === 'tool.completed' ? [(data as { error?: string }).error ?? 'done'] : [],
  )
  const full = 'The organization has reached its quota of 1 MB.'
  const notKept = `The command ran, but its changes to files were not saved: ${full}`
  assert.deepEqual(outcomes, ['done', 'done', notKept, full])

  expectStatus(await call('POST', file('more'), { content: 'x' }), 403, 'quota_exceeded')
  const copying = { src_path: '/first', dst_path: '/copy' }
  expectStatus(await call('POST', file('_/copy'), copying), 403, 'quota_exceeded')
  expectStatus(await call('DELETE', file('second')), 200)
  expectStatus(await call('POST', file('more'), { content: 'x'.repeat(600_000) }), 201)
  expectStatus(await call('PUT', file('more'), { content: 'y' }), 403, 'quota_exceeded')
})

test('a fork counts as a session and with its stored bytes', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_SESSIONS: '2', QUOTA_STORAGE_MB: '1' } })
  const { call } = await registerPerson(server)
  const { id } = await createSession({ url: server.url, call })
  const fork = () => call('POST', `/v1/sessions/${id}/fork`)
  const first = expectStatus(await fork(), 201)
  expectStatus(await fork(), 403, 'quota_exceeded')
  expectStatus(await call('DELETE', `/v1/sessions/${first.id}`), 204)
  const path = `/v1/sessions/${id}/fs/file`
  expectStatus(await call('POST', path, { content: 'x'.repeat(600_000) }), 201)
  const second = expectStatus(await fork(), 201)
  expectStatus(await call('POST', `/v1/sessions/${id}/fs/more`, { content: 'x' }), 403)
  expectStatus(await call('DELETE', `/v1/sessions/${second.id}`), 204)
  expectStatus(await call('PUT', path, { content: 'x'.repeat(1_100_000) }), 200)
  expectStatus(await fork(), 403, 'quota_exceeded')
})

test('agents count as storage, archived ones too', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const { call } = await registerPerson(server)
  const agent = { name: 'Ada', system_prompt: 'x'.repeat(600_000) }
  const { id } = expectStatus(await call('POST', '/v1/agents', agent), 201)
  expectStatus(await call('DELETE', `/v1/agents/${id}`), 204)
  const path = `/v1/agents/${expectStatus(await call('POST', '/v1/agents', agent), 201).id}`
  expectStatus(await call('POST', '/v1/agents', agent), 403, 'quota_exceeded')
  expectStatus(await call('PUT', path, agent), 403, 'quota_exceeded')
  expectStatus(await call('PATCH', path, { name: 'Eve' }), 403, 'quota_exceeded')
  expectStatus(await call('POST', '/v1/agents/import', agent), 403, 'quota_exceeded')
  expectStatus(await call('POST', '/v1/agents/preview', agent), 200)
  const listed = expectStatus(await call('GET', '/v1/agents?include_archived=true&limit=100'), 200)
  assert.ok(listed.data.some((one: { id: string }) => one.id === id))
  expectStatus(await call('DELETE', `/v1/agents/${id}?permanent=true`), 204)
  expectStatus(await call('GET', `/v1/agents/${id}`), 404)
  expectStatus(await call('DELETE', `/v1/agents/${id}?permanent=true`), 404, 'not_found')
  expectStatus(await call('POST', '/v1/agents', { ...agent, system_prompt: 'Short' }), 201)
})

test('an agent is deleted for good once it is archived and has no sessions', async (t) => {
  const server = await startGuarded(t)
  const mine = { url: server.url, call: (await registerPerson(server)).call }
  const { id } = await createAgent(mine)
  const session = await createSession(mine, { agent_id: id })
  const path = `/v1/agents/${id}`
  const remove = () => mine.call('DELETE', `${path}?permanent=true`)
  expectStatus(await remove(), 409, 'agent_in_use')
  expectStatus(await mine.call('DELETE', path), 204)
  expectStatus(await remove(), 409, 'agent_in_use')
  expectStatus(await mine.call('GET', path), 200)
  expectStatus(await mine.call('DELETE', `/v1/sessions/${session.id}`), 204)
  expectStatus(await remove(), 204)
  expectStatus(await mine.call('GET', path), 404, 'not_found')
  const entries = await mine.call('GET', `/v1/audit-log?action=delete_agent&target=${id}`)
  const details = expectStatus(entries, 200).data.map((entry: AuditEntry) => entry.details)
  assert.deepEqual(details, [{ permanent: true }, null])
})

test('a session that is being created keeps its agent from being deleted', async (t) => {
  const server = await startGuarded(t)
  const mine = { url: server.url, call: (await registerPerson(server)).call }
  const { id } = await createAgent(mine)
  const creating = await connectTo(t, server.databaseUrl)
  await creating.query('begin')
  // Locks that the creation of a session holds until it commits.
  await creating.query('select from agents where id = $1 for key share', [id])
  expectStatus(await mine.call('DELETE', `/v1/agents/${id}`), 204)
  const deleting = mine.call('DELETE', `/v1/agents/${id}?permanent=true`)
  await creating.query(
    `insert into sessions (org_id, id, agent_id, sequence) select org_id, $2, id, 0 from agents where id = $1`,
    [id, `session_${'a'.repeat(32)}`],
  )
  await creating.query('commit')
  expectStatus(await deleting, 409, 'agent_in_use')
})

test('answers stored for an Idempotency-Key count as storage for as long as they are stored', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs: 100, env: { QUOTA_STORAGE_MB: '1' } })
  const { call } = await registerPerson(server)
  const mine = { url: server.url, call }
  const agent = { name: 'ada', system_prompt: 'x'.repeat(50_000) }
  let count = 0
  const replace = () => call('POST', '/v1/agents', agent, { 'idempotency-key': `key-${count++}` })
  const { id } = await createSession(mine)
  while ((await replace()).status < 400);
  assert.ok(count > 10 && count < 30, `${count} answers of 50 kB`)
  expectStatus(await replace(), 403, 'quota_exceeded')
  expectStatus(await post(mine, id, 'Full?'), 403, 'quota_exceeded')
  const again = await call('POST', '/v1/agents', agent, { 'idempotency-key': 'key-0' })
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const cancel = `/v1/sessions/${id}/cancel`
  expectStatus(await call('POST', cancel, undefined, { 'idempotency-key': 'cancel' }), 200)
  const old = `update idempotency_keys set created_at = now() - interval '25 hours'`
  await runSql(server.databaseUrl, old)
  await untilStatus(() => post(mine, id, 'Room again?'), 201)
  const [stored] = await queryRows(
    server.databaseUrl,
    `select sum(stored_bytes)::int as bytes from counters where agent_id = 'answers'`,
  )
  assert.deepEqual(stored, { bytes: 0 })
})

/** How nodes of release 0.1 delete expired answers. */
const firstSweep = `
delete from idempotency_keys where ctid = any(array(
  select ctid from idempotency_keys where created_at < now() - interval '24 hours' limit 1000
))`

test('answers that a node of 0.1 deletes do not count any more', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const { call } = await registerPerson(server)
  const agent = { name: 'ada', system_prompt: 'x'.repeat(50_000) }
  let count = 0
  const replace = () => call('POST', '/v1/agents', agent, { 'idempotency-key': `key-${count++}` })
  while ((await replace()).status < 400);
  expectStatus(await replace(), 403, 'quota_exceeded')
  await runSql(
    server.databaseUrl,
    `update idempotency_keys set created_at = now() - interval '25 hours'`,
  )
  await runSql(server.databaseUrl, firstSweep)
  expectStatus(await replace(), 200)
})

test('prompts that were given to models count as storage, each once', async (t) => {
  const server = await startGuarded(t)
  const { key, call } = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call }
  const agent = await createAgent(mine, { system_prompt: 'x'.repeat(50_000) })
  const stored = async () => {
    const [row] = await queryRows<{ bytes: number }>(
      server.databaseUrl,
      `select sum(stored_bytes)::int as bytes,
        (select sum(octet_length(body))::int from texts) as stored
      from counters where agent_id = 'texts'`,
    )
    return row
  }
  const turn = async () => {
    const { id } = await createSession(mine, { agent_id: agent.id })
    const headers = { authorization: key }
    const stream = await follow(t, server.url, { sessionId: id, headers })
    expectStatus(await post(mine, id, scripted({ text: 'Done.' })), 201)
    await stream.event('session.idled')
  }
  await turn()
  const once = await stored()
  assert.ok(once!.bytes > 50_000)
  await turn()
  assert.deepEqual(await stored(), once)
  assert.deepEqual(once, { bytes: once!.bytes, stored: once!.bytes })
})

test('an organization has as many API keys as it may, and room again when one is revoked', async (t) => {
  const server = await startGuarded(t, { env: { API_KEYS_MAX: '2' } })
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const { id } = await createKey(server, one)
  await createKey(server, one)
  const refused = await one.call('POST', '/v1/auth/api-keys', { name: 'Third' })
  assert.match(expectStatus(refused, 403, 'quota_exceeded').error, /2 API keys/)
  await createKey(server, other)
  expectStatus(await one.call('DELETE', `/v1/auth/api-keys/${id}`), 204)
  await createKey(server, one)
})

test('an organization has as many providers, invitations and session tokens as it may', async (t) => {
  const env = {
    // An organization begins with four providers.
    PROVIDERS_MAX: '5',
    INVITATIONS_MAX: '1',
    SESSION_TOKENS_MAX: '1',
  }
  const server = await startGuarded(t, { env })
  const [{ orgId, call }, other] = [await registerPerson(server), await registerPerson(server)]
  const { id } = await createSession({ url: server.url, call })
  const invitation = (name: string) => ({ email: `${name}@example.com` })
  const made = [
    {
      path: '/v1/providers',
      bodies: ['one', 'two'].map((name) => ({ name, provider_type: 'openai' })),
      full: /5 providers/,
    },
    {
      path: `/v1/orgs/${orgId}/invitations`,
      bodies: ['ada', 'eve'].map(invitation),
      full: /1 open invitations/,
    },
    { path: `/v1/sessions/${id}/tokens`, bodies: [{}, {}], full: /1 tokens of a session/ },
  ]
  for (const { path, bodies, full } of made) {
    const first = expectStatus(await call('POST', path, bodies[0]), 201)
    const refused = await call('POST', path, bodies[1])
    assert.match(expectStatus(refused, 403, 'quota_exceeded').error, full)
    expectStatus(await call('DELETE', `${path}/${first.id}`), 204)
    expectStatus(await call('POST', path, bodies[1]), 201)
  }
  const provider = { name: 'one', provider_type: 'openai' }
  expectStatus(await other.call('POST', '/v1/providers', provider), 201)
})

test('a provider has at most 10,000 models; invitations are deleted 30 days after they expired', async (t) => {
  const server = await startGuarded(t, { sweepIntervalMs: 100 })
  const { orgId, call } = await registerPerson(server)
  const provider = { name: 'Mine', provider_type: 'openai' }
  const { id } = expectStatus(await call('POST', '/v1/providers', provider), 201)
  const path = `/v1/providers/${id}/models`
  const model = (name: string) => ({ model_id: name, display_name: name })
  expectStatus(await call('POST', path, model('first')), 201)
  await runSql(
    server.databaseUrl,
    `insert into models (org_id, id, provider_id, model_id, display_name)
    select '${orgId}', 'model_' || md5(n::text), '${id}', n, n from generate_series(1, 9999) n`,
  )
  const refused = await call('POST', path, model('last'))
  assert.match(expectStatus(refused, 403, 'quota_exceeded').error, /10000 models of a provider/)
  for (const [name, age] of Object.entries({ expired: 29, old: 31 })) {
    const body = { email: `${name}@example.com` }
    expectStatus(await call('POST', `/v1/orgs/${orgId}/invitations`, body), 201)
    await runSql(
      server.databaseUrl,
      `update invitations set expires_at = now() - interval '${age} days' where email = '${body.email}'`,
    )
  }
  await eventually(async () => {
    const rows = await queryRows<{ email: string }>(
      server.databaseUrl,
      'select email from invitations',
    )
    return rows.map(({ email }) => email).join() === 'expired@example.com'
  })
})

test('a user owns as many organizations as they may, and joins others all the same', async (t) => {
  const server = await startGuarded(t, { env: { ORGANIZATIONS_PER_USER: '2' } })
  const [owner, other] = [await registerPerson(server), await registerPerson(server)]
  const create = () => other.call('POST', '/v1/orgs', { name: 'Another' })
  const { orgId, call, email } = { ...owner, email: other.email }
  const invited = await call('POST', `/v1/orgs/${orgId}/invitations`, { email, role: 'member' })
  const { token } = expectStatus(invited, 201)
  expectStatus(await other.call('POST', '/v1/invitations/accept', { token }), 200)
  expectStatus(await create(), 201)
  assert.match(expectStatus(await create(), 403, 'quota_exceeded').error, /2 organizations/)
})

test('a credential and an organization have as many streams open as they may', async (t) => {
  const env = { STREAMS_PER_CREDENTIAL: '2', STREAMS_PER_ORGANIZATION: '3' }
  const server = await startGuarded(t, { env })
  const person = await registerPerson(server)
  const [one, other] = [await createKey(server, person), await createKey(server, person)]
  const open = ({ key }: { key: string }) =>
    watch(t, server.url, { headers: { authorization: key } })
  const first = await open(one)
  await open(one)
  const refused = await one.call('GET', '/v1/changes')
  assert.match(expectStatus(refused, 429, 'too_many_streams').error, /credential/)
  assert.equal(refused.headers.get('retry-after'), '5')
  await open(other)
  const full = await other.call('GET', '/v1/changes')
  assert.match(expectStatus(full, 429, 'too_many_streams').error, /organization/)
  await open(await createKey(server, await registerPerson(server)))
  first.close()
  await eventually(async () => {
    const headers = { authorization: one.key }
    const { ok, body } = await fetch(`${server.url}/v1/changes`, { headers })
    await body!.cancel()
    return ok
  })
})

test('refuses a new schedule whose times are too close, and resumes one from before', async (t) => {
  const server = await startGuarded(t)
  const mine = { url: server.url, call: (await registerPerson(server)).call }
  const { id } = await createSession(mine)
  const post = (cron_expression: string) =>
    mine.call('POST', schedules, { name: cron_expression, cron_expression, target: sending(id) })
  for (const often of [everySecond, '0,1 0 0 1 1 *', '*/59 * * * *  *']) {
    const { error } = expectStatus(await post(often), 400, 'invalid_cron')
    assert.match(error, /at least 60 s apart/)
  }
  const path = `${schedules}/${expectStatus(await post('* * * * *'), 201).id}`
  expectStatus(await mine.call('PATCH', path, { cron_expression: everySecond }), 400)
  expectStatus(await mine.call('POST', `${path}/pause`), 200)
  const before = `update schedules set cron_expression = '${everySecond}'`
  await runSql(server.databaseUrl, before)
  expectStatus(await mine.call('POST', `${path}/resume`), 200)
})
