import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

test('sorts agents by a column in both directions, in the URL', async (t) => {
  for (const name of ['zeta 10', 'Zeta 9']) await createAgent(server, { name })
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/agents?search=zeta`,
  )
  const rows = page.getByRole('list', { name: 'Agents' }).getByRole('listitem')
  const names = () => rows.evaluateAll((all) => all.map((one) => one.ariaLabel))
  const sorted = (expected: string[]) =>
    eventually(async () => assert.deepEqual(await names(), expected))
  await sorted(['Zeta 9', 'zeta 10'])
  await page.getByRole('link', { name: 'Sort by Agent' }).click()
  await page.waitForURL(/sort=name/)
  await page.getByRole('link', { name: 'Sort by Agent, ascending' }).waitFor()
  await sorted(['Zeta 9', 'zeta 10'])
  await page.getByRole('link', { name: 'Sort by Agent, ascending' }).click()
  await page.waitForURL(/sort=-name/)
  await sorted(['zeta 10', 'Zeta 9'])
  await page.reload()
  await sorted(['zeta 10', 'Zeta 9'])
  await page.getByRole('link', { name: 'Sort by Agent, descending' }).click()
  await page.waitForURL((url) => !url.search.includes('sort') && url.search.includes('zeta'))
  await page.goto(`${server.url}/agents?search=zeta&sort=__proto__`)
  await sorted(['Zeta 9', 'zeta 10'])
  await rows.first().click({ position: { x: 600, y: 12 } })
  await page.waitForURL(/\/agents\/agent_/)
  assert.deepEqual(complaints, [])
})

test('hides chosen columns, in the URL, but never the first one', async (t) => {
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/agents?columns=-name,__proto__`,
  )
  const heads = page.locator('.list-heads > div')
  const areHeads = (expected: string[]) =>
    eventually(async () => assert.deepEqual(await heads.allTextContents(), expected))
  await areHeads(['Agent', 'Description', 'Model', 'Capabilities', 'Updated'])
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Model' }).click()
  await areHeads(['Agent', 'Description', 'Capabilities', 'Updated'])
  await page.getByRole('menuitemcheckbox', { name: 'Updated' }).click()
  await page.waitForURL(({ searchParams }) => searchParams.get('columns') === '-model,-updated')
  await page.reload()
  await areHeads(['Agent', 'Description', 'Capabilities'])
  const row = page.getByRole('list', { name: 'Agents' }).getByRole('listitem').first()
  assert.equal(await row.locator('.list-cell').count(), 3)
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Model' }).click()
  await areHeads(['Agent', 'Description', 'Model', 'Capabilities'])
  assert.deepEqual(complaints, [])
})

for (const [at, api] of [
  ['/', 'sessions'],
  ['/agents', 'agents'],
  ['/providers', 'llm-models'],
  ['/schedules', 'durable/schedules'],
  ['/operations?tab=turns', 'durable/workflows'],
] as const) {
  test(`shows a placeholder while ${api} load`, async (t) => {
    const profile = await openProfile(t, browser)
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await profile.route(
      ({ pathname }) => pathname === `/v1/${api}`,
      async (route) => {
        asked.resolve()
        await answer.promise
        await route.continue()
      },
    )
    const { page, complaints } = await openTab(profile, server.url + at)
    await asked.promise
    const placeholder = page.getByRole('status', { name: 'Loading' }).first()
    await placeholder.waitFor()
    const delay = `getComputedStyle(document.querySelector('.skeleton') ?? document.body).animationDelay`
    await eventually(async () => assert.equal(await valueIn(page, delay), '0.15s'))
    answer.resolve()
    await placeholder.waitFor({ state: 'detached' })
    assert.deepEqual(complaints, [])
  })
}

/** A message that can be undone is shown for 10 s. It stays until the test has found it. */
const lastingMessages = `{
  const wait = window.setTimeout
  window.setTimeout = (act, ms, ...more) => wait(act, ms === 10_000 ? 600_000 : ms, ...more)
}`

test('archives an agent with a message that undoes it, also after a failed attempt', async (t) => {
  const { id } = await createAgent(server, { name: 'Doorkeeper' })
  const profile = await openProfile(t, browser)
  await profile.addInitScript(lastingMessages)
  const { page } = await openTab(profile, `${server.url}/agents/${id}`)
  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Archive' }).click()
  const dialog = page.getByRole('dialog', { name: 'Archive Doorkeeper?' })
  const buttons = dialog.getByRole('button')
  await eventually(async () =>
    assert.deepEqual(await buttons.allTextContents(), ['', 'Cancel', 'Archive agent']),
  )
  await dialog.getByRole('button', { name: 'Archive agent' }).click()
  const messages = page.getByRole('status', { name: 'Notifications' })
  await messages.getByText('Doorkeeper archived').waitFor()
  const undo = messages.getByRole('button', { name: 'Undo' })
  await undo.focus()
  await page.route('**/v1/agents/agent_*', (route) => route.abort())
  await undo.click()
  await messages.getByText('Doorkeeper archived').waitFor({ state: 'detached' })
  assert.equal((await server.call('GET', `/v1/agents/${id}`)).body.status, 'archived')
  await page.unroute('**/v1/agents/agent_*')
  await undo.click()
  await messages.getByText('Undo').waitFor({ state: 'detached' })
  await page.getByRole('listitem', { name: 'Doorkeeper' }).waitFor()
  assert.equal((await server.call('GET', `/v1/agents/${id}`)).body.status, 'active')
})

test('cancels a form by its button, and names its action at the right of it', async (t) => {
  const { page } = await openTab(
    await openProfile(t, browser),
    `${server.url}/mcp-servers?new=true`,
  )
  const dialog = page.getByRole('dialog', { name: 'New MCP server' })
  const left = async (name: string) =>
    (await dialog.getByRole('button', { name, exact: true }).boundingBox())!.x
  await dialog.getByLabel('Name').fill('unsaved')
  assert.ok((await left('Cancel')) < (await left('Add server')))
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  const { data } = (await server.call('GET', '/v1/mcp-servers')).body
  assert.ok(!data.some(({ name }: { name: string }) => name === 'unsaved'))
})

test('an unknown address opens a page with a way back, and status 404', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), server.url)
  const response = await page.goto(`${server.url}/nope/<b>?x=<script>`)
  assert.equal(response!.status(), 404)
  await page.getByText('No page at this URL').waitFor()
  await page.getByRole('link', { name: 'View sessions' }).click()
  await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor()
})

test('the built console has no page of the design system', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), server.url)
  const response = await page.goto(`${server.url}/design`)
  assert.equal(response!.status(), 404)
  await page.getByText('No page at this URL').waitFor()
})
