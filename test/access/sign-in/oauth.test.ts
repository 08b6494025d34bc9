import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import { expectStatus, startGuarded } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { clientId, clientSecret, type Issuer, startIssuer } from './issuer.ts'
import {
  agree,
  base,
  begin,
  browserAt,
  callback,
  decline,
  expectRefused,
  expectSignedIn,
  newPerson,
  oidcSettings,
  signInElsewhere,
  whoIs,
} from './signing-in.ts'

let issuer: Issuer
let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  const context = t as Parameters<typeof startGuarded>[0]
  issuer = await startIssuer(context, { redirectUris: [callback] })
  server = await startGuarded(context, { env: oidcSettings(issuer) })
})

/** Another node on that database. */
const startNode = (t: Parameters<typeof startGuarded>[0], env: Record<string, string> = {}) =>
  startGuarded(t, { databaseUrl: server.databaseUrl, env: { ...oidcSettings(issuer), ...env } })

test('a user of the issuer signs in and is the same user the next time', async () => {
  const { sub, email, name } = newPerson(issuer)
  const browser = browserAt(server)
  expectSignedIn(await signInElsewhere(browser, sub))
  const me = await whoIs(browser)
  assert.equal(me.email, email)
  assert.equal(me.name, name)
  assert.deepEqual(me.roles, ['owner'])
  assert.match(me.organization_id, /^org_[0-9a-f]{32}$/)
  const another = browserAt(server)
  expectSignedIn(await signInElsewhere(another, sub))
  assert.deepEqual(await whoIs(another), me)
  const log = JSON.parse((await another.open(`${base}/v1/audit-log`)).body)
  const actions = log.data.map(({ action }: { action: string }) => action)
  assert.deepEqual(actions, ['login_oidc', 'register_oidc'])
})

test('a changed name and address at the issuer do not change the user here', async () => {
  const { sub, email } = newPerson(issuer)
  const browser = browserAt(server)
  expectSignedIn(await signInElsewhere(browser, sub))
  const { id } = await whoIs(browser)
  issuer.accounts.set(sub, { email: `new-${email}`, email_verified: true, name: 'New' })
  expectSignedIn(await signInElsewhere(browserAt(server), sub))
  assert.deepEqual(await whoIs(browser), { ...(await whoIs(browser)), id, email })
})

test('each sign-in has its own state, challenge and nonce', async () => {
  const asked = await Promise.all([begin(browserAt(server)), begin(browserAt(server))])
  const [one, other] = asked.map(({ headers }) => new URL(headers.get('location')!).searchParams)
  for (const name of ['state', 'code_challenge', 'nonce']) {
    assert.match(one!.get(name)!, /^[\w-]{43}$/)
    assert.notEqual(one!.get(name), other!.get(name))
  }
  assert.equal(one!.get('code_challenge_method'), 'S256')
  assert.equal(one!.get('response_type'), 'code')
  assert.equal(one!.get('redirect_uri'), callback)
  assert.equal(one!.get('client_id'), clientId)
})

