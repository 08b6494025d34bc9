import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AgentKeyWithSecret } from '@outlast/contract'
import { addMember, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent } from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let base: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  base = `/v1/agents/${(await createAgent(server)).id}/channels`
})

const create = async (fields: object = {}) =>
  expectStatus(await server.call('POST', base, { channel_type: 'api', ...fields }), 201)

const defaults = {
  session_binding: 'per_user',
  visibility: 'activity',
  tool_activity_text: 'Working...',
  errors: 'public',
  tool_approvals: 'operator',
  rate_limit_per_minute: 0,
  auth_methods: [],
  allowed_origins: [],
  spending_limit: null,
}

test('creates a channel as a draft with the default settings, and lists it', async () => {
  const made = await create()
  assert.match(made.id, /^appchan_[0-9a-f]{32}$/)
  assert.deepEqual(made.channel_config, defaults)
  assert.deepEqual([made.channel_type, made.enabled, made.status], ['api', true, 'draft'])
  const other = await create({ channel_config: { visibility: 'full', rate_limit_per_minute: 5 } })
  assert.deepEqual(other.channel_config, {
    ...defaults,
    visibility: 'full',
    rate_limit_per_minute: 5,
  })
  const listed = expectStatus(await server.call('GET', base), 200)
  assert.ok(Array.isArray(listed))
  const ours = listed.filter(({ id }: { id: string }) => [made.id, other.id].includes(id))
  assert.deepEqual(ours, [other, made])
  assert.deepEqual(expectStatus(await server.call('GET', `${base}/${made.id}`), 200), made)
})

test('an agent is named by its name too', async () => {
  const { id, name } = await createAgent(server, { name: 'front-desk' })
  const named = `/v1/agents/${name}/channels`
  const made = expectStatus(await server.call('POST', named, { channel_type: 'api' }), 201)
  expectStatus(await server.call('POST', `${named}/${made.id}/publish`), 200)
  const path = `/v1/agents/${id}/channels/${made.id}`
  assert.equal(expectStatus(await server.call('GET', path), 200).status, 'live')
  expectStatus(await server.call('GET', '/v1/agents/no-such-agent/channels'), 404)
})

test('refuses unknown types, unknown settings and wrong values, and names the field', async () => {
  const wrong: [object, string, string?][] = [
    [{ channel_type: 'slack' }, 'channel_type'],
    [{ channel_config: { visibilty: 'full' } }, 'channel_config', 'does not take visibilty'],
    [{ channel_config: { visibility: 'all' } }, 'channel_config/visibility'],
    [{ channel_config: { session_binding: 'shared' } }, 'channel_config/session_binding'],
    [{ channel_config: { rate_limit_per_minute: -1 } }, 'channel_config/rate_limit_per_minute'],
    [
      { channel_config: { spending_limit: { amount: 0, currency: 'usd' } } },
      'channel_config/spending_limit/amount',
    ],
    [
      { channel_config: { spending_limit: { amount: 1, currency: 'eur' } } },
      'channel_config/spending_limit/currency',
    ],
    [{ enabled: 'yes' }, 'enabled'],
  ]
  const { id } = await create()
  for (const [fields, path, message] of wrong) {
    const refused = await server.call('POST', base, { channel_type: 'api', ...fields })
    const { details } = expectStatus(refused, 400, 'invalid_request')
    assert.equal(details[0].path, path)
    if (message) assert.equal(details[0].message, message)
    if ('channel_type' in fields) continue
    expectStatus(await server.call('PATCH', `${base}/${id}`, fields), 400, 'invalid_request')
  }
  expectStatus(await server.call('POST', base, {}), 400, 'invalid_request')
})

test('publishes and closes a channel; a closed channel is a draft when it is enabled again', async () => {
  const { id } = await create()
  const path = `${base}/${id}`
  const status = async (method: string, suffix: string, body?: object) =>
    expectStatus(await server.call(method, path + suffix, body), 200).status
  assert.equal(await status('POST', '/publish'), 'live')
  assert.equal(await status('POST', '/publish'), 'live')
  assert.equal(await status('POST', '/unpublish'), 'draft')
  assert.equal(await status('POST', '/publish'), 'live')
  assert.equal(await status('PATCH', '', { enabled: false }), 'disabled')
  expectStatus(await server.call('POST', `${path}/publish`), 409, 'channel_disabled')
  assert.equal(await status('PATCH', '', { channel_config: { errors: 'detailed' } }), 'disabled')
  assert.equal(await status('PATCH', '', { enabled: true }), 'draft')
  assert.equal(await status('POST', '/publish'), 'live')
  assert.equal(await status('PATCH', '', { enabled: null }), 'live')
})

