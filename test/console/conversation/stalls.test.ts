/** A server or browser that cannot answer for some seconds ends nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, BrowserContext } from 'playwright-core'
import { registerPerson, startGuarded } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createSession } from '../../../apps/server/test/session.ts'
import { openProfile, openTab, signIn, startBrowser } from '../../browser/browser.ts'
import { say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startGuarded(t as never)
})

const stopping = {
  status: 503,
  contentType: 'application/json',
  headers: { 'retry-after': '0' },
  body: JSON.stringify({ error: 'The server is stopping.', code: 'shutting_down' }),
}

/** Answers the first requests to an address with 503. Returns the number that is left. */
async function refuse(profile: BrowserContext, address: string, count: number) {
  let left = count
  await profile.route(address, (route) => (left-- > 0 ? route.fulfill(stopping) : route.continue()))
  return () => left
}

async function signedIn(t: Parameters<typeof openProfile>[0]) {
  const person = await registerPerson(server)
  const asPerson = { url: server.url, call: person.call }
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, `${server.url}/agents`)
  await signIn(page, person)
  return { profile, page, asPerson }
}

test('a sign-in stays when it cannot be renewed for a moment', async (t) => {
  const { profile, page } = await signedIn(t)
  const left = await refuse(profile, '**/v1/auth/refresh', 2)
  await profile.clearCookies({ name: 'access_token' })
  await page.evaluate('window.same = true')
  const listed = page.waitForResponse(
    (response) => response.url().includes('/schedules') && response.ok(),
  )
  await page.getByRole('link', { name: 'Schedules' }).click()
  await listed
  assert.equal(await page.getByRole('textbox', { name: 'Password' }).count(), 0)
  assert.equal(await page.evaluate('window.same'), true)
  assert.ok(left() < 0)
})

test('the composer appears once the user is known', async (t) => {
  const { profile, page, asPerson } = await signedIn(t)
  const { id } = await createSession(asPerson)
  const left = await refuse(profile, '**/v1/auth/me', 5)
  await page.goto(`${server.url}/sessions/${id}`)
  await say(page, 'Here')
  await page.getByRole('log').getByText('You said “Here”').waitFor()
  assert.ok(left() < 0)
})

test('code of a screen is requested again, without a reload of the page', async (t) => {
  const { profile, page } = await signedIn(t)
  let failures = 2
  await profile.route('**/assets/*.js', (route) =>
    failures-- > 0 ? route.abort('connectionrefused') : route.continue(),
  )
  await page.evaluate('window.same = true')
  await page.getByRole('link', { name: 'Schedules' }).click()
  await page.getByRole('heading', { name: 'Schedules' }).waitFor()
  assert.equal(await page.evaluate('window.same'), true)
  assert.ok(failures < 2)
})

test('without storage, a message is sent again with a new key after a refusal', async (t) => {
  const { profile, page, asPerson } = await signedIn(t)
  await profile.addInitScript(`
    IDBObjectStore.prototype.add = () => { throw new DOMException('Full.', 'QuotaExceededError') }
  `)
  const { id } = await createSession(asPerson)
  const refusal = { error: 'The agent is archived.', code: 'agent_archived' }
  const keys: (string | undefined)[] = []
  await profile.route('**/v1/sessions/*/messages', (route) => {
    keys.push(route.request().headers()['idempotency-key'])
    const isFirst = keys.length === 1
    return isFirst ? route.fulfill({ status: 409, json: refusal }) : route.continue()
  })
  await page.goto(`${server.url}/sessions/${id}`)
  await say(page, 'Here')
  await page.getByText('The agent is archived.').waitFor()
  await page.getByLabel('Message', { exact: true }).press('Enter')
  await page.getByRole('log').getByText('You said “Here”').waitFor()
  assert.equal(new Set(keys).size, 2)
})
