/**
 * Accounts that are older than the administrator's use of their address. Addresses are never
 * verified.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  adminEmail,
  adminPassword,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
  untilStatus,
} from '../../../apps/server/test/access.ts'
import { runSql } from '../../../apps/server/test/database.ts'
import type { Call } from '../../../apps/server/test/server.ts'
import { createSession } from '../../../apps/server/test/session.ts'

type Server = { url: string; call: Call }

const boss = 'boss@corp.example'
const noAdmin = { AUTH_ADMIN_EMAIL: '', AUTH_ADMIN_PASSWORD: '' }

/** Every kind of credential of a user: sign-in, key, key of a key, and tokens and links of each. */
async function credentialsOf(server: Server, person: Pick<Person, 'call' | 'bearer'>) {
  const key = await createKey(server, person)
  const child = await createKey(server, key)
  const session = await createSession({ url: server.url, call: person.call })
  const path = `/v1/sessions/${session.id}`
  const tokenOf = async (call: Call, kind: 'tokens' | 'shares') =>
    expectStatus(await call('POST', `${path}/${kind}`, { expires_in: 86_400 }), 201).token as string
  const tokens = []
  for (const { call } of [person, key]) {
    tokens.push(await tokenOf(call, 'tokens'), await tokenOf(call, 'shares'))
  }
  return [
    ...[person.bearer, key.key, child.key].map((shown) => ({ shown, path: '/v1/agents' })),
    ...tokens.map((token) => ({ shown: `Bearer ${token}`, path })),
  ]
}

const login = (server: Server, email: string, password: string) =>
  server.call('POST', '/v1/auth/login', { email, password })

async function signInAs(server: Server, email: string) {
  const tokens = expectStatus(await login(server, email, adminPassword), 200)
  return { tokens, call: callerWith(server.url, `Bearer ${tokens.access_token}`) }
}

const inDefault = { 'x-org-id': `org_${'0'.repeat(31)}1` }

/** The same database with other settings, as after a restart. */
const restart = (t: TestContext, databaseUrl: string, email: string) =>
  startGuarded(t, { databaseUrl, env: email ? { AUTH_ADMIN_EMAIL: email } : noAdmin })

test('an account that becomes the administrator loses every credential that it had', async (t) => {
  const before = await startGuarded(t, { env: noAdmin })
  const { databaseUrl } = before
  const stranger = await registerPerson(before, { email: boss })
  const identity = `insert into identities (provider, subject, user_id) values ('x', 'y', '${stranger.id}')`
  await runSql(databaseUrl, identity)
  const held = await credentialsOf(before, stranger)
  const server = await restart(t, databaseUrl, boss)
  const use = ({ shown, path }: (typeof held)[number]) =>
    callerWith(server.url, shown)('GET', path, undefined)
  for (const one of held) expectStatus(await use(one), 200)

  const admin = await signInAs(server, boss)
  for (const one of held) await untilStatus(() => use(one), 401)
  const { refresh_token } = stranger.tokens
  const refreshed = await server.call('POST', '/v1/auth/refresh', { refresh_token })
  expectStatus(refreshed, 401, 'invalid_refresh_token')
  expectStatus(await login(server, boss, stranger.password), 401, 'invalid_login')
  const me = expectStatus(await admin.call('GET', '/v1/auth/me', undefined, inDefault), 200)
  assert.deepEqual([me.id, me.roles], [stranger.id, ['owner']])
  const audit = await admin.call('GET', '/v1/audit-log', undefined, inDefault)
  const actions = expectStatus(audit, 200).data.map(({ action }: { action: string }) => action)
  assert.ok(actions.includes('admin_account_claimed'))
  await assert.rejects(
    runSql(databaseUrl, `${identity}, ('x', 'y', '${stranger.id}')`),
    /duplicate/,
  )
  await runSql(databaseUrl, identity)

  // The settings do not restore the credentials of the original registration.
  const after = await restart(t, databaseUrl, '')
  expectStatus(await login(after, boss, stranger.password), 401, 'invalid_login')
})

test('a repeated sign-in of the administrator keeps their sign-ins and keys', async (t) => {
  const server = await startGuarded(t)
  const first = await signInAdmin(server)
  const key = await createKey(server, first)
  await signInAdmin(server)
  for (const { call } of [first, key]) expectStatus(await call('GET', '/v1/agents'), 200)
  const again = await startGuarded(t, { databaseUrl: server.databaseUrl })
  await signInAdmin(again)
  for (const { call } of [first, key]) expectStatus(await call('GET', '/v1/agents'), 200)
})

