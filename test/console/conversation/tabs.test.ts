import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../../browser/browser.ts'
import { copyBy, openPanel } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  // Another test of the run could change the clipboard of the shared browser.
  browser = await startBrowser(t, [])
  server = await startServer(t as never)
})

test('marks the tab of a waiting session, opens links in new tabs, shows exact times and copies ids', async (t) => {
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'test_math', config: { requires_approval: true } }],
  })
  const { id } = await createSession(server, { agent_id, title: 'Books of May' })
  const calls = [{ name: 'add', arguments: { a: 1, b: 2 } }]
  await post(server, id, scripted({ tool_calls: calls }, { text: 'Added.' }))
  const permissions = ['clipboard-read', 'clipboard-write']
  const profile = await openProfile(t, browser, { permissions, timezoneId: 'UTC' })
  const { page, complaints } = await openTab(profile, server.url)
  const row = page.getByRole('link', { name: /Books of May/ })
  await row.getByText('needs approval').waitFor()
  const made = row.locator('time')
  const { body } = await server.call('GET', `/v1/sessions/${id}`)
  const second = body.created_at.slice(11, 19)
  assert.match((await made.getAttribute('title'))!, new RegExp(`^\\d+ \\w+ \\d{4}, ${second}$`))

  const opened = profile.waitForEvent('page')
  await row.click({ modifiers: ['ControlOrMeta'] })
  const tab = await opened
  tab.on('pageerror', (error) => complaints.push(String(error)))
  const titled = (title: string) =>
    eventually(async () => assert.equal(await tab.title(), `${title} · Outlast`))
  const sign = () => valueIn<string>(tab, 'document.querySelector("link[rel=icon]").href')
  await titled('Books of May – waiting for you')
  assert.equal(await sign(), `${server.url}/favicon-waiting.svg`)
  assert.equal(
    (await fetch(await sign())).headers.get('content-type'),
    'image/svg+xml; charset=utf-8',
  )

  await tab.getByRole('button', { name: 'Approve', exact: true }).click()
  await tab.getByRole('log').getByText('Added.', { exact: true }).waitFor()
  await titled('Books of May – idle')
  assert.equal(await sign(), `${server.url}/favicon.svg`)
  await row.getByText('Idle', { exact: true }).waitFor()

  await openPanel(tab, 'Details')
  await tab.bringToFront()
  for (const [name, copied] of [
    ['Copy session ID', id],
    ['Copy agent ID', agent_id],
  ] as const) {
    await copyBy(tab, name)
    await eventually(async () =>
      assert.equal(await valueIn(tab, 'navigator.clipboard.readText()'), copied),
    )
  }
  await tab.getByRole('button', { name: 'Copy agent ID' }).waitFor()
  await tab.getByRole('region', { name: 'Details' }).getByRole('link', { name: 'Ada' }).click()
  await tab.waitForURL(`${server.url}/agents/${agent_id}`)
  assert.deepEqual(complaints, [])
})

test('marks the tab of a waiting session that is in the background', async (t) => {
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'test_math', config: { requires_approval: true } }],
  })
  const { id } = await createSession(server, { agent_id, title: 'Books of June' })
  const profile = await openProfile(t, browser)
  // Tabs of headless browsers are never hidden. Those that are get no frames.
  await profile.addInitScript(`
    window.requestAnimationFrame = () => 1
    Object.defineProperty(document, 'hidden', { get: () => true })
  `)
  const { page, complaints } = await openTab(profile, `${server.url}/sessions/${id}`)
  const calls = [{ name: 'add', arguments: { a: 1, b: 2 } }]
  await post(server, id, scripted({ tool_calls: calls }, { text: 'Added.' }))
  await eventually(async () =>
    assert.equal(await page.title(), 'Books of June – waiting for you · Outlast'),
  )
  assert.deepEqual(complaints, [])
})
