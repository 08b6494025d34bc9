import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import { expectStatus, signInAdmin, startGuarded } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { openBrowser } from './browser.ts'
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
  local,
  newPerson,
  oidcSettings,
  readLog,
  signInElsewhere,
  whoIs,
} from './signing-in.ts'

type Context = Parameters<typeof startGuarded>[0]

const behindProxy = `${base}/api/v1/auth/callback/oidc`
const redirectUris = [callback, behindProxy, `${local}/v1/auth/callback/oidc`]

let issuer: Issuer
let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  issuer = await startIssuer(t as Context, { redirectUris })
  server = await startGuarded(t as Context, { env: oidcSettings(issuer) })
})

/** Another node on that database, with settings of its own. */
const startNode = (t: Context, env: Record<string, string>) =>
  startGuarded(t, { databaseUrl: server.databaseUrl, env: { ...oidcSettings(issuer), ...env } })

test('the list of sign-in providers is public, and only listed ones can be begun', async () => {
  const config = await server.call('GET', '/v1/auth/config')
  assert.deepEqual(expectStatus(config, 200).oauth_providers, ['oidc'])
  const browser = browserAt(server)
  for (const [provider, name] of Object.entries({ github: 'GitHub', google: 'Google' })) {
    const page = await begin(browser, provider)
    expectRefused(page, 401, 'oauth_not_configured')
    assert.equal(JSON.parse(page.body).error, `${name} OAuth not configured`)
  }
  for (const provider of ['facebook', 'OIDC', '__proto__', 'constructor', '%00', 'oidc%20']) {
    expectRefused(await begin(browser, provider), 401, 'oauth_provider_unknown')
  }
  assert.equal(browser.cookie('oauth_state'), undefined)
})

test('lists every configured provider', async (t) => {
  const named = ['GOOGLE', 'GITHUB'].flatMap((name) => [
    [`AUTH_${name}_CLIENT_ID`, clientId],
    [`AUTH_${name}_CLIENT_SECRET`, clientSecret],
  ])
  const node = await startNode(t, Object.fromEntries(named))
  const config = await node.call('GET', '/v1/auth/config')
  assert.deepEqual(expectStatus(config, 200).oauth_providers, ['google', 'github', 'oidc'])
  const page = await begin(browserAt(node), 'github')
  const url = new URL(page.headers.get('location')!)
  assert.equal(url.origin + url.pathname, 'https://github.com/login/oauth/authorize')
  assert.equal(url.searchParams.get('redirect_uri'), `${base}/v1/auth/callback/github`)
  assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
})

test('with one administrator no OAuth user is admitted, known or new', async (t) => {
  const node = await startNode(t, { AUTH_MODE: 'admin' })
  const config = expectStatus(await node.call('GET', '/v1/auth/config'), 200)
  assert.deepEqual([config.mode, config.oauth_providers], ['admin', []])
  const { sub } = newPerson(issuer)
  const browser = browserAt(server)
  expectSignedIn(await signInElsewhere(browser, sub))
  expectRefused(await begin(browserAt(node)), 401, 'oauth_not_configured')
  const begun = await begin(browser)
  const state = browser.cookie('oauth_state')!
  const url = await agree(browser, begun, sub)
  const there = browserAt(node)
  there.steal(state)
  expectRefused(await there.open(url), 401, 'oauth_not_configured')
  assert.equal(there.cookie('access_token'), undefined)
})

test('without authentication no sign-in exists', async (t) => {
  const open = await startServer(t)
  for (const path of ['oauth/oidc', 'callback/oidc?state=x&code=y']) {
    expectStatus(await open.call('GET', `/v1/auth/${path}`), 409, 'authentication_off')
  }
})

