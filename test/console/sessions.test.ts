import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, post, scripted } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { toFirstRow } from './opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

const rows = (page: Page) => page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')
const row = (page: Page, text: string) => rows(page).filter({ hasText: text })
const titles = (page: Page) => page.locator('.session-name').allTextContents()

test('starts a first session from the empty list', async (t) => {
  const { url } = await startServer(t)
  const { page, complaints } = await openTab(await openProfile(t, browser), url)
  await page.getByText('Start your first session').waitFor()
  await page.getByRole('form', { name: 'Connect a model provider' }).waitFor()
  await page.getByRole('button', { name: /^Assistant/ }).click()
  await page.getByRole('textbox', { name: 'Message' }).fill('What is the weather in Rome?')
  await page.keyboard.press('Enter')
  await page
    .getByRole('log')
    .getByText(/In Rome it is/)
    .waitFor()
  await page.getByRole('link', { name: 'Sessions' }).click()
  await row(page, 'What is the weather in Rome?').getByText('Assistant').waitFor()

  await page.getByRole('button', { name: 'New session' }).click()
  await page.getByLabel('First message').fill('What is the weather in Oslo?')
  await page.getByRole('button', { name: 'Start session' }).click()
  await page
    .getByRole('log')
    .getByText(/In Oslo it is/)
    .waitFor()
  assert.match(page.url(), /\/sessions\/session_/)
  assert.deepEqual(complaints, [])
})

test('updates the list live and keeps filters after a reload', async (t) => {
  const server = await startServer(t)
  const porter = await createAgent(server, { name: 'Porter' })
  const named = (title: string, fields: object = {}) =>
    createSession(server, { agent_id: porter.id, title, ...fields })
  await named('An early one')
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, server.url)
  await row(page, 'An early one').getByText('Porter').waitFor()

  // Another client creates a session, sends a message and renames it.
  const made = await named('From elsewhere', { tags: ['urgent'] })
  await row(page, 'From elsewhere').getByText('urgent').waitFor()
  assert.deepEqual(await titles(page), ['From elsewhere', 'An early one'])
  await post(server, made.id, scripted({ text: 'The doors are open.' }))
  await row(page, 'From elsewhere').getByText('The doors are open.').waitFor()
  await server.call('PATCH', `/v1/sessions/${made.id}`, { title: 'Renamed' })
  await row(page, 'Renamed').waitFor()

  await page.getByRole('textbox', { name: 'Tag' }).fill('urgent')
  await page.getByText('1 session', { exact: true }).waitFor()
  await page.reload()
  await row(page, 'Renamed').waitFor()
  assert.equal(await page.getByRole('textbox', { name: 'Tag' }).inputValue(), 'urgent')
  // New sessions that match the filter appear automatically.
  await named('Also urgent', { tags: ['urgent'] })
  await row(page, 'Also urgent').waitFor()
  await named('Not urgent')
  await page.getByRole('textbox', { name: 'Search' }).fill('nothing is called so')
  await page.getByText('No sessions match').waitFor()
  assert.match(page.url(), /search=nothing/)
  // One tab receives changes for both. The other takes over after it closes.
  const { page: second } = await openTab(profile, server.url)
  await row(second, 'Not urgent').waitFor()
  await named('Seen by both')
  await row(second, 'Seen by both').waitFor()
  await page.close()
  await named('Seen by one')
  await row(second, 'Seen by one').waitFor()
  assert.deepEqual(complaints, [])
})

test('moves and selects by keyboard, and deletes the selection', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  for (let n = 1; n <= 5; n++) await createSession(server, { agent_id, title: `Number ${n}` })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await row(page, 'Number 1').waitFor()
  await toFirstRow(page)
  await page.keyboard.press('j')
  // A new first row moves the others.
  await createSession(server, { agent_id, title: 'Number 6' })
  await row(page, 'Number 6').waitFor()
  await page.keyboard.press('x')
  await page.getByLabel('Select Number 4').and(page.locator(':checked')).waitFor()
  await createSession(server, { agent_id, title: 'Number 7' })
  await row(page, 'Number 7').waitFor()
  await page.keyboard.press('Shift+J')
  await page.keyboard.press('Shift+J')
  await page.getByText('3 selected').waitFor()
  await page.getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete 3 sessions?' })
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  // The list may be up to date while the dialog still waits for a response, and takes the keys.
  await dialog.waitFor({ state: 'detached' })
  await page.getByText('4 sessions', { exact: true }).waitFor()
  const left = ['Number 7', 'Number 6', 'Number 5', 'Number 1']
  await eventually(async () => assert.deepEqual(await titles(page), left))
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/sessions\/session_/)
  assert.deepEqual(complaints, [])
})

test('stops a bulk deletion, reports the remaining sessions, and continues', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  for (let n = 1; n <= 14; n++) await createSession(server, { agent_id, title: `Number ${n}` })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await page.getByLabel('Select Number 14').click()
  await page.getByRole('button', { name: 'Select all 14' }).click()
  await page.getByText('14 selected').waitFor()
  await createSession(server, { agent_id, title: 'Not selected' })
  await row(page, 'Not selected').waitFor()
  let asked = 0
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const isDeletion = /\/v1\/sessions\/session_\w+$/
  await page.route(isDeletion, async (route) => {
    if (route.request().method() === 'DELETE' && ++asked > 6) await held
    await route.continue()
  })

  await page.getByRole('button', { name: 'Delete' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete 14 sessions?' })
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByRole('progressbar', { name: '6 of 14 deleted' }).waitFor()
  await dialog.getByRole('button', { name: 'Stop' }).click()
  letGo()
  await dialog.getByText('12 of 14 sessions deleted. 2 remain selected.').waitFor()
  await page.unroute(isDeletion)
  const refusal = { error: 'Oh no.', code: 'internal_error' }
  await page.route(isDeletion, (route) => route.fulfill({ status: 500, json: refusal }))
  const rest = dialog.getByRole('button', { name: 'Delete remaining' })
  await rest.click()
  await dialog.getByText('2 remain selected. Oh no.').waitFor()
  await eventually(async () => assert.equal(await rows(page).count(), 3))
  await page.unroute(isDeletion)
  await rest.click()
  await dialog.waitFor({ state: 'detached' })
  await eventually(async () => assert.deepEqual(await titles(page), ['Not selected']))
  assert.deepEqual(complaints, [])
})

test('keeps visible rows in place when sessions are added above, and scrolls far', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  for (let n = 0; n < 120; n++) await createSession(server, { agent_id, title: `Number ${n}.` })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await row(page, 'Number 119.').waitFor()
  const list = page.locator('.session-frame .scroll')
  await list.hover()
  await page.mouse.wheel(0, 60 * 40)
  const read = row(page, 'Number 55.')
  await read.waitFor()
  const before = (await read.boundingBox())!
  await createSession(server, { agent_id, title: 'A new one' })
  await page.getByRole('button', { name: 'New sessions' }).waitFor()
  await eventually(async () => assert.deepEqual(await read.boundingBox(), before))
  await list.hover()
  await page.mouse.wheel(0, 1_000_000)
  await row(page, 'Number 0.').waitFor()
  assert.ok((await rows(page).count()) < 60)
  await page.getByRole('button', { name: 'New sessions' }).click()
  await row(page, 'A new one').waitFor()
  assert.deepEqual(complaints, [])
})
