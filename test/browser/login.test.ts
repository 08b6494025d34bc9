import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser, BrowserContext, Page, Route } from 'playwright-core'
import {
  addMember,
  adminEmail,
  adminPassword,
  callerWith,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import {
  eventually,
  openProfile,
  openTab,
  requestSignOut,
  signIn,
  signOut,
  startBrowser,
  talk,
  valueIn,
  whoIn,
} from './browser.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>

let browser: Browser
let server: Server

beforeAll(async (t) => {
  const hook = t as never
  browser = await startBrowser(hook)
  server = await startGuarded(hook)
})

const message = (page: Page) => page.getByLabel('Message', { exact: true })

/** Opens a page of a signed-in user. */
async function arrive(t: TestContext, at: Server) {
  const person = await registerPerson(at)
  const profile = await openProfile(t, browser)
  const data = { email: person.email, password: person.password }
  const login = await profile.request.post(`${at.url}/v1/auth/login`, { data })
  assert.equal(login.status(), 200)
  const { page, complaints } = await openTab(profile, at.url)
  assert.equal(await whoIn(page), person.name)
  return { person, profile, page, complaints }
}

/** Drops the access token, like a browser after its expiry. */
const expire = (profile: BrowserContext) => profile.clearCookies({ name: 'access_token' })

/** Records the status of every renewal of the sign-in. */
function renewalsOf(page: Page) {
  const statuses: number[] = []
  page.on('response', (response) => {
    if (response.url().endsWith('/v1/auth/refresh')) statuses.push(response.status())
  })
  return statuses
}

test('continues a conversation after the access token expired', async (t) => {
  const { profile, page, complaints } = await arrive(t, server)
  await talk(page, 'Good morning')
  const renewals = renewalsOf(page)
  await expire(profile)
  await talk(page, 'Good evening')
  assert.deepEqual(renewals, [200])
  assert.deepEqual(complaints, [])
})

test('resumes a stream after the access token expired', async (t) => {
  const env = { SSE_CYCLE_MS: '1500' }
  const { profile, page, complaints } = await arrive(t, await startGuarded(t, { env }))
  await talk(page, 'Good morning')
  const messages = page.getByRole('log').locator('.message')
  const shown = await messages.count()
  await page.evaluate('document.querySelector(".message.user").dataset.kept = "yes"')
  const renewals = renewalsOf(page)
  const streams: number[] = []
  page.on('response', (response) => {
    if (response.url().includes('/sse?')) streams.push(response.status())
  })
  await expire(profile)
  await eventually(async () => {
    assert.deepEqual(renewals, [200])
    assert.equal(streams.at(-1), 200)
  })
  assert.equal(await messages.count(), shown)
  assert.equal(await page.locator('.message.user[data-kept]').count(), 1)
  await talk(page, 'Good evening')
  assert.deepEqual(complaints, [])
})

test('renews an expired access token once when a page opens', async (t) => {
  const { profile, page } = await arrive(t, server)
  const renewals = renewalsOf(page)
  await expire(profile)
  await page.reload()
  assert.ok(await whoIn(page))
  await page.getByText('Assistant', { exact: true }).first().waitFor()
  assert.deepEqual(renewals, [200])
})

test('tabs renew an expired access token one after the other', async (t) => {
  const { person, profile, page } = await arrive(t, server)
  const tabs = [page]
  for (let tab = 2; tab <= 4; tab += 1) {
    tabs.push((await openTab(profile, server.url)).page)
  }
  for (let round = 1; round <= 3; round += 1) {
    // Requests that a page makes by itself can renew it before the messages do.
    const renewals = tabs.map(renewalsOf)
    await expire(profile)
    await Promise.all(tabs.map((tab) => talk(tab, `Round ${round}`)))
    const statuses = renewals.flat()
    assert.ok(statuses.length > 0 && statuses.every((status) => status === 200), `${statuses}`)
    for (const tab of tabs)
      assert.equal(await tab.getByRole('textbox', { name: 'Password' }).count(), 0)
  }
  const login = { email: person.email, password: person.password }
  const tokens = expectStatus(await server.call('POST', '/v1/auth/login', login), 200)
  const call = callerWith(server.url, `Bearer ${tokens.access_token}`)
  const { data } = expectStatus(await call('GET', '/v1/audit-log'), 200)
  const actions = data.map(({ action }: { action: string }) => action)
  assert.ok(actions.includes('register') && !actions.includes('refresh_token_reused'))
})

/** Ends the sign-in of a browser by a request of another client. */
async function signOutElsewhere(profile: BrowserContext) {
  const cookies = await profile.cookies()
  const { value } = cookies.find(({ name }) => name === 'access_token')!
  expectStatus(await callerWith(server.url, `Bearer ${value}`)('POST', '/v1/auth/logout'), 200)
}

/** Sends a message. Another client ends the sign-in before the request reaches the server. */
async function sendSignedOut(profile: BrowserContext, page: Page, text: string) {
  const endSignIn = async (route: Route) => {
    await signOutElsewhere(profile)
    await route.continue()
  }
  await page.route('**/messages', endSignIn, { times: 1 })
  await message(page).fill(text)
  await message(page).press('Enter')
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
}

test('sends a message after a required new sign-in', async (t) => {
  const { person, profile, page } = await arrive(t, server)
  await talk(page, 'Good morning')
  await sendSignedOut(profile, page, 'Are you there?')
  assert.equal(await page.getByText('Good morning').first().isVisible(), false)
  await signIn(page, person)
  await page.getByRole('log').getByText('You said “Are you there?”').waitFor()
  assert.equal(await page.locator('.message.user').count(), 2)
})

test('a new user of the browser neither sees nor sends text of the previous user', async (t) => {
  const { profile, page } = await arrive(t, server)
  const next = await registerPerson(server)
  await talk(page, 'Good morning')
  await sendSignedOut(profile, page, 'My secret')
  await page.getByLabel('Email').fill(next.email)
  await page.getByRole('textbox', { name: 'Password' }).fill(next.password)
  const reloaded = page.waitForEvent('load')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await reloaded
  await page.getByText(next.name, { exact: true }).waitFor()
  await page.getByText('It may have been deleted.').waitFor()
  assert.equal(await page.getByText('Good morning').count(), 0)
  assert.equal(await page.getByText('My secret').count(), 0)
  assert.doesNotMatch(await valueIn(page, 'JSON.stringify(sessionStorage)'), /My secret/)
  assert.equal((await next.call('GET', '/v1/sessions')).body.total, 0)
})

test('a new user of a tab does not see drafts of the previous user after a reload', async (t) => {
  const { person, profile, page } = await arrive(t, server)
  const next = await addMember(server, person, 'member')
  await talk(page, 'Good morning')
  const { page: other } = await openTab(profile, page.url())
  for (const tab of [page, other]) await message(tab).fill('My secret')
  await signOutElsewhere(profile)
  await page.reload()

  // The other tab is loaded again by the sign-in. Its composer would show the draft at once.
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let isLoading = false
  other.on('request', (request) => {
    isLoading ||= request.isNavigationRequest()
  })
  await other.route('**/v1/auth/me', async (route) => {
    if (isLoading) await released
    await route.continue()
  })
  const reloaded = other.waitForEvent('load')
  await signIn(page, next)
  await reloaded
  await other.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  assert.equal(await other.getByText('My secret').count(), 0)
  release()
  for (const tab of [page, other]) {
    assert.equal(await message(tab).inputValue(), '')
    assert.doesNotMatch(await valueIn(tab, 'JSON.stringify(sessionStorage)'), /My secret/)
  }
})

test('a sign-in in one tab keeps the input of another tab of the same user', async (t) => {
  const { person, profile, page } = await arrive(t, server)
  const agent = { name: 'Ada', system_prompt: 'You are Ada.' }
  const { id } = expectStatus(await person.call('POST', '/v1/agents', agent), 201)
  const { page: other } = await openTab(profile, `${server.url}/agents/${id}`)
  const description = other.getByRole('textbox', { name: 'Description' })
  await description.fill('At the door.')
  await signOutElsewhere(profile)
  await other.getByRole('textbox', { name: 'Password' }).waitFor()
  await page.reload()
  await signIn(page, person)
  await description.waitFor()
  assert.equal(await description.inputValue(), 'At the door.')
})

test('a sign-out that the server does not confirm is reported', async (t) => {
  const { person, profile, page } = await arrive(t, server)
  const fail = (route: Route) => route.fulfill({ status: 503 })
  await profile.route('**/v1/auth/logout', fail, { times: 1 })
  await requestSignOut(page)
  await page.getByText('Not signed out: the server answered with 503.').waitFor()
  assert.equal(await whoIn(page), person.name)
  await signOut(page)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
})

test('signing out in one tab signs out all tabs', async (t) => {
  const { profile, page } = await arrive(t, server)
  const { page: other } = await openTab(profile, server.url)
  await talk(other, 'Good morning')
  // Before it is loaded again, the other tab asks for a sign-in and only hides its content.
  const reloaded = other.waitForEvent('load')
  await signOut(page)
  await reloaded
  await other.getByRole('textbox', { name: 'Password' }).waitFor()
  assert.equal(await other.getByText('Good morning').count(), 0)
})

test('shows a wrong password in the form and accepts the right one', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), server.url)
  const person = await registerPerson(server)
  await page.getByLabel('Email').fill(person.email)
  await page.getByRole('textbox', { name: 'Password' }).fill('not the password')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByText('Invalid email or password').waitFor()
  await signIn(page, person)
  assert.equal(await page.getByRole('textbox', { name: 'Password' }).count(), 0)
})

