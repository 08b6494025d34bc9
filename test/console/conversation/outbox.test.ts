/** An accepted message is sent exactly once, even if page, browser or server fail. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createSession, eventsOf } from '../../../apps/server/test/session.ts'
import {
  eventually,
  openPersistent,
  openProfile,
  openTab,
  startBrowser,
} from '../../browser/browser.ts'
import { reservePort } from '../../ports.ts'
import { type ServerProcess, startProcess, temporaryFolder } from '../../process.ts'
import { holdMessages, openSession, say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const message = (page: Page) => page.getByLabel('Message', { exact: true })
const answerTo = (page: Page, text: string) => page.getByRole('log').getByText(`You said “${text}”`)

type Reached = Parameters<typeof eventsOf>[0]

async function expectOnce(from: Reached, id: string, ...texts: string[]) {
  const stored = (await eventsOf(from, id)).flatMap((event) =>
    event.type === 'input.message' ? [JSON.stringify(event.data.message.content)] : [],
  )
  assert.deepEqual(
    stored,
    texts.map((text) => JSON.stringify([{ type: 'text', text }])),
  )
}

/** Starts a server that can be killed and restarted at the same URL. */
async function startMortal(t: TestContext) {
  const env = { DATABASE_URL: await createTestDatabase(t), PORT: await reservePort() }
  const one = await startProcess(env)
  t.after(one.crash)
  async function startAgain(): Promise<ServerProcess> {
    const two = await startProcess(env)
    t.after(two.crash)
    return two
  }
  return { one, startAgain }
}

/** Drops the response of the first request. Collects the idempotency keys of all requests. */
async function loseFirstAnswer(profile: BrowserContext, address: string) {
  const keys: string[] = []
  await profile.route(address, async (route) => {
    if (route.request().method() !== 'POST') return route.continue()
    keys.push(route.request().headers()['idempotency-key']!)
    if (keys.length > 1) return route.continue()
    await route.fetch()
    return route.abort('connectionreset')
  })
  return keys
}

test('sends messages written while the server was down in order, after a reload', async (t) => {
  const { one, startAgain } = await startMortal(t)
  const { id } = await createSession(one)
  const { page } = await openSession(t, browser, { url: one.url, id })
  await one.crash()
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  assert.equal(await message(page).inputValue(), '')
  await say(page, 'Hello?')
  await page.locator('.outgoing').nth(1).waitFor()
  await page.goto('about:blank')

  const two = await startAgain()
  await page.goto(`${two.url}/sessions/${id}`)
  await page.locator('.said', { hasText: 'Hello?' }).waitFor()
  await page.locator('.outgoing').first().waitFor({ state: 'detached' })
  await expectOnce(two, id, 'Are you still there?', 'Hello?')
})

test('sends stored messages when the storage of the browser responds late', async (t) => {
  const { id } = await createSession(server)
  const { profile, page } = await openSession(t, browser, { url: server.url, id })
  const { release } = await holdMessages(profile)
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  await page.goto('about:blank')
  release()
  await page.addInitScript(`
    const { transaction } = IDBDatabase.prototype
    let failures = 3
    IDBDatabase.prototype.transaction = function (...given) {
      if (failures-- > 0) throw new DOMException('Busy.', 'UnknownError')
      return transaction.apply(this, given)
    }
  `)
  await page.goto(`${server.url}/sessions/${id}`)
  await answerTo(page, 'Are you still there?').waitFor()
  await expectOnce(server, id, 'Are you still there?')
})

test('sends a message after the browser was closed and opened again, from any screen', async (t) => {
  const { one, startAgain } = await startMortal(t)
  const { folder, before: beforeRemoval } = await temporaryFolder(t)
  const profile = { after: (work: () => unknown) => void beforeRemoval(async () => work()) }
  const { id } = await createSession(one, { title: 'The first one' })
  const first = await openPersistent(profile, folder)
  const { page } = await openTab(first, `${one.url}/sessions/${id}`)
  await page.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  await one.crash()
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  await first.close()

  const two = await startAgain()
  const second = await openPersistent(profile, folder)
  const opened = await openTab(second, two.url)
  await opened.page.getByRole('link', { name: /The first one/ }).waitFor()
  await eventually(() => expectOnce(two, id, 'Are you still there?'))
  assert.deepEqual(opened.complaints, [])
})

test('sends a message whose tab crashed before the request left', async (t) => {
  const { id } = await createSession(server)
  const { profile, page } = await openSession(t, browser, { url: server.url, id })
  const { release } = await holdMessages(profile)
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  assert.equal(await message(page).inputValue(), '')
  const crashed = page.waitForEvent('crash')
  const devtools = await profile.newCDPSession(page)
  devtools.send('Page.crash').catch(() => {})
  await crashed
  release()

  const { page: other } = await openTab(profile, `${server.url}/sessions/${id}`)
  await answerTo(other, 'Are you still there?').waitFor()
  await expectOnce(server, id, 'Are you still there?')
})