test('refuses an address at another domain, and stores only an audit entry', async (t) => {
  const node = await startNode(t, { AUTH_OIDC_ALLOWED_DOMAINS: 'Example.com, example.net' })
  for (const domain of [
    'example.org',
    'sub.example.com',
    'example.com.evil.org',
    'notexample.com',
  ]) {
    const email = `someone.${domain}@${domain}`
    const { sub } = newPerson(issuer, { email })
    const browser = browserAt(node)
    expectRefused(await signInElsewhere(browser, sub), 403, 'email_not_allowed')
    assert.equal(browser.cookie('access_token'), undefined)
    const registration = { email, password: 'a long password', name: 'First' }
    expectStatus(await node.call('POST', '/v1/auth/register', registration), 201)
  }
  for (const domain of ['example.com', 'EXAMPLE.NET']) {
    const { sub } = newPerson(issuer, { email: `allowed@${domain}` })
    expectSignedIn(await signInElsewhere(browserAt(node), sub))
  }
  const { data } = (await (await signInAdmin(node)).call('GET', failedSignIns)).body
  assert.deepEqual(data.map(({ details }: AuditEntry) => details?.email).slice(0, 2), [
    'someone.notexample.com@notexample.com',
    'someone.example.com.evil.org@example.com.evil.org',
  ])
})

const failedSignIns = '/v1/audit-log?action=login_failed'

test('refuses an existing user whose domain is no longer allowed', async (t) => {
  const { sub, email } = newPerson(issuer)
  const browser = browserAt(server)
  expectSignedIn(await signInElsewhere(browser, sub))
  const node = await startNode(t, { AUTH_OIDC_ALLOWED_DOMAINS: 'example.com' })
  expectRefused(await signInElsewhere(browserAt(node), sub), 403, 'email_not_allowed')
  const { data } = JSON.parse((await browser.open(`${base}${failedSignIns}`)).body)
  assert.deepEqual(
    data.map(({ details }: AuditEntry) => details),
    [{ email }],
  )
})

test('refused sign-ins of one account do not fill the audit log', async (t) => {
  const { sub } = newPerson(issuer)
  const elsewhere = browserAt(server)
  expectSignedIn(await signInElsewhere(elsewhere, sub))
  const node = await startNode(t, { AUTH_OIDC_ALLOWED_DOMAINS: 'example.com' })
  const browser = browserAt(node)
  for (let attempt = 0; attempt < 50; attempt += 1) {
    expectRefused(await signInElsewhere(browser, sub), 403, 'email_not_allowed')
  }
  const { data } = JSON.parse((await elsewhere.open(`${base}${failedSignIns}&limit=100`)).body)
  assert.ok(data.length >= 40 && data.length < 50, `${data.length} entries`)
})

test('without sign-up new users are refused and existing ones admitted', async (t) => {
  const node = await startNode(t, { AUTH_DISABLE_SIGNUP: 'true' })
  const { sub, email } = newPerson(issuer)
  const browser = browserAt(node)
  expectRefused(await signInElsewhere(browser, sub), 403, 'registration_disabled')
  assert.equal(browser.cookie('access_token'), undefined)
  expectSignedIn(await signInElsewhere(browserAt(server), sub))
  expectSignedIn(await signInElsewhere(browser, sub))
  assert.equal((await whoIs(browser)).email, email)
})

test('without passwords OAuth sign-in still works', async (t) => {
  const node = await startNode(t, { AUTH_DISABLE_PASSWORD: 'true' })
  const { sub, email } = newPerson(issuer)
  const browser = browserAt(node)
  expectSignedIn(await signInElsewhere(browser, sub))
  assert.equal((await whoIs(browser)).email, email)
  const login = { email, password: 'a long password' }
  expectStatus(await node.call('POST', '/v1/auth/login', login), 401, 'invalid_login')
})

test('on this machine cookies work over plain HTTP', async (t) => {
  const node = await startNode(t, { AUTH_BASE_URL: local })
  const { sub } = newPerson(issuer)
  const browser = openBrowser({ [local]: node.url })
  const begun = await browser.open(`${local}/v1/auth/oauth/oidc`)
  const done = await browser.open(await agree(browser, begun, sub))
  expectSignedIn(done)
  for (const line of done.headers.getSetCookie()) {
    assert.doesNotMatch(line, /Secure/)
    assert.match(line, /HttpOnly; SameSite=(Lax|Strict)/)
  }
  assert.equal((await browser.open(`${local}/v1/auth/me`)).status, 200)
})

test('the callback works under the other base path', async (t) => {
  const node = await startNode(t, { AUTH_OIDC_REDIRECT_URI: behindProxy })
  const { sub } = newPerson(issuer)
  const browser = browserAt(node)
  const url = await agree(browser, await begin(browser), sub)
  assert.equal(url.pathname, '/api/v1/auth/callback/oidc')
  expectSignedIn(await browser.open(url))
})

