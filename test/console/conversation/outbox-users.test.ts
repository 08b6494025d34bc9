/** Unsent messages: per user, for one day, and without browser storage. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page, Route } from 'playwright-core'
import {
  addMember,
  callerWith,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createSession, eventsOf } from '../../../apps/server/test/session.ts'
import {
  eventually,
  openProfile,
  openTab,
  requestSignOut,
  signIn,
  signOut,
  startBrowser,
  whoIn,
} from '../../browser/browser.ts'
import { holdMessages, say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startGuarded(t as never)
})

const message = (page: Page) => page.getByLabel('Message', { exact: true })

/** Registers two members of one organization, and creates a session for both. */
async function startTeam() {
  const one = await registerPerson(server)
  const other = await addMember(server, one, 'member')
  const asOne = { url: server.url, call: one.call }
  const { id } = await createSession(asOne)
  const texts = async () =>
    (await eventsOf(asOne, id)).flatMap((event) =>
      event.type === 'input.message' ? event.data.message.content : [],
    )
  const expectTexts = async (...expected: string[]) =>
    assert.deepEqual(
      await texts(),
      expected.map((text) => ({ type: 'text', text })),
    )
  return { one, other, id, expectTexts }
}

test('never sends a message as another user, and sends it after its own user signs in again', async (t) => {
  const { one, other, id, expectTexts } = await startTeam()
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, `${server.url}/sessions/${id}`)
  await signIn(page, one)
  const { release } = await holdMessages(profile)
  await say(page, 'From the first')
  await page.getByText('Not sent yet.').waitFor()

  // The sign-in ends elsewhere, and another user signs in at this browser.
  const { value } = (await profile.cookies()).find(({ name }) => name === 'access_token')!
  expectStatus(await callerWith(server.url, `Bearer ${value}`)('POST', '/v1/auth/logout'), 200)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  release()
  await signIn(page, other)
  await eventually(async () => assert.match((await whoIn(page))!, new RegExp(other.name)))
  await say(page, 'From the second')
  await page.getByRole('log').getByText('You said “From the second”').waitFor()
  assert.equal(await page.getByText('From the first').count(), 0)
  await expectTexts('From the second')
  await signOut(page)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  await signIn(page, one)
  await eventually(() => expectTexts('From the second', 'From the first'))
})

test('the server refuses a message of a page whose cookie belongs to another user', async (t) => {
  const { one, other, id, expectTexts } = await startTeam()
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, `${server.url}/sessions/${id}`)
  await signIn(page, one)
  await page.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  const cookie = (await profile.cookies()).find(({ name }) => name === 'access_token')!
  await profile.addCookies([{ ...cookie, value: other.tokens.access_token }])
  const refused = page.waitForResponse(
    (response) => response.url().endsWith(`${id}/messages`) && response.status() === 403,
  )
  await say(page, 'From the first')
  await refused
  await eventually(async () => assert.match((await whoIn(page))!, new RegExp(other.name)))
  await expectTexts()
})

test('asks before signing out deletes messages, and deletes them in every tab', async (t) => {
  const { one, id, expectTexts } = await startTeam()
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/sessions/${id}`)
  await signIn(page, one)
  const { release } = await holdMessages(profile)
  await say(page, 'From the first')
  await page.getByText('Not sent yet.').waitFor()
  await requestSignOut(page)
  const dialog = page.getByRole('dialog')
  await dialog.getByText('One message has not reached the server.').waitFor()
  const signOutNow = dialog.getByRole('button', { name: 'Delete and sign out' })
  // Without a sign-out nothing is deleted.
  const fail = (route: Route) => route.fulfill({ status: 503 })
  await profile.route('**/v1/auth/logout', fail, { times: 1 })
  await signOutNow.click()
  await dialog.getByText('Not signed out').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.reload()
  await page.getByText('Not sent yet.').waitFor()
  await requestSignOut(page)
  const loaded = page.waitForEvent('load')
  await signOutNow.click()
  await loaded
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  release()
  await signIn(page, one)
  await page.goto(`${server.url}/sessions/${id}`)
  await page.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  await say(page, 'Anew')
  await page.getByRole('log').getByText('You said “Anew”').waitFor()
  await expectTexts('Anew')
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_')),
    [],
  )
})

test('asks before it retries a message that is older than a day', async (t) => {
  const { one, id, expectTexts } = await startTeam()
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, `${server.url}/sessions/${id}`)
  await signIn(page, one)
  const { release } = await holdMessages(profile)
  await say(page, 'Yesterday')
  await page.getByText('Not sent yet.').waitFor()
  await say(page, 'Yesterday, too')
  await page.locator('.outgoing').nth(1).waitFor()
  await page.goto('about:blank')
  release()
  await page.clock.setSystemTime(Date.now() + 24 * 3_600_000)
  await page.goto(`${server.url}/sessions/${id}`)
  const old = page.locator('.outgoing')
  await old.nth(1).getByText('more than a day old').waitFor()
  await expectTexts()
  await old.nth(1).getByRole('button', { name: 'Discard' }).click()
  await old.nth(1).waitFor({ state: 'detached' })
  await old.getByRole('button', { name: 'Send again' }).click()
  await page.getByRole('log').getByText('You said “Yesterday”').waitFor()
  await expectTexts('Yesterday')
})

test('keeps the text in the composer until the server has it when the browser has no storage', async (t) => {
  const { one, id, expectTexts } = await startTeam()
  const profile = await openProfile(t, browser)
  await profile.addInitScript(`
    IDBObjectStore.prototype.add = () => { throw new DOMException('Full.', 'QuotaExceededError') }
  `)
  const { page } = await openTab(profile, `${server.url}/sessions/${id}`)
  await signIn(page, one)
  // Not refused: without storage a message is only sent again 8 times.
  const release = Promise.withResolvers<void>()
  await profile.route('**/v1/sessions/*/messages', async (route) => {
    await release.promise
    await route.continue()
  })
  await say(page, 'Do not lose me')
  await page.getByText('This browser cannot store the message').waitFor()
  assert.equal(await message(page).inputValue(), 'Do not lose me')
  const asked = page.waitForEvent('dialog')
  await page.close({ runBeforeUnload: true })
  const dialog = await asked
  assert.equal(dialog.type(), 'beforeunload')
  await dialog.dismiss()
  release.resolve()
  await page.getByRole('log').getByText('You said “Do not lose me”').waitFor()
  await eventually(async () => assert.equal(await message(page).inputValue(), ''))
  await expectTexts('Do not lose me')
})
