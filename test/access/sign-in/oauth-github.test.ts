import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGuarded } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import type { Browser } from './browser.ts'
import { type GithubPerson, startGithub } from './github.ts'
import { clientId, clientSecret } from './issuer.ts'
import {
  base,
  begin,
  browserAt,
  expectRefused,
  expectSignedIn,
  isOurs,
  readLog,
  whoIs,
} from './signing-in.ts'

type Context = Parameters<typeof startGuarded>[0]

let people = 0

function newPerson(fields: Partial<GithubPerson> = {}): GithubPerson {
  people += 1
  return {
    id: 1000 + people,
    login: `octo${people}`,
    name: `Octo ${people}`,
    avatar_url: `https://avatars.example.org/${people}`,
    emails: [
      { email: `other${people}@example.net`, primary: false, verified: true },
      { email: `octo${people}@example.org`, primary: true, verified: true },
    ],
    ...fields,
  }
}

let visitor = newPerson()
let github: Awaited<ReturnType<typeof startGithub>>
let server: Awaited<ReturnType<typeof startGuarded>>

const settingsFor = ({ url }: { url: string }) => ({
  AUTH_BASE_URL: base,
  AUTH_GITHUB_URL: url,
  AUTH_GITHUB_CLIENT_ID: clientId,
  AUTH_GITHUB_CLIENT_SECRET: clientSecret,
})

beforeAll(async (t) => {
  github = await startGithub(t as Context, () => visitor)
  server = await startGuarded(t as Context, { env: settingsFor(github) })
})

const startNode = (t: Context, env: Record<string, string>) =>
  startGuarded(t, { databaseUrl: server.databaseUrl, env: { ...settingsFor(github), ...env } })

async function wayBack(browser: Browser, person: GithubPerson): Promise<URL> {
  visitor = person
  const url = await browser.follow(await begin(browser, 'github'), isOurs)
  assert.ok(url instanceof URL)
  return url
}

const signIn = async (browser: Browser, person: GithubPerson) =>
  browser.open(await wayBack(browser, person))

test('a user signs in with GitHub and is the same user the next time', async () => {
  const person = newPerson()
  const browser = browserAt(server)
  expectSignedIn(await signIn(browser, person))
  const me = await whoIs(browser)
  assert.deepEqual(
    [me.email, me.name, me.avatar_url, me.roles],
    [person.emails[1]!.email, person.name, person.avatar_url, ['owner']],
  )
  const renamed = { ...person, login: 'renamed', emails: newPerson().emails }
  const again = browserAt(server)
  expectSignedIn(await signIn(again, renamed))
  assert.deepEqual(await whoIs(again), me)
})

test('a user without a name is called by their login', async () => {
  const person = newPerson({ name: null, avatar_url: 'javascript:alert(1)' })
  const browser = browserAt(server)
  expectSignedIn(await signIn(browser, person))
  const { name, avatar_url } = await whoIs(browser)
  assert.deepEqual([name, avatar_url], [person.login, null])
})

test('only the primary address counts, and only when it is verified', async () => {
  const email = 'unverified@example.org'
  const refused = [
    [],
    [{ email, primary: true, verified: false }],
    [{ email, primary: false, verified: true }],
    [
      { email, primary: true, verified: false },
      { email: 'verified@example.org', primary: false, verified: true },
    ],
  ]
  for (const emails of refused) {
    const browser = browserAt(server)
    expectRefused(await signIn(browser, newPerson({ emails })), 401, 'oauth_failed')
    assert.equal(browser.cookie('access_token'), undefined)
  }
})

test('refuses a response without a user', async () => {
  for (const id of [undefined, '7', 1.5, null]) {
    const person = { ...newPerson(), id } as GithubPerson
    expectRefused(await signIn(browserAt(server), person), 401, 'oauth_failed')
  }
})

test("refuses a code put into another user's sign-in", async () => {
  const [victim, attacker] = [browserAt(server), browserAt(server)]
  const stolen = await wayBack(victim, newPerson())
  const url = await wayBack(attacker, newPerson())
  url.searchParams.set('code', stolen.searchParams.get('code')!)
  expectRefused(await attacker.open(url), 401, 'oauth_failed')
  assert.equal(attacker.cookie('access_token'), undefined)
})

test('a callback is valid once, for the browser that began, from GitHub', async () => {
  const browser = browserAt(server)
  const url = await wayBack(browser, newPerson())
  expectRefused(await browserAt(server).open(url), 401, 'oauth_state_invalid')
  expectSignedIn(await browser.open(url))
  expectRefused(await browser.open(url), 401, 'oauth_state_invalid')
  const mixed = await wayBack(browser, newPerson())
  mixed.searchParams.set('iss', 'https://github.com/login/oauth')
  expectRefused(await browser.open(mixed), 401, 'oauth_failed')
})

test('accepts an older GitHub that does not send its issuer name', async () => {
  const browser = browserAt(server)
  const url = await wayBack(browser, newPerson())
  url.searchParams.delete('iss')
  expectSignedIn(await browser.open(url))
})

test('allowed domains apply to GitHub', async (t) => {
  const node = await startNode(t, { AUTH_GITHUB_ALLOWED_DOMAINS: 'example.net' })
  const browser = browserAt(node)
  expectRefused(await signIn(browser, newPerson()), 403, 'email_not_allowed')
  const emails = [{ email: 'hired@example.net', primary: true, verified: true }]
  expectSignedIn(await signIn(browser, newPerson({ emails })))
})

test('the same user number on another GitHub server is another user', async (t) => {
  const other = await startGithub(t, () => visitor)
  const node = await startNode(t, { AUTH_GITHUB_URL: other.url })
  const [here, there] = [browserAt(server), browserAt(node)]
  const person = newPerson()
  expectSignedIn(await signIn(here, person))
  expectRefused(await signIn(there, person), 401, 'email_taken')
  expectSignedIn(await signIn(there, newPerson({ id: person.id })))
  assert.notEqual((await whoIs(here)).id, (await whoIs(there)).id)
})

test('reports a GitHub that is unavailable, without secrets', async (t) => {
  const lines = readLog(t)
  const wrong = 'a-wrong-secret-for-our-client-9876543210'
  const mistaken = await startNode(t, { LOG_LEVEL: 'debug', AUTH_GITHUB_CLIENT_SECRET: wrong })
  const [browser, unlucky] = [browserAt(server), browserAt(mistaken)]
  expectRefused(await signIn(unlucky, newPerson()), 401, 'oauth_failed')
  const url = await wayBack(unlucky, newPerson())
  github.leave()
  expectRefused(await unlucky.open(url), 503, 'oauth_unavailable')
  github.comeBack()
  expectSignedIn(await signIn(browser, newPerson()))
  const ours = [...browser.seen, ...unlucky.seen, ...lines].join('\n')
  assert.match(ours, /"provider":"github","reason":"[^"]*incorrect_client_credentials/)
  assert.ok(github.handedOut.length > 3)
  for (const secret of [clientSecret, wrong, ...github.handedOut]) {
    assert.equal(ours.includes(secret), false)
  }
})
