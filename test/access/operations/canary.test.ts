/** Secrets do not leak into responses, streams, logs, events, errors or tables. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  adminEmail,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
} from '../../../apps/server/test/access.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { addMcpServer, sessionWithMcp } from '../../../apps/server/test/remotes/mcp.ts'
import { insistent } from '../../../apps/server/test/server.ts'
import { createAgent, createSession, post } from '../../../apps/server/test/session.ts'
import { followSoon } from '../../crash/scenario.ts'
import { startFails, startProcess, temporaryFolder } from '../../process.ts'
import { bodies, type Things } from './bodies.ts'
import {
  canary,
  dump,
  recordAnswers,
  rowsOf,
  startGossip,
  tellingPart,
  withPassword,
} from './canary.ts'
import { endless } from './operation-sets.ts'
import { fill, furnish, type Operation, operationsOf } from './operations.ts'

const secrets = {
  AUTH_JWT_SECRET: canary('jwt'),
  AUTH_ADMIN_PASSWORD: canary('admin'),
  SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.from(canary('kek').slice(-32)).toString('base64')}`,
  SECRETS_ENCRYPTION_KEY_PREVIOUS: `kek-v0:${Buffer.from(canary('kek-v0').slice(-32)).toString('base64')}`,
  DEFAULT_OPENAI_API_KEY: canary('openai'),
  DEFAULT_ANTHROPIC_API_KEY: canary('anthropic'),
  AUTH_GOOGLE_CLIENT_SECRET: canary('google'),
  AUTH_GITHUB_CLIENT_SECRET: canary('github'),
  AUTH_OIDC_CLIENT_SECRET: canary('oidc'),
}

/** Secrets that requests send to the server. */
const told = {
  providerKey: canary('provider'),
  mcpKey: canary('mcp'),
  mcpHeader: canary('mcp-header'),
  password: canary('password'),
  newPassword: canary('new-password'),
  wrongPassword: canary('wrong-password'),
  refusedPassword: canary('refused').repeat(5),
  addressPassword: canary('address'),
}

async function start(t: TestContext) {
  const { folder, before } = await temporaryFolder(t)
  const later = { after: (work: () => unknown) => before(async () => work()) }
  const databaseUrl = await createTestDatabase(later)
  const databasePassword = canary('database')
  const gossip = await startGossip(t)
  const server = await startProcess({
    ...secrets,
    DATABASE_URL: await withPassword(later, databaseUrl, databasePassword),
    DATA_DIR: folder,
    LOG_LEVEL: 'trace',
    AUTH_MODE: 'full',
    AUTH_ADMIN_EMAIL: adminEmail,
    AUTH_BASE_URL: 'http://127.0.0.1',
    AUTH_GOOGLE_CLIENT_ID: 'client',
    AUTH_GITHUB_CLIENT_ID: 'client',
    AUTH_GITHUB_URL: gossip,
    AUTH_OIDC_CLIENT_ID: 'client',
    AUTH_OIDC_ISSUER: gossip,
    PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*',
    MODEL_ATTEMPTS_MAX: '2',
  })
  before(() => server.stop())
  return { server, gossip, databaseUrl, databasePassword }
}

type Started = Awaited<ReturnType<typeof start>>

const broken = JSON.stringify({ api_key: told.providerKey, password: told.password }).slice(0, -1)

/** Bodies that are refused, each with secrets in it. */
const refusedBodies = [
  broken,
  JSON.stringify([told.providerKey]),
  { password: { is: told.password }, api_key: [told.providerKey], email: told.password },
  { name: 1, email: 'a', password: told.refusedPassword, api_key: `${told.providerKey} x` },
  { base_url: `https://user:${told.addressPassword}@models.example/v1`, api_key: told.providerKey },
]

/** Each operation: unauthenticated, malformed, and valid. Deletions come last. */
async function exercise(server: Started['server'], person: Person, things: Things) {
  const last = ({ id, method }: Operation) => (method === 'DELETE' ? 2 : id === 'logout' ? 3 : 1)
  // The steps after it need the organization.
  const operations = (await operationsOf(server))
    .filter(({ id }) => id !== 'delete_organization')
    .sort((a, b) => last(a) - last(b))
  for (const { id, method, path } of operations) {
    // Tests do not call Google.
    const url = fill(path, things).replace('/google', '/oidc')
    const body = bodies[id]?.(things)
    await server.call(method, url, body, { 'x-request-id': id })
    // Imported text becomes a prompt that every member can read.
    if (method !== 'GET' && method !== 'DELETE' && id !== 'import_agent') {
      for (const bad of refusedBodies) await person.call(method, url, bad)
    }
    if (endless.has(id) || id === 'logout') continue
    const once: Record<string, string> = { 'idempotency-key': `canary-${id}` }
    let answer = await person.call(method, url, body, once)
    // A loaded machine may be late.
    while (['database_unavailable', 'grep_busy'].includes(answer.body.code)) {
      answer = await person.call(method, url, body, once)
    }
    assert.ok(
      answer.status < 500 && answer.body.code !== 'organization_missing',
      `${id}: ${answer.status} ${JSON.stringify(answer.body)}`,
    )
    if (method === 'POST') await person.call(method, url, body, once)
  }
}