test('creates an account when signup is on, and hides it when signup is off', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), server.url)
  await page.getByRole('button', { name: 'Create an account' }).click()
  await page.getByLabel('Name').fill('Ada')
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByRole('textbox', { name: 'Password' }).fill('analytical engine')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('Ada', { exact: true }).waitFor()
  const closed = await startGuarded(t, { env: { AUTH_MODE: 'admin' } })
  const { page: other } = await openTab(await openProfile(t, browser), closed.url)
  await other.getByRole('textbox', { name: 'Password' }).waitFor()
  assert.equal(await other.getByText('Create an account').count(), 0)
  await signIn(other, { email: adminEmail, password: adminPassword })
})

test('shows a button for every issuer', async (t) => {
  const env = {
    AUTH_BASE_URL: 'http://127.0.0.1:1',
    AUTH_GITHUB_CLIENT_ID: 'id',
    AUTH_GITHUB_CLIENT_SECRET: 'secret',
  }
  const { url } = await startGuarded(t, { env })
  const { page } = await openTab(await openProfile(t, browser), url)
  const link = page.getByRole('link', { name: 'Continue with GitHub' })
  assert.equal(await link.getAttribute('href'), `${url}/v1/auth/oauth/github`)
})

test('sets secure cookies when the server uses HTTPS', async (t) => {
  const guarded = await startGuarded(t, { env: { AUTH_BASE_URL: 'https://agents.example.com' } })
  const login = { email: adminEmail, password: adminPassword }
  const { headers } = await guarded.call('POST', '/v1/auth/login', login)
  const cookies = headers.getSetCookie()
  assert.equal(cookies.length, 2)
  for (const cookie of cookies) assert.match(cookie, /; HttpOnly; Secure; SameSite=/)
})