test('stores a message once when the answer to its request is lost', async (t) => {
  const { id } = await createSession(server, { title: 'The second one' })
  const { profile, page } = await openSession(t, browser, { url: server.url, id })
  await holdMessages(profile)
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  // On another screen only the response confirms the message. The session's screen would see the
  // message in the stream, so it is left before a retry can lose its answer.
  await page.goto('about:blank')
  const keys = await loseFirstAnswer(profile, '**/v1/sessions/*/messages')
  await page.goto(server.url)
  const row = page.getByRole('link', { name: /The second one/ })
  await row.getByText('You said “Are you still there?”').waitFor()
  await eventually(async () => assert.equal(keys.length, 2))
  assert.equal(new Set(keys).size, 1)
  await row.click()
  await answerTo(page, 'Are you still there?').waitFor()
  await page.locator('.outgoing').waitFor({ state: 'detached' })
  await expectOnce(server, id, 'Are you still there?')
})

test('sends a message once from two tabs and shows it as unsent in both', async (t) => {
  const { id } = await createSession(server)
  const { profile, page } = await openSession(t, browser, { url: server.url, id })
  const { page: other } = await openTab(profile, `${server.url}/sessions/${id}`)
  await other.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  const { release } = await holdMessages(profile)
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  await other.getByText('Not sent yet.').waitFor()
  const statuses: number[] = []
  profile.on('response', (response) => {
    if (response.url().endsWith(`${id}/messages`)) statuses.push(response.status())
  })
  release()
  for (const tab of [page, other]) {
    await answerTo(tab, 'Are you still there?').waitFor()
    await tab.locator('.outgoing').waitFor({ state: 'detached' })
  }
  await eventually(async () => assert.deepEqual(statuses, [201]))
  await expectOnce(server, id, 'Are you still there?')
})

test('creates a session with its first message once, after a restart and a lost answer', async (t) => {
  const { one, startAgain } = await startMortal(t)
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, one.url)
  await page.getByRole('button', { name: 'New session' }).click()
  const dialog = page.getByRole('dialog', { name: 'New session' })
  await dialog.getByRole('combobox', { name: 'Agent' }).waitFor()
  await eventually(async () =>
    assert.notEqual(await dialog.getByRole('combobox', { name: 'Agent' }).inputValue(), ''),
  )
  await dialog.getByLabel('First message').fill('Are you there at all?')
  await one.crash()
  await dialog.getByRole('button', { name: 'Start session', exact: true }).click()
  await dialog.getByText('The server does not respond.').waitFor()
  await page.goto('about:blank')

  const two = await startAgain()
  const keys = await loseFirstAnswer(profile, '**/v1/sessions')
  await page.goto(two.url)
  await page.getByRole('link', { name: /Are you there at all\?/ }).waitFor()
  const { data } = (await two.call('GET', '/v1/sessions')).body
  assert.equal(data.length, 1)
  await eventually(() => expectOnce(two, data[0].id, 'Are you there at all?'))
  assert.deepEqual([keys.length, new Set(keys).size], [2, 1])
})

test('shows a message of a deleted session until the user discards it', async (t) => {
  const { id } = await createSession(server)
  const { profile, page, complaints } = await openSession(t, browser, { url: server.url, id })
  const { release } = await holdMessages(profile)
  await say(page, 'Are you still there?')
  await page.getByText('Not sent yet.').waitFor()
  await say(page, 'Not this one')
  await page.getByText('Not sent yet.').nth(1).waitFor()
  await server.call('DELETE', `/v1/sessions/${id}`)
  release()
  await page.getByText('It may have been deleted.').waitFor()
  await page.getByRole('alert').getByText('Not sent. Session not found').nth(1).waitFor()
  await page.getByRole('link', { name: 'View sessions' }).click()
  await page.getByText('2 messages were not sent.').waitFor()
  await page.reload()
  await page.getByRole('link', { name: 'View session', exact: true }).click()
  const discarded = page.locator('.outgoing', { hasText: 'Are you still there?' })
  await discarded.getByRole('button', { name: 'Discard' }).click()
  await discarded.waitFor({ state: 'detached' })
  await page.reload()
  // Both are drawn at once, after the outbox was read, and again for the session that is gone.
  await page.locator('.outgoing', { hasText: 'Not this one' }).waitFor()
  await eventually(async () => assert.equal(await page.locator('.outgoing').count(), 1))
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_')),
    [],
  )
})