test('replaces all settings of a channel', async () => {
  const { id } = await create({ channel_config: { visibility: 'full', errors: 'detailed' } })
  const change = { channel_config: { visibility: 'messages' } }
  const changed = expectStatus(await server.call('PATCH', `${base}/${id}`, change), 200)
  assert.deepEqual(changed.channel_config, { ...defaults, visibility: 'messages' })
})

test('deletes a channel, which is then missing for every operation', async () => {
  const { id } = await create()
  const path = `${base}/${id}`
  const { id: keyId } = expectStatus(await server.call('POST', `${path}/keys`, { name: 'A' }), 201)
  const deleted = expectStatus(await server.call('DELETE', path), 200)
  assert.deepEqual(deleted, { id, deleted: true })
  for (const [method, suffix] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/publish'],
    ['POST', '/unpublish'],
    ['GET', '/keys'],
    ['POST', `/keys/${keyId}/rotate`],
    ['POST', `/keys/${keyId}/revoke`],
  ] as const) {
    expectStatus(await server.call(method, path + suffix), 404, 'not_found')
  }
})

test('a channel of another agent and a key of another channel are missing', async () => {
  const { id } = await create()
  const other = await create()
  const key = expectStatus(await server.call('POST', `${base}/${id}/keys`, { name: 'A' }), 201)
  const elsewhere = `/v1/agents/${(await createAgent(server)).id}/channels/${id}`
  expectStatus(await server.call('GET', elsewhere), 404)
  expectStatus(await server.call('PATCH', elsewhere, { enabled: false }), 404)
  expectStatus(await server.call('GET', `${elsewhere}/keys`), 404)
  for (const verb of ['rotate', 'revoke']) {
    const path = `${base}/${other.id}/keys/${key.id}/${verb}`
    expectStatus(await server.call('POST', path), 404)
  }
  const unknown = `/v1/agents/agent_${'0'.repeat(32)}/channels`
  expectStatus(await server.call('GET', unknown), 404)
  expectStatus(await server.call('POST', unknown, { channel_type: 'api' }), 404)
})

test('shows the secret of a key once, and lists the key without it', async () => {
  const { id } = await create()
  const keys = `${base}/${id}/keys`
  const wanted = { name: 'Shop', permissions: ['end_user'], expires_at: '2099-01-01T00:00:00.000Z' }
  const made: AgentKeyWithSecret = expectStatus(await server.call('POST', keys, wanted), 201)
  assert.match(made.secret, /^evr_ak_[0-9a-f]{64}$/)
  assert.equal(made.prefix, `${made.secret.slice(0, 15)}...`)
  assert.deepEqual(made.permissions, ['sessions', 'end_user'])
  assert.deepEqual([made.channel_id, made.expires_at], [id, wanted.expires_at])
  const { secret, ...rest } = made
  const second = expectStatus(await server.call('POST', keys, { name: 'Other' }), 201)
  assert.deepEqual(second.permissions, ['sessions'])
  const listed = await server.call('GET', keys)
  const { secret: _, ...other } = second
  assert.deepEqual(expectStatus(listed, 200), [other, rest])
  assert.ok(!JSON.stringify(listed.body).includes(secret.slice(15)))
})

test('refuses keys with a past expiry, unknown permissions or no name', async () => {
  const { id } = await create()
  for (const fields of [
    { name: '' },
    {},
    { name: 'A', permissions: ['admin'] },
    { name: 'A', expires_at: '2020-01-01T00:00:00.000Z' },
    { name: 'A', expires_at: 'tomorrow' },
    { name: 'A', expires_at: '9999-12-31T23:59:59-23:59' },
  ]) {
    const refused = await server.call('POST', `${base}/${id}/keys`, fields)
    expectStatus(refused, 400, 'invalid_request')
  }
  const body = { name: 'A', expires_at: '2099-01-01T00:00:00-23:59' }
  const made = expectStatus(await server.call('POST', `${base}/${id}/keys`, body), 201)
  assert.equal(Date.parse(made.expires_at), Date.parse(body.expires_at))
})

