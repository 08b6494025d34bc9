import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, post, scripted } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'
import { scriptBytes } from '../browser/scripts.ts'

/** Budget of JavaScript until a screen is rendered, in bytes after gzip. */
const scriptBytesMax = 256_000

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

test('finds a session, sends a message and opens other screens by keyboard', async (t) => {
  await createSession(server, { title: 'Weather in Rome' })
  await createSession(server, { title: 'Something else' })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  const { keyboard } = page
  await page.getByText('Weather in Rome').waitFor()
  await keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search or run a command' }).waitFor()
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
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Go to Agents').waitFor()
  await keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  const agents = page.getByRole('heading', { name: 'Agents', level: 1 })
  // The second key counts within 1.5 s.
  await eventually(async () => {
    await keyboard.type('ga')
    await agents.waitFor({ timeout: 5_000 }).catch(() => {})
    assert.ok(await agents.isVisible())
  })
  await keyboard.press('n')
  await page.getByRole('dialog', { name: 'New session' }).waitFor()
  assert.deepEqual(complaints, [])
})

test('the palette has the theme, the reference, and the actions of the open session', async (t) => {
  const { id } = await createSession(server, { title: 'Palette' })
  await post(server, id, scripted({ text: 'word '.repeat(100), tokens_per_second: 0.1 }))
  const profile = await openProfile(t, browser, { colorScheme: 'light' })
  const { page, complaints } = await openTab(profile, `${server.url}/sessions/${id}`)
  await page.getByRole('status').getByText('Active', { exact: true }).waitFor()
  const run = async (text: string, name: string) => {
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Search or run a command' }).fill(text)
    await page.getByRole('option', { name, selected: true }).waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  await run('cancel', 'Cancel turn')
  await page
    .getByRole('log')
    .getByText(/^Turn canceled/)
    .waitFor()
  await run('timel', 'Show timeline')
  await page.getByRole('region', { name: 'Timeline' }).waitFor()
  await run('find', 'Find in conversation')
  await page.keyboard.type('two')
  const found = page.getByRole('search', { name: 'Find in conversation' }).getByRole('textbox')
  await eventually(async () => assert.equal(await found.inputValue(), 'two'))
  await page.keyboard.press('Escape')
  await run('dark', 'Dark theme')
  const scheme = () => valueIn(page, 'document.documentElement.dataset.mantineColorScheme')
  await eventually(async () => assert.equal(await scheme(), 'dark'))
  await run('api ref', 'API reference')
  await page.waitForURL(({ pathname }) => pathname === '/docs')
  await page.goto(server.url)
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('option', { name: 'New session' }).waitFor()
  assert.equal(await page.getByRole('option', { name: 'Show timeline' }).count(), 0)
  assert.deepEqual(complaints, [])
})

for (const delayMs of [0, 500]) {
  test(`keeps keys typed right after Ctrl+K on a fresh page, ${delayMs} ms before the palette is loaded`, async (t) => {
    const profile = await openProfile(t, browser)
    const palette = Promise.withResolvers<void>()
    await profile.route('**/assets/palette-*.js', async (route) => {
      palette.resolve()
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      await route.continue()
    })
    const { page, complaints } = await openTab(profile, server.url)
    await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
    await page.keyboard.press('Control+k')
    await page.keyboard.type('new ox')
    await page.keyboard.press('Backspace')
    await page.keyboard.press('Backspace')
    await page.keyboard.type('agent')
    const field = page.getByRole('combobox', { name: 'Search or run a command' })
    await eventually(async () => assert.equal(await field.inputValue(), 'new agent'))
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/agents\/new/)
    await palette.promise
    assert.deepEqual(complaints, [])
  })
}

test('loads the palette when the page is idle', async (t) => {
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, `${server.url}/agents`)
  await eventually(async () => {
    const loaded = `performance.getEntriesByType('resource').map(({ name }) => name).join()`
    assert.match(await valueIn<string>(page, loaded), /assets\/palette-/)
  })
})

test('the list and a session stay within the JavaScript budget', async (t) => {
  const { id } = await createSession(server, { title: 'The first one' })
  const profile = await openProfile(t, browser)
  const list = await openTab(profile, server.url)
  await list.page.getByText('The first one').waitFor()
  const session = await openTab(profile, `${server.url}/sessions/${id}`)
  await session.page.getByText('No messages yet').waitFor()
  for (const { page, complaints } of [list, session]) {
    const bytes = await scriptBytes(page)
    assert.ok(bytes < scriptBytesMax, `${page.url()} needs ${bytes} bytes`)
    assert.ok(bytes > scriptBytesMax / 2, 'all scripts were counted')
    assert.deepEqual(complaints, [])
  }
})

test('stores the color theme and applies it before the first paint', async (t) => {
  const { page, complaints } = await openTab(
    await openProfile(t, browser, { colorScheme: 'light' }),
    `${server.url}/agents`,
  )
  const scheme = () => valueIn(page, 'document.documentElement.dataset.mantineColorScheme')
  assert.equal(await scheme(), 'light')
  await page.getByRole('button', { name: 'Color theme' }).click()
  await page.getByRole('menuitem', { name: 'Dark' }).click()
  await eventually(async () => assert.equal(await scheme(), 'dark'))
  // Blocks all later scripts of the page.
  await page.route('**/assets/*.js', (route) => route.abort())
  await page.reload()
  assert.equal(await scheme(), 'dark')
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_FAILED')),
    [],
  )
})

test('shows an unknown URL, a new server version, and a lost network', async (t) => {
  const profile = await openProfile(t, browser)
  await profile.route('**/health', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ json: { ...(await response.json()), version: '99.0.0' } })
  })
  const { page } = await openTab(profile, `${server.url}/settings`)
  await page.getByText('The server now runs version 99.0.0').waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await profile.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await profile.setOffline(false)
  await page.getByText('You are offline.').waitFor({ state: 'detached' })
  await page.goto(`${server.url}/settings/nowhere/at/all`)
  await page.getByText('No page at this URL').waitFor()
  await page.getByRole('link', { name: 'View sessions' }).click()
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
})

test('/sessions and /models open their screens, with filters that look like numbers', async (t) => {
  const user = '12345678901234567890'
  const query = `user=${user}&search=42&tag=true`
  const { page } = await openTab(await openProfile(t, browser), `${server.url}/sessions?${query}`)
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
  const { pathname, searchParams } = new URL(page.url())
  assert.equal(pathname, '/')
  const read = ['user', 'search', 'tag'].map((name) => JSON.parse(searchParams.get(name)!))
  assert.deepEqual(read, [user, '42', 'true'])
  await page.reload()
  const field = page.getByRole('search', { name: 'Sessions' }).getByLabel('Search')
  await eventually(async () => assert.equal(await field.inputValue(), '42'))
  await page.goto(`${server.url}/models`)
  await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor()
  assert.equal(new URL(page.url()).pathname, '/providers')
})

test('shows an error for a screen whose code cannot be loaded, and keeps the menu', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), server.url)
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
  await page.route('**/assets/catalogue-*.js', (route) => route.abort())
  await page.getByRole('link', { name: 'Capabilities' }).click()
  await page.getByRole('heading', { name: 'This page failed to load' }).waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await page.getByRole('link', { name: 'Agents' }).click()
  await page.getByRole('heading', { name: 'Agents', level: 1 }).waitFor()
})