/** Sign-ins that succeed and fail in each way, also through other providers. */
async function signInAround(server: Started['server'], person: Person) {
  const { email, password } = person
  const post = (path: string, body: object) => server.call('POST', `/v1/auth/${path}`, body)
  const tokens = expectStatus(await post('login', { email, password }), 200)
  await post('login', { email, password: told.wrongPassword })
  await post('login', { email: told.wrongPassword, password: told.wrongPassword })
  await post('login', { email: adminEmail, password: told.wrongPassword })
  const admin = { email: adminEmail, password: secrets.AUTH_ADMIN_PASSWORD }
  const { access_token } = expectStatus(await post('login', admin), 200)
  const asAdmin = callerWith(server.url, `Bearer ${access_token}`)
  expectStatus(await asAdmin('GET', '/v1/llm-providers'), 200)
  const refresh_token = tokens.refresh_token as string
  expectStatus(await post('refresh', { refresh_token }), 200)
  expectStatus(await post('refresh', { refresh_token }), 401)
  for (const provider of ['oidc', 'github']) {
    const begun = await server.call('GET', `/v1/auth/oauth/${provider}`)
    expectStatus(begun, 302)
    const cookie = begun.headers.getSetCookie()[0]!.split(';')[0]!
    const state = new URL(begun.headers.get('location')!).searchParams.get('state')
    const callback = `/v1/auth/callback/${provider}?code=abc&state=${state}`
    const failed = await server.call('GET', callback, undefined, { cookie })
    assert.ok(failed.status >= 401, String(failed.status))
  }
  const change = { current_password: password, new_password: told.newPassword }
  expectStatus(await person.call('POST', '/v1/auth/password', change), 204)
}

const vendors = ['openai', 'openai_completions', 'anthropic']
const manners = ['v401', 'v500', 'vcut', 'vnonsense', 'vmidway']

/** A turn whose model call fails at a provider that repeats the key in its response. */
async function failAtVendor(
  t: TestContext,
  { url, call }: { url: string; call: Person['call'] },
  { type, base_url }: { type: string; base_url: string },
) {
  const make = async (path: string, body: object) =>
    expectStatus(await call('POST', path, body), 201)
  const provider = await make('/v1/llm-providers', {
    name: type,
    provider_type: type,
    base_url,
    api_key: told.providerKey,
  })
  assert.equal(provider.api_key_set, true)
  const model = await make(`/v1/llm-providers/${provider.id}/models`, {
    model_id: 'gossip-1',
    display_name: 'Gossip',
  })
  const agent = await createAgent({ url, call }, { default_model_id: model.id })
  const session = await createSession({ url, call }, { agent_id: agent.id })
  const { token } = await make(`/v1/sessions/${session.id}/tokens`, { view: 'full' })
  const stream = await followSoon(t, { url }, session.id, `?access_token=${token}`)
  expectStatus(await post({ url, call }, session.id, 'Hello'), 201)
  await stream.event('session.idled')
  stream.close()
  await call('GET', `/v1/sessions/${session.id}/events?expand=messages`)
  await call('GET', `/v1/sessions/${session.id}/messages`)
  return stream.events.find((event) => event.type === 'turn.failed')
}

/** A turn with an MCP server that repeats its key and a header in its responses. */
async function gossipOverMcp(
  t: TestContext,
  { url, call }: { url: string; call: Person['call'] },
  mcpUrl: string,
) {
  const server = await addMcpServer({ url, call }, mcpUrl, {
    name: mcpUrl,
    api_key: told.mcpKey,
    headers: { 'x-api-key': told.mcpHeader },
  })
  const { body } = await call('POST', `${server.path}/test`)
  assert.equal(body.ok, false)
  const session = await sessionWithMcp({ url, call }, server.ref)
  const made = await call('POST', `/v1/sessions/${session.id}/tokens`, { view: 'full' })
  const { token } = expectStatus(made, 201)
  const stream = await followSoon(t, { url }, session.id, `?access_token=${token}`)
  expectStatus(await post({ url, call }, session.id, 'Hello'), 201)
  await stream.event('session.idled')
  stream.close()
  await call('GET', `/v1/sessions/${session.id}/preview`)
  return stream.events.find((event) => event.type === 'mcp.unavailable')
}

