import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, scripted } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { openSession, say, toFirstRow } from './opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

const stopsMax = 60

const focused = (page: Page) =>
  page.evaluate<string>(
    `document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`,
  )

/** Returns whether the focus is visible: by an outline, or by the border of a field. */
const isSeen = (page: Page) =>
  page.evaluate<boolean>(`(() => {
    const one = document.activeElement
    const { outlineStyle, borderColor } = getComputedStyle(one)
    if (outlineStyle !== 'none') return true
    one.blur()
    const isOther = getComputedStyle(one).borderColor !== borderColor
    one.focus()
    return isOther
  })()`)

/** Presses Tab until an element has the focus. Asserts a visible focus at each step. */
async function tabTo(page: Page, name: string, key = 'Tab') {
  const passed: string[] = []
  while (passed.length < stopsMax) {
    await page.keyboard.press(key)
    const now = await focused(page)
    assert.ok(await isSeen(page), `the focus of ${now} is not visible`)
    if (now === name) return
    passed.push(now)
  }
  assert.fail(`${name} is not reached. Passed: ${passed.join(', ')}`)
}

const isFocused = (page: Page, name: string) =>
  eventually(async () => assert.equal(await focused(page), name))

test('uses a session, its panels and an approval by keyboard, with visible and restored focus', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
  })
  await createSession(server, { agent_id, title: 'Weather in Rome' })
  const { page, complaints } = await openTab(
    await openProfile(t, browser, { reducedMotion: 'reduce' }),
    server.url,
  )
  const { keyboard } = page
  const press = (key: string) => keyboard.press(key)
  await page.getByText('Weather in Rome').waitFor()
  await toFirstRow(page)
  await press('Enter')
  await page.getByRole('heading', { name: 'Weather in Rome' }).waitFor()
  await page.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  await isFocused(page, 'Message')
  const call = { name: 'write_file', arguments: { path: '/rome.txt', content: 'Sunny' } }
  await keyboard.insertText(scripted({ tool_calls: [call] }, { text: 'It is written.' }))
  await press('Enter')
  await page.getByRole('log').getByText('Approve this tool call?').waitFor()

  await press('Control+k')
  await page.getByRole('dialog', { name: 'Search or run a command' }).waitFor()
  await press('Escape')
  await isFocused(page, 'Message')
  for (const panel of ['Details', 'Usage', 'Files', 'Events', 'Timeline']) {
    await tabTo(page, panel, 'Shift+Tab')
    await press('Enter')
    await page.getByRole('region', { name: panel, exact: true }).waitFor()
    await isFocused(page, panel)
  }
  await press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  await press('Escape')
  await isFocused(page, 'Timeline')

  await tabTo(page, 'Approve')
  await press('Enter')
  await page.getByRole('log').getByText('It is written.', { exact: true }).waitFor()
  await page.getByText('Approved by').or(page.getByText('Approved.')).first().waitFor()
  assert.match(await focused(page), /^write_file/)
  // Screen readers get the complete reply once.
  await page
    .getByRole('status')
    .getByText('It is written.', { exact: true })
    .waitFor({ state: 'attached' })
  assert.deepEqual(complaints, [])
})

test('returns the focus from the search, an edited message and a comment', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const { page, log, complaints } = await openSession(t, browser, { url: server.url, id })
  const press = (key: string) => page.keyboard.press(key)
  await say(page, 'Hello')
  await log.getByText('You said “Hello”').waitFor()
  await isFocused(page, 'Message')
  await press('Control+f')
  await isFocused(page, 'Find in conversation')
  await press('Escape')
  await isFocused(page, 'Message')
  await log.getByRole('button', { name: 'Edit and send again' }).press('Enter')
  await isFocused(page, 'Edited message')
  await press('Tab')
  await press('Enter')
  await isFocused(page, 'Edit and send again')
  await log.getByRole('button', { name: 'Good reply' }).press('Enter')
  await isFocused(page, 'Comment')
  await press('Escape')
  await isFocused(page, 'Withdraw “Good reply”')
  assert.deepEqual(complaints, [])
})