test('rotates a key under its id, and neither rotates nor restores a revoked one', async () => {
  const { id } = await create()
  const made = expectStatus(await server.call('POST', `${base}/${id}/keys`, { name: 'A' }), 201)
  const path = `${base}/${id}/keys/${made.id}`
  const before = Date.now()
  const rotated = expectStatus(await server.call('POST', `${path}/rotate`), 200)
  assert.equal(rotated.id, made.id)
  assert.notEqual(rotated.secret, made.secret)
  assert.notEqual(rotated.prefix, made.prefix)
  const hours = (Date.parse(rotated.previous_valid_until) - before) / 3_600_000
  assert.equal(Math.round(hours), 24)
  for (const overlap_hours of [169, -1, 1.5, 'long']) {
    expectStatus(await server.call('POST', `${path}/rotate`, { overlap_hours }), 400)
  }
  const revoked = expectStatus(await server.call('POST', `${path}/revoke`), 200)
  assert.ok(revoked.revoked_at)
  assert.equal(revoked.previous_valid_until, null)
  assert.equal('secret' in revoked, false)
  expectStatus(await server.call('POST', `${path}/rotate`), 404, 'not_found')
  const again = expectStatus(await server.call('POST', `${path}/revoke`), 200)
  assert.equal(again.revoked_at, revoked.revoked_at)
})

test('an agent has at most 100 channels, and a channel at most 100 valid keys', async () => {
  const agent = `/v1/agents/${(await createAgent(server)).id}/channels`
  const make = (path: string, body: object) => server.call('POST', path, body)
  const channel = { channel_type: 'api' }
  const made = await Promise.all(Array.from({ length: 99 }, () => make(agent, channel)))
  for (const answer of made) expectStatus(answer, 201)
  const { id } = expectStatus(await make(agent, channel), 201)
  expectStatus(await make(agent, channel), 403, 'quota_exceeded')
  const keys = `${agent}/${id}/keys`
  const first = expectStatus(await make(keys, { name: 'A' }), 201)
  const others = await Promise.all(Array.from({ length: 99 }, () => make(keys, { name: 'A' })))
  for (const answer of others) expectStatus(answer, 201)
  expectStatus(await make(keys, { name: 'A' }), 403, 'quota_exceeded')
  expectStatus(await server.call('POST', `${keys}/${first.id}/revoke`), 200)
  expectStatus(await make(keys, { name: 'A' }), 201)
})

test('only administrators change channels and keys, and the audit log has no secret', async (t) => {
  const guarded = await startGuarded(t)
  const owner = await registerPerson(guarded)
  const member = await addMember(guarded, owner, 'member')
  const caller = { url: guarded.url, call: owner.call }
  const path = `/v1/agents/${(await createAgent(caller)).id}/channels`
  const asMember = (method: string, suffix: string, body?: object) =>
    member.call(method, path + suffix, body, { 'x-org-id': owner.orgId })
  const made = expectStatus(await owner.call('POST', path, { channel_type: 'api' }), 201)
  const keys = `${path}/${made.id}/keys`
  const { id, secret } = expectStatus(await owner.call('POST', keys, { name: 'Shop' }), 201)
  expectStatus(await asMember('GET', `/${made.id}/keys`), 200)
  for (const [method, suffix, body] of [
    ['POST', '', { channel_type: 'api' }],
    ['PATCH', `/${made.id}`, {}],
    ['DELETE', `/${made.id}`, undefined],
    ['POST', `/${made.id}/publish`, undefined],
    ['POST', `/${made.id}/keys`, { name: 'Mine' }],
    ['POST', `/${made.id}/keys/${id}/rotate`, undefined],
    ['POST', `/${made.id}/keys/${id}/revoke`, undefined],
  ] as const) {
    expectStatus(await asMember(method, suffix, body), 403, 'forbidden')
  }
  const { data } = expectStatus(await owner.call('GET', '/v1/audit-log?limit=100'), 200)
  const actions = data.map(({ action, target }: { action: string; target: string }) => [
    action,
    target,
  ])
  assert.ok(actions.some(([action, at]: string[]) => action === 'create_agent_key' && at === id))
  assert.ok(!JSON.stringify(data).includes(secret.slice(15)))
})