test('sign-in cookies are HttpOnly, SameSite and Secure', async () => {
  const { sub } = newPerson(issuer)
  const browser = browserAt(server)
  const begun = await begin(browser)
  const [state, ...more] = begun.headers.getSetCookie()
  assert.equal(more.length, 0)
  assert.match(
    state!,
    /^oauth_state=[\w-]{43}; Max-Age=600; Path=\/[^;]*; HttpOnly; Secure; SameSite=Lax$/,
  )
  const done = await browser.open(await agree(browser, begun, sub))
  const [over, access, refresh] = done.headers.getSetCookie()
  assert.match(over!, /^oauth_state=; Max-Age=0; Path=\/[^;]*; HttpOnly; Secure; SameSite=Lax$/)
  assert.match(access!, /^access_token=\S+; Max-Age=900; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
  assert.match(
    refresh!,
    /^refresh_token=\S+; Max-Age=2592000; Path=\/v1\/auth; HttpOnly; Secure; SameSite=Strict$/,
  )
  assert.equal(done.headers.get('cache-control'), 'no-store')
  assert.equal(done.headers.get('referrer-policy'), 'no-referrer')
  assert.equal(browser.cookie('oauth_state'), undefined)
})

test('refuses a callback that this browser did not begin', async () => {
  const { sub } = newPerson(issuer)
  const [victim, attacker] = [browserAt(server), browserAt(server)]
  const url = await agree(attacker, await begin(attacker), sub)
  expectRefused(await victim.open(url), 401, 'oauth_state_invalid')
  await begin(victim)
  expectRefused(await victim.open(url), 401, 'oauth_state_invalid')
  assert.equal(victim.cookie('access_token'), undefined)
  expectSignedIn(await attacker.open(url))
})

test('refuses a state that is missing, empty, repeated or foreign', async () => {
  const { sub } = newPerson(issuer)
  const spoil: ((url: URL) => void)[] = [
    ({ searchParams }) => searchParams.delete('state'),
    ({ searchParams }) => searchParams.set('state', ''),
    ({ searchParams }) => searchParams.append('state', searchParams.get('state')!),
    ({ searchParams }) => searchParams.set('state', 'A'.repeat(43)),
    ({ searchParams }) => searchParams.set('state', '\0\u{fffd}'),
  ]
  for (const change of spoil) {
    const browser = browserAt(server)
    const url = await agree(browser, await begin(browser), sub)
    change(url)
    expectRefused(await browser.open(url), 401, 'oauth_state_invalid')
  }
})

test('refuses a state that the server never issued, also with a matching cookie', async () => {
  const browser = browserAt(server)
  await begin(browser)
  const forged = { ...browser.cookie('oauth_state')!, value: 'A'.repeat(43) }
  const attacker = browserAt(server)
  attacker.steal(forged)
  const page = await attacker.open(`${callback}?code=x&state=${forged.value}`)
  expectRefused(page, 401, 'oauth_state_invalid')
})

test('a callback is valid once', async () => {
  const { sub } = newPerson(issuer)
  const browser = browserAt(server)
  const begun = await begin(browser)
  const state = browser.cookie('oauth_state')!
  const url = await agree(browser, begun, sub)
  expectSignedIn(await browser.open(url))
  expectRefused(await browser.open(url), 401, 'oauth_state_invalid')
  const copy = browserAt(server)
  copy.steal(state)
  expectRefused(await copy.open(url), 401, 'oauth_state_invalid')
})

test('of one callback sent many times at once, one succeeds', async () => {
  const { sub } = newPerson(issuer)
  const browser = browserAt(server)
  const begun = await begin(browser)
  const state = browser.cookie('oauth_state')!
  const url = await agree(browser, begun, sub)
  const pages = await Promise.all(
    Array.from({ length: 5 }, () => {
      const copy = browserAt(server)
      copy.steal(state)
      return copy.open(url)
    }),
  )
  assert.deepEqual(pages.map(({ status }) => status).sort(), [302, 401, 401, 401, 401])
})

test("refuses the state of another provider's sign-in", async () => {
  const { sub } = newPerson(issuer)
  const browser = browserAt(server)
  const url = await agree(browser, await begin(browser), sub)
  url.pathname = url.pathname.replace('oidc', 'github')
  expectRefused(await browser.open(url), 401, 'oauth_state_invalid')
})

test("refuses a code put into another user's sign-in", async () => {
  const [one, other] = [newPerson(issuer), newPerson(issuer)]
  const [victim, attacker] = [browserAt(server), browserAt(server)]
  const stolen = await agree(victim, await begin(victim), one.sub)
  const url = await agree(attacker, await begin(attacker), other.sub)
  url.searchParams.set('code', stolen.searchParams.get('code')!)
  expectRefused(await attacker.open(url), 401, 'oauth_failed')
  assert.equal(attacker.cookie('access_token'), undefined)
})

test('refuses a code without the verifier, even with the client secret', async () => {
  const { sub } = newPerson(issuer)
  for (const verifier of [undefined, 'A'.repeat(43)]) {
    const browser = browserAt(server)
    const url = await agree(browser, await begin(browser), sub)
    const response = await fetch(`${issuer.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: url.searchParams.get('code')!,
        redirect_uri: callback,
        client_id: clientId,
        client_secret: clientSecret,
        ...(verifier !== undefined && { code_verifier: verifier }),
      }),
    })
    assert.equal(response.status, 400)
    assert.match(await response.text(), /"invalid_grant"/)
  }
})

test('declining at the issuer does not sign in, and the user can try again', async () => {
  const { sub } = newPerson(issuer)
  const browser = browserAt(server)
  const url = await decline(browser, await begin(browser))
  assert.equal(url.searchParams.get('error'), 'access_denied')
  expectRefused(await browser.open(url), 401, 'oauth_failed')
  assert.equal(browser.cookie('access_token'), undefined)
  expectSignedIn(await signInElsewhere(browser, sub))
})

test('refuses an address that the issuer has not verified', async () => {
  const spoilt = [
    { email_verified: false },
    { email_verified: undefined },
    { email_verified: 'false' },
    { email: undefined },
    { email: 'no address' },
    { email: 'two@example.org,three@example.org' },
    { email: 'nul\0@example.org' },
  ]
  for (const fields of spoilt) {
    const { sub } = newPerson(issuer, fields)
    const browser = browserAt(server)
    expectRefused(await signInElsewhere(browser, sub), 401, 'oauth_failed')
    assert.equal(browser.cookie('access_token'), undefined)
  }
})

test('accepts a name that the database cannot store as it is', async () => {
  const names = ['', 'x'.repeat(5000), 'a\0b', 7, undefined]
  for (const name of names) {
    const { sub, email } = newPerson(issuer, { name })
    const browser = browserAt(server)
    expectSignedIn(await signInElsewhere(browser, sub))
    const me = await whoIs(browser)
    assert.ok(me.name.length >= 1 && me.name.length <= 255)
    if (typeof name !== 'string' || name === '') assert.equal(me.name, email)
  }
})

test('never joins an account that has a password by its address', async () => {
  const { sub, email } = newPerson(issuer)
  const registration = { email, password: 'a long password', name: 'Local' }
  const local = expectStatus(await server.call('POST', '/v1/auth/register', registration), 201)
  for (const written of [email, email.toUpperCase()]) {
    issuer.accounts.set(sub, { email: written, email_verified: true })
    const browser = browserAt(server)
    expectRefused(await signInElsewhere(browser, sub), 401, 'email_taken')
    assert.equal(browser.cookie('access_token'), undefined)
  }
  const authorization = `Bearer ${local.access_token}`
  const me = await server.call('GET', '/v1/auth/me', undefined, { authorization })
  assert.equal(expectStatus(me, 200).name, 'Local')
  const query = '/v1/audit-log?action=login_failed'
  const { data } = expectStatus(await server.call('GET', query, undefined, { authorization }), 200)
  assert.deepEqual(
    data.map(({ target, details }: AuditEntry) => [target, details]),
    [
      [me.body.id, { email }],
      [me.body.id, { email }],
    ],
  )
})

test("an issuer cannot provide the administrator's address", async () => {
  const { sub } = newPerson(issuer, { email: 'Admin@example.com' })
  expectRefused(await signInElsewhere(browserAt(server), sub), 401, 'email_taken')
})

test('a first sign-in in many windows at once creates one user', async () => {
  const { sub } = newPerson(issuer)
  const windows = Array.from({ length: 4 }, () => browserAt(server))
  const urls = await Promise.all(
    windows.map(async (window) => agree(window, await begin(window), sub)),
  )
  const pages = await Promise.all(windows.map((window, index) => window.open(urls[index]!)))
  for (const page of pages) expectSignedIn(page)
  const ids = await Promise.all(windows.map(async (window) => (await whoIs(window)).id))
  assert.equal(new Set(ids).size, 1)
})

test('a sign-in begun at one node can finish at another', async (t) => {
  const other = await startNode(t)
  const { sub } = newPerson(issuer)
  const first = browserAt(server)
  const begun = await begin(first)
  const url = await agree(first, begun, sub)
  const second = browserAt(other)
  second.steal(first.cookie('oauth_state')!)
  expectSignedIn(await second.open(url))
  expectRefused(await first.open(url), 401, 'oauth_state_invalid')
  assert.equal((await whoIs(second)).roles[0], 'owner')
})