test('a changed password in the settings ends the sign-ins of the administrator', async (t) => {
  const first = await startGuarded(t)
  const { databaseUrl } = first
  const former = await signInAdmin(first)
  const [signedIn, key, child, ...tokens] = await credentialsOf(first, former)
  const [token, share, ...tokensOfKey] = tokens
  const password = 'another horse battery'
  const changed = { databaseUrl, env: { AUTH_ADMIN_PASSWORD: password } }
  const server = await startGuarded(t, changed)
  const refresh = { refresh_token: former.tokens.refresh_token }
  const refreshed = await server.call('POST', '/v1/auth/refresh', refresh)
  expectStatus(refreshed, 401, 'invalid_refresh_token')
  const use = ({ shown, path }: NonNullable<typeof key>) =>
    callerWith(server.url, shown)('GET', path)
  for (const one of [signedIn, token, share]) await untilStatus(() => use(one!), 401)
  for (const one of [key, child, ...tokensOfKey]) expectStatus(await use(one!), 200)

  const { access_token } = expectStatus(await login(server, adminEmail, password), 200)
  const again = await startGuarded(t, changed)
  const call = callerWith(again.url, `Bearer ${access_token}`)
  expectStatus(await call('GET', '/v1/agents'), 200)

  // A node that still has the old password accepts it. The next start of a new node ends that.
  const late = await signInAdmin(first)
  const last = await startGuarded(t, changed)
  await untilStatus(() => callerWith(last.url, late.bearer)('GET', '/v1/agents'), 401)
  const after = await restart(t, databaseUrl, '')
  expectStatus(await login(after, adminEmail, password), 401, 'invalid_login')
})

test('AUTH_MODE=admin ends the sign-ins that other users have from AUTH_MODE=full', async (t) => {
  const first = await startGuarded(t)
  const { databaseUrl } = first
  const admin = await signInAdmin(first)
  const person = await registerPerson(first)
  const key = await createKey(first, person)
  const { url, call } = await startGuarded(t, { databaseUrl, env: { AUTH_MODE: 'admin' } })
  const list = (shown: string) => callerWith(url, shown)('GET', '/v1/agents')
  const refresh = ({ tokens: { refresh_token } }: Pick<Person, 'tokens'>) =>
    call('POST', '/v1/auth/refresh', { refresh_token })
  expectStatus(await list(person.bearer), 401, 'invalid_token')
  expectStatus(await refresh(person), 401, 'invalid_refresh_token')
  expectStatus(await list(key.key), 200)
  expectStatus(await list(admin.bearer), 200)
  const { access_token } = expectStatus(await refresh(admin), 200)
  expectStatus(await list(`Bearer ${access_token}`), 200)
})

test('another administrator in the settings takes over a registered account without its credentials', async (t) => {
  const first = await startGuarded(t)
  const former = await signInAdmin(first)
  const stranger = await registerPerson(first, { email: boss })
  const held = await credentialsOf(first, stranger)
  const server = await restart(t, first.databaseUrl, boss)
  const admin = await signInAs(server, boss)
  for (const { shown, path } of held) {
    await untilStatus(() => callerWith(server.url, shown)('GET', path), 401)
  }
  expectStatus(await admin.call('GET', '/v1/durable/workers', undefined, inDefault), 200)
  // The previous administrator is signed out and has no password.
  await untilStatus(() => former.call('GET', '/v1/agents'), 401)
  expectStatus(await login(server, 'admin@example.com', adminPassword), 401, 'invalid_login')
})

test('a member of the default organization becomes an owner as administrator', async (t) => {
  const first = await startGuarded(t)
  const admin = await signInAdmin(first)
  const orgId = inDefault['x-org-id']
  const invitation = { email: boss, role: 'viewer' }
  const made = await admin.call('POST', `/v1/orgs/${orgId}/invitations`, invitation)
  await registerPerson(first, { email: boss, invitation: expectStatus(made, 201).token })
  const server = await restart(t, first.databaseUrl, boss)
  const { call } = await signInAs(server, boss)
  assert.deepEqual(expectStatus(await call('GET', '/v1/auth/me'), 200).roles, ['owner'])
})

test('registering with an unknown invitation does not reveal whether an account exists', async (t) => {
  const open = await startGuarded(t)
  const known = await registerPerson(open)
  const server = await startGuarded(t, {
    databaseUrl: open.databaseUrl,
    env: { AUTH_DISABLE_SIGNUP: 'true' },
  })
  for (const email of [known.email, 'free@example.com', 'admin@example.com']) {
    const body = { email, name: 'X', password: 'a long password', invitation: 'invite_unknown' }
    expectStatus(await server.call('POST', '/v1/auth/register', body), 404, 'not_found')
  }
})

test('a user removed from every organization cannot create one while sign-up is off', async (t) => {
  const server = await startGuarded(t, { env: { AUTH_DISABLE_SIGNUP: 'true' } })
  const admin = await signInAdmin(server)
  const members = `/v1/orgs/${inDefault['x-org-id']}`
  const invitation = { email: 'leaver@example.com' }
  const invited = await admin.call('POST', `${members}/invitations`, invitation)
  const { token } = expectStatus(invited, 201)
  const leaver = await registerPerson(server, { ...invitation, invitation: token })
  expectStatus(await admin.call('DELETE', `${members}/members/${leaver.id}`), 204)
  const refused = await leaver.call('POST', '/v1/orgs', { name: 'My own' })
  expectStatus(refused, 403, 'registration_disabled')
  expectStatus(await admin.call('POST', '/v1/orgs', { name: 'A second one' }), 201)
})
