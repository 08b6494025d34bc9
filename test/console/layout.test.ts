/** Long names, low windows and texts of other directions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { expectStatus } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createAgent, createSession, scripted } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'
import { openSession } from './opening.ts'
import { overflowsIn } from './overflow.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

test('a phone wraps long names and tags', async (t) => {
  const fields = { name: 'W'.repeat(250), tags: ['a'.repeat(100)] }
  const { id: agent_id } = await createAgent(server, fields)
  const target = { type: 'workflow', name: 'start_session', input: { agent_id, text: 'Hello' } }
  const schedule = { name: 'Daily', cron_expression: '0 9 1 1 *', target }
  const made = await server.call('POST', '/v1/durable/schedules', schedule)
  const { id } = expectStatus(made, 201)
  const profile = await openProfile(t, browser, { viewport: { width: 390, height: 844 } })
  const { page } = await openTab(profile, `${server.url}/agents/${agent_id}`)
  await page.getByText('a'.repeat(100), { exact: true }).waitFor()
  assert.deepEqual(await valueIn(page, overflowsIn), [])
  await page.goto(`${server.url}/schedules/${id}`)
  await page.getByText('No runs yet').waitFor()
  await page.getByRole('link', { name: 'W'.repeat(250) }).waitFor()
  assert.deepEqual(await valueIn(page, overflowsIn), [])
})

test('a low window shows lines of the conversation and reaches the composer', async (t) => {
  const { id } = await createSession(server)
  const options = { viewport: { width: 320, height: 256 } }
  const { page } = await openSession(t, browser, { url: server.url, id, options })
  const frame = page.locator('.conversation-frame')
  assert.ok((await frame.boundingBox())!.height >= 100)
  const send = page.getByRole('button', { name: 'Send', exact: true })
  await send.scrollIntoViewIfNeeded()
  const { y, height } = (await send.boundingBox())!
  assert.ok(y >= 0 && y + height <= 256, `${y}`)
})

const turned = '\u202e'

test('shows controls of directions in titles, paths and inline code as escapes', async (t) => {
  const { id } = await createSession(server, { title: `invoice${turned}fdp.exe` })
  const path = `/${turned}txt.daolyap`
  const file = `/v1/sessions/${id}/fs${encodeURI(path)}`
  expectStatus(await server.call('POST', file, { content: 'x' }), 201)
  await converse(t, server, id, scripted({ text: `Run \`rm ${turned}txt\` now.` }))
  const query = `?panel=files&file=${encodeURIComponent(path)}`
  const { page, log } = await openSession(t, browser, { url: server.url, id, query })
  await page.getByRole('heading', { name: 'invoice\\u202efdp.exe' }).waitFor()
  await log.getByText('rm \\u202etxt', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog', { name: 'Delete /\\u202etxt.daolyap?' }).waitFor()
  assert.equal((await page.title()).includes(turned), false)
  await page.goto(server.url)
  const row = page.locator('.session-row', { hasText: 'invoice\\u202efdp.exe' })
  await row.getByText('Run rm \\u202etxt now.').waitFor()
})

test('a reply has the direction of its text', async (t) => {
  const { id } = await createSession(server)
  await converse(t, server, id, scripted({ text: 'مرحبا!' }))
  const { page, log } = await openSession(t, browser, { url: server.url, id })
  await log.getByText('مرحبا!', { exact: true }).waitFor()
  // The mark at the end of a text from right to left is at its left.
  const places = `(() => {
    const text = document.querySelector('.message.agent p').firstChild
    const leftOf = (at) => {
      const range = new Range()
      range.setStart(text, at)
      range.setEnd(text, at + 1)
      return range.getBoundingClientRect().left
    }
    return [leftOf(0), leftOf(text.length - 1)]
  })()`
  const [first = 0, last = 0] = await valueIn<number[]>(page, places)
  assert.ok(last < first, `${last} ${first}`)
  const field = "getComputedStyle(document.querySelector('.composer textarea')).unicodeBidi"
  assert.equal(await valueIn(page, field), 'plaintext')
})
