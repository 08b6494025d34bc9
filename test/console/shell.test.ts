import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'
import { scriptBytes } from '../browser/scripts.ts'

/** Of JavaScript, as gzip makes it, until a screen is there. */
const scriptBytesMax = 250_000

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

test('with the keyboard alone one finds a session, talks, and goes on to other places', async (t) => {
  await createSession(server, { title: 'Weather in Rome' })
  await createSession(server, { title: 'Something else' })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  const { keyboard } = page
  await page.getByText('Weather in Rome').waitFor()
  await keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search and go' }).waitFor()
  await keyboard.type('rome')
  await page.getByRole('option', { name: /^Weather in Rome/, selected: true }).waitFor()
  await page.getByRole('option').nth(1).waitFor({ state: 'detached' })
  await keyboard.press('Enter')
  await page.waitForURL(/\/sessions\//)
  await eventually(async () => assert.match(await page.title(), /^Weather in Rome .*· Outlast$/))
  await page.getByLabel('Message', { exact: true }).waitFor()
  await eventually(async () =>
    assert.equal(await valueIn(page, 'document.activeElement?.tagName'), 'TEXTAREA'),
  )
  await keyboard.type('Good morning')
  await keyboard.press('Enter')
  await page.getByRole('log').getByText('You said “Good morning”').waitFor()

  await keyboard.press('Control+k')
  await keyboard.type('capab')
  await page.getByRole('option', { name: /^Capabilities/, selected: true }).waitFor()
  await keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Capabilities', level: 1 }).waitFor()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).getByText('Go to Agents').waitFor()
  await keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await keyboard.press('g')
  await keyboard.press('a')
  await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor()
  await keyboard.press('n')
  await page.getByRole('dialog', { name: 'New session' }).waitFor()
  assert.deepEqual(complaints, [])
})

test('the list, and a session, need no more JavaScript than they should', async (t) => {
  const { id } = await createSession(server, { title: 'The first one' })
  const profile = await openProfile(t, browser)
  const list = await openTab(profile, server.url)
  await list.page.getByText('The first one').waitFor()
  const session = await openTab(profile, `${server.url}/sessions/${id}`)
  await session.page.getByText('This conversation has not begun.').waitFor()
  for (const { page, complaints } of [list, session]) {
    const bytes = await scriptBytes(page)
    assert.ok(bytes < scriptBytesMax, `${page.url()} needs ${bytes} bytes`)
    assert.ok(bytes > scriptBytesMax / 2, 'all of it was counted')
    assert.deepEqual(complaints, [])
  }
})

test('light or dark is chosen, kept, and there before anything is drawn', async (t) => {
  const { page, complaints } = await openTab(
    await openProfile(t, browser, { colorScheme: 'light' }),
    `${server.url}/agents`,
  )
  const scheme = () => valueIn(page, 'document.documentElement.dataset.mantineColorScheme')
  assert.equal(await scheme(), 'light')
  await page.getByRole('button', { name: 'Light or dark' }).click()
  await page.getByRole('menuitem', { name: 'Dark' }).click()
  await eventually(async () => assert.equal(await scheme(), 'dark'))
  // What the page would do later is not there to do it.
  await page.route('**/assets/*.js', (route) => route.abort())
  await page.reload()
  assert.equal(await scheme(), 'dark')
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_FAILED')),
    [],
  )
})

test('one is told of an address with nothing, of another version of the server, and of being offline', async (t) => {
  const profile = await openProfile(t, browser)
  await profile.route('**/health', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ json: { ...(await response.json()), version: '99.0.0' } })
  })
  const { page } = await openTab(profile, `${server.url}/settings`)
  await page.getByText('The server has another version now, 99.0.0').waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await profile.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await profile.setOffline(false)
  await page.getByText('You are offline.').waitFor({ state: 'detached' })
  await page.goto(`${server.url}/settings/nowhere/at/all`)
  await page.getByText('There is nothing at this address.').waitFor()
  await page.getByRole('link', { name: 'All sessions' }).click()
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
})

test('a screen whose part cannot be loaded says so, and the menu goes on', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), server.url)
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
  await page.route('**/assets/catalogue-*.js', (route) => route.abort())
  await page.getByRole('link', { name: 'Capabilities' }).click()
  await page.getByRole('heading', { name: 'This screen failed' }).waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await page.getByRole('link', { name: 'Agents' }).click()
  await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor()
})