/** Server errors: missing tables and a database that refuses connections. */
async function breakThings({ server, databaseUrl }: Started, { call }: { call: Person['call'] }) {
  const provider = { name: 'X', provider_type: 'openai', api_key: told.providerKey }
  const mcp = { name: 'X', url: 'https://mcp.example.com/', api_key: told.mcpKey }
  const login = { email: 'nobody@example.com', password: told.wrongPassword }
  const requests = async () => [
    await call('POST', '/v1/llm-providers', provider),
    await call('POST', '/v1/mcp-servers', mcp),
    await server.call('POST', '/v1/auth/login', login),
    await server.call('POST', '/v1/auth/register', { ...login, name: 'X', invitation: 'x' }),
    await call('POST', '/v1/auth/api-keys', { name: 'X' }),
  ]
  for (const table of ['providers', 'mcp_servers', 'users', 'api_keys', 'audit_log']) {
    await rowsOf(databaseUrl, `alter table ${table} rename to ${table}_gone`)
    const statuses = (await requests()).map(({ status }) => status)
    assert.ok(statuses.includes(500), `${table}: ${statuses}`)
    await rowsOf(databaseUrl, `alter table ${table}_gone rename to ${table}`)
  }
  const others = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
  for (let round = 0; round < 3; round++) {
    // Waits for their ends: later, one would break another request.
    await rowsOf(databaseUrl, `select pg_terminate_backend(pid, 60000) ${others}`)
    await requests()
  }
}

test('no secret is in any response, stream, log line, event, error or table', async (t) => {
  const answers = recordAnswers(t)
  const started = await start(t)
  const { server, gossip, databaseUrl } = started
  const person = await registerPerson(server, { password: told.password, name: 'Owner' })
  const things = await furnish(t, server, person)
  const key = await createKey(server, person)
  const mine = { url: server.url, call: insistent(key.call) }
  const addresses = [...manners.map((manner) => `${gossip}/${manner}`), 'http://127.0.0.1:1']
  const failures = await Promise.all(
    vendors.flatMap((type) =>
      addresses.map((base_url) => failAtVendor(t, mine, { type, base_url })),
    ),
  )
  assert.ok(failures.filter((failed) => failed !== undefined).length > 12)
  const down = await Promise.all(addresses.map((address) => gossipOverMcp(t, mine, address)))
  assert.deepEqual(
    down.filter((told) => told === undefined),
    [],
  )
  await signInAround(server, person)
  const call = callerWith(server.url, person.bearer, { 'x-org-id': person.orgId })
  await exercise(server, { ...person, call }, things)
  await breakThings(started, key)
  expectStatus(await key.call('DELETE', `/v1/orgs/${person.orgId}`), 204)
  const tables = await dump(databaseUrl)
  await server.stop()
  await answers.complete()

  const handedOut = answers.heard.flatMap((answer) => answer.handedOut)
  assert.ok(handedOut.length > 30, String(handedOut.length))
  assert.ok(tables.size > 20 && server.output().includes('"level":"error"'))
  const places = new Map(tables)
  places.set('log', server.output())
  const all = [
    ...Object.values(secrets),
    ...Object.values(told),
    started.databasePassword,
    person.password,
    key.key,
    ...handedOut,
  ]
  const leaks = new Set<string>()
  for (const secret of all) {
    const part = tellingPart(secret)
    for (const [place, text] of places) {
      if (text.includes(part)) leaks.add(`${secret.slice(0, 24)} in ${place}`)
    }
    for (const { what, text, handedOut: own } of answers.heard) {
      if (!own.includes(secret) && text().includes(part))
        leaks.add(`${secret.slice(0, 24)} in ${what}`)
    }
  }
  assert.deepEqual([...leaks], [])
})

const unreachable = canary('database-of-a-failed-start')

test('a server that fails to start logs no secrets', async () => {
  const DATABASE_URL = `postgres://someone:${unreachable}@127.0.0.1:1/outlast`
  const good = {
    ...secrets,
    DATABASE_URL,
    AUTH_MODE: 'full',
    AUTH_ADMIN_EMAIL: adminEmail,
    LOG_LEVEL: 'trace',
  }
  const bad: Record<string, string>[] = [
    { AUTH_BASE_URL: 'http://127.0.0.1' },
    { DATABASE_URL: `mysql://someone:${unreachable}@127.0.0.1/x` },
    { DATABASE_URL: `postgres://someone:${unreachable}@127.0.0.1:99999/x` },
    { SECRETS_ENCRYPTION_KEY: `kek-v1:${unreachable}` },
    { SECRETS_ENCRYPTION_KEY: unreachable },
    { SECRETS_ENCRYPTION_KEY_PREVIOUS: unreachable },
    { SECRETS_ENCRYPTION_KEY_PREVIOUS: secrets.SECRETS_ENCRYPTION_KEY },
    { AUTH_JWT_SECRET: 'canary-short' },
    { AUTH_ADMIN_PASSWORD: 'canary7' },
    { REDIS_URL: `redis://someone:${unreachable}@127.0.0.1:1` },
    { REDIS_URL: `http://someone:${unreachable}@127.0.0.1:1` },
  ]
  for (const change of bad) {
    const { code, output } = await startFails({ ...good, ...change })
    assert.equal(code, 1, output)
    const shown = [...Object.values({ ...secrets, ...change }), unreachable].filter(
      (secret) => /canary|kek/.test(secret) && output.includes(tellingPart(secret)),
    )
    assert.deepEqual(shown, [], output)
  }
})
