import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createSession } from '../../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../../browser/browser.ts'
import { copyBy, openSession, say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  // Another test of the run could change the clipboard of the shared browser.
  browser = await startBrowser(t, [])
  server = await startServer(t as never)
})

test('a reply is rated with a comment, by the log also after a reload, and the rating is withdrawn', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'Hello')
  await log.getByText('You said “Hello”').waitFor()
  await log.getByRole('button', { name: 'Bad reply', exact: true }).click()
  const comment = log.getByLabel('Comment')
  await comment.fill('<b>Too short.</b>')
  await log.getByRole('button', { name: 'Save comment' }).click()
  await comment.waitFor({ state: 'detached' })
  await log.getByText('<b>Too short.</b>').waitFor()
  await page.reload()
  const given = log.getByRole('button', { name: 'Withdraw “Bad reply”' })
  assert.equal(await given.getAttribute('aria-pressed'), 'true')
  await log.getByText('<b>Too short.</b>').waitFor()
  const rated = await server.call('GET', '/v1/sessions?feedback=down')
  assert.deepEqual(
    rated.body.data.map((one: { id: string }) => one.id),
    [id],
  )
  await given.click()
  await log.getByRole('button', { name: 'Bad reply', exact: true }).waitFor()
  assert.equal(await log.getByText('<b>Too short.</b>').count(), 0)
  assert.equal((await server.call('GET', '/v1/sessions?feedback=any')).body.total, 0)
  assert.deepEqual(complaints, [])
})

test('an edited message and a comment are kept while their rows are not rendered', async (t) => {
  const messages = Array.from({ length: 120 }, (_, at) => ({
    role: at % 2 === 0 ? 'user' : 'agent',
    content: [{ type: 'text', text: `Message ${at}` }],
  }))
  const { id } = await createSession(server, { messages })
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const message = (at: number) => log.getByText(`Message ${at}`, { exact: true })
  await message(119).waitFor()
  await log.getByRole('button', { name: 'Bad reply', exact: true }).last().click()
  const comment = log.getByLabel('Comment')
  await comment.fill('Too short.')
  await log.getByRole('button', { name: 'Edit and send again' }).last().click()
  const edited = log.getByLabel('Edited message')
  await edited.fill('Another question')
  await page.getByRole('region', { name: 'Conversation', exact: true }).hover()
  await page.mouse.wheel(0, -1_000_000)
  await message(0).waitFor()
  await comment.waitFor({ state: 'detached' })
  assert.equal(await edited.count(), 0)
  await page.mouse.wheel(0, 1_000_000)
  await comment.waitFor()
  assert.equal(await comment.inputValue(), 'Too short.')
  assert.equal(await edited.inputValue(), 'Another question')
  assert.deepEqual(complaints, [])
})

test('a search in a conversation goes to matches in rows that are not rendered, and leaves', async (t) => {
  const messages = Array.from({ length: 120 }, (_, at) => {
    const text = `Message ${at} ${at % 50 === 7 ? 'needle' : ''}`.trim()
    return { role: at % 2 === 0 ? 'user' : 'agent', content: [{ type: 'text', text }] }
  })
  const { id } = await createSession(server, { messages })
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await log.getByText('Message 119', { exact: true }).waitFor()
  await page.keyboard.press('Control+f')
  const field = page.getByLabel('Find in conversation').getByRole('textbox')
  await field.fill('NEEDLE')
  const bar = page.getByRole('search', { name: 'Find in conversation' })
  await bar.getByText('1 of 3').waitFor()
  await log.getByText('Message 7 needle', { exact: true }).waitFor()
  await field.press('Shift+Enter')
  await bar.getByText('3 of 3').waitFor()
  await log.locator('.meant').getByText('Message 107 needle').waitFor()
  await field.fill('nothing like it')
  await bar.getByText('No matches').waitFor()
  await field.press('Escape')
  assert.equal(await bar.count(), 0)
  await page.setViewportSize({ width: 390, height: 844 })
  await page.getByRole('button', { name: 'Session actions' }).click()
  await page.getByRole('menuitem', { name: 'Find in conversation' }).click()
  await page.getByRole('menu').waitFor({ state: 'detached' })
  await page.keyboard.type('needle')
  await bar.getByText(/^\d of 3$/).waitFor()
  assert.deepEqual(complaints, [])
})

test('keeps keys typed right after Ctrl+F, before and while the search is loaded', async (t) => {
  const text = 'a needle in a haystack of messages'
  const messages = [{ role: 'user', content: [{ type: 'text', text }] }]
  const { id } = await createSession(server, { messages })
  const loading = Promise.withResolvers<void>()
  const profile = await openProfile(t, browser)
  await profile.route('**/assets/find-bar-*.js', async (route) => {
    await loading.promise
    await route.continue()
  })
  const { page, complaints } = await openTab(profile, `${server.url}/sessions/${id}`)
  await page.getByRole('log').getByText(text).waitFor()
  const composer = page.getByLabel('Message', { exact: true })
  await composer.fill('A draft')
  await page.keyboard.press('Control+f')
  await page.keyboard.type('a need?')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Backspace')
  loading.resolve()
  await page.keyboard.type('le in a haystack of messages')
  const bar = page.getByRole('search', { name: 'Find in conversation' })
  await bar.getByText('1 of 1').waitFor()
  await eventually(async () => assert.equal(await bar.getByRole('textbox').inputValue(), text))
  assert.equal(await composer.inputValue(), 'A draft')
  assert.deepEqual(complaints, [])
})

test('a conversation is copied as Markdown', async (t) => {
  const { id } = await createSession(server, { title: 'Greetings' })
  const options = { permissions: ['clipboard-read', 'clipboard-write'] }
  const opened = await openSession(t, browser, { url: server.url, id, options })
  const { page, complaints, log } = opened
  await say(page, 'Hello')
  await log.getByText('You said “Hello”').waitFor()
  await copyBy(page, 'Copy conversation as Markdown')
  const text = await valueIn<string>(page, 'navigator.clipboard.readText()')
  assert.match(text, /^# Greetings\n\n## User\n\nHello\n\n## Agent\n\nYou said “Hello”/)
  assert.deepEqual(complaints, [])
})