test('reports an issuer that is unavailable and uses it again once it is back', async (t) => {
  const other = await startIssuer(t, { redirectUris })
  other.leave()
  const node = await startNode(t, { AUTH_OIDC_ISSUER: other.issuer })
  const { sub } = newPerson(other)
  const browser = browserAt(node)
  const pages = await Promise.all([begin(browser), begin(browser)])
  for (const page of pages) {
    expectRefused(page, 503, 'oauth_unavailable')
    assert.equal(page.headers.get('retry-after'), '1')
  }
  other.comeBack()
  const url = await agree(browser, await begin(browser), sub)
  other.leave()
  expectRefused(await browser.open(url), 503, 'oauth_unavailable')
  assert.equal(browser.cookie('access_token'), undefined)
  other.comeBack()
  expectSignedIn(await signInElsewhere(browser, sub))
})

test('accepts an issuer under a path, the other form of the secret, and all claims in the id token', async (t) => {
  for (const path of ['/realms/one', '/realms/two/']) {
    const other = await startIssuer(t, {
      redirectUris,
      path,
      secretForm: 'client_secret_basic',
      claimsInToken: true,
    })
    const node = await startNode(t, { AUTH_OIDC_ISSUER: other.issuer })
    const { sub, email } = newPerson(other)
    const browser = browserAt(node)
    expectSignedIn(await signInElsewhere(browser, sub))
    assert.equal((await whoIs(browser)).email, email)
    expectSignedIn(await signInElsewhere(browserAt(node), sub))
  }
})

test('the same subject at another issuer is another user', async (t) => {
  const other = await startIssuer(t, { redirectUris })
  const node = await startNode(t, { AUTH_OIDC_ISSUER: other.issuer })
  const one = newPerson(issuer)
  other.accounts.set(one.sub, { email: 'namesake@example.org', email_verified: true })
  const [here, there] = [browserAt(server), browserAt(node)]
  expectSignedIn(await signInElsewhere(here, one.sub))
  expectSignedIn(await signInElsewhere(there, one.sub))
  const [me, namesake] = [await whoIs(here), await whoIs(there)]
  assert.notEqual(me.id, namesake.id)
  assert.equal(namesake.email, 'namesake@example.org')
})

test('refuses a response of another issuer', async () => {
  const { sub } = newPerson(issuer)
  for (const iss of ['https://evil.example.org', '']) {
    const browser = browserAt(server)
    const url = await agree(browser, await begin(browser), sub)
    url.searchParams.set('iss', iss)
    expectRefused(await browser.open(url), 401, 'oauth_failed')
  }
})

test('configuration errors are in the log, without secrets', async (t) => {
  const lines = readLog(t)
  const wrong = 'a-wrong-secret-for-our-client-9876543210'
  const node = await startNode(t, { LOG_LEVEL: 'debug' })
  const mistaken = await startNode(t, { LOG_LEVEL: 'debug', AUTH_OIDC_CLIENT_SECRET: wrong })
  const { sub } = newPerson(issuer)
  const browser = browserAt(node)
  expectSignedIn(await signInElsewhere(browser, sub))
  const url = await agree(browser, await begin(browser), sub)
  url.searchParams.set('code', `${url.searchParams.get('code')}x`)
  expectRefused(await browser.open(url), 401, 'oauth_failed')
  const unwilling = browserAt(node)
  const declined = await decline(unwilling, await begin(unwilling))
  expectRefused(await unwilling.open(declined), 401, 'oauth_failed')
  const unlucky = browserAt(mistaken)
  expectRefused(await signInElsewhere(unlucky, sub), 401, 'oauth_failed')
  const log = lines.join('')
  assert.match(
    log,
    /"a sign-in with an external account failed","provider":"oidc","reason":"[^"]*invalid_client/,
  )
  assert.match(
    log,
    /"a sign-in with an external account failed","provider":"oidc","reason":"[^"]*invalid_grant/,
  )
  const audit = await browser.open(`${base}/v1/audit-log`)
  assert.equal(audit.status, 200)
  const [ours, theirs] = [[...browser.seen, ...unlucky.seen].join('\n'), issuer.handedOut]
  assert.ok(theirs.length > 3)
  for (const secret of [clientSecret, wrong, ...theirs]) {
    assert.equal(log.includes(secret), false)
    assert.equal(ours.includes(secret), false)
  }
})
