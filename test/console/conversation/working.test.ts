import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { expectStatus } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  scripted,
} from '../../../apps/server/test/session.ts'
import { eventually, startBrowser } from '../../browser/browser.ts'
import { openPanel, openSession, say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const message = (page: Page) => page.getByLabel('Message', { exact: true })

const slow = (text: string) => scripted({ text: `${text} `.repeat(200), tokens_per_second: 5 })

/** Drops files on the page, or pastes them into the composer. */
const give = (page: Page, files: string, how: 'drop' | 'paste') =>
  page.evaluate(`(() => {
    const given = new DataTransfer()
    for (const file of ${files}) given.items.add(file)
    const to = document.querySelector('[aria-label=Message]')
    const about = { bubbles: true, cancelable: true, dataTransfer: given, clipboardData: given }
    const [Kind, name] = ${how === 'drop'} ? [DragEvent, 'drop'] : [ClipboardEvent, 'paste']
    to.dispatchEvent(new Kind(name, about))
  })()`)

test('sends a message with a model and an effort, and shows its usage', async (t) => {
  const { call } = server
  const { data } = (await call('GET', '/v1/llm-providers')).body
  const simulated = data.find((one: { provider_type: string }) => one.provider_type === 'llmsim')
  const fields = { model_id: 'llmsim-echo', display_name: 'Parrot' }
  const path = `/v1/llm-providers/${simulated.id}/models`
  const model = expectStatus(await call('POST', path, fields), 201)
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await page.getByRole('combobox', { name: 'Model' }).click()
  await page.getByRole('option', { name: /^Parrot/ }).click()
  await page.getByRole('combobox', { name: 'Reasoning effort' }).click()
  await page.getByRole('option', { name: 'high' }).click()
  await say(page, 'Good morning')
  await log.getByText('Simulated echo: Good morning').waitFor()
  const { controls } = dataOf(await eventsOf(server, id), 'input.message').message
  assert.deepEqual(controls, { model_id: model.id, reasoning: { effort: 'high' } })

  await openPanel(page, 'Usage')
  await page.getByRole('img', { name: /^Tokens: Input \d/ }).waitFor()
  await page.getByRole('cell', { name: 'llmsim-echo' }).waitFor()
  assert.deepEqual(complaints, [])
})

test('steers and interrupts a running turn', async (t) => {
  const config = { requires_approval: ['write_file'] }
  const capabilities = [{ ref: 'session_file_system', config }]
  const { id: agent_id } = await createAgent(server, { capabilities })
  const { id } = await createSession(server, { agent_id })
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const write = { name: 'write_file', arguments: { path: '/notes.txt', content: 'Hello' } }
  await say(page, scripted({ tool_calls: [write] }))
  const approve = log.getByRole('button', { name: 'Approve', exact: true })
  await approve.waitFor()
  await message(page).fill(scripted({ text: 'I look north too.' }))
  await page.getByRole('button', { name: 'Send now (joins the running turn)' }).click()
  await log.locator('.message.user', { hasText: 'I look north too.' }).waitFor()
  await log.getByText('Sending…').waitFor({ state: 'detached' })
  await approve.click()
  await log.getByText('I look north too.', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
  const steered = await eventsOf(server, id)
  assert.equal(steered.filter(({ type }) => type === 'turn.started').length, 1)

  await say(page, slow('going on'))
  await log.getByText(/^going on going on/).waitFor()
  await message(page).fill('Stop and listen')
  await page.getByRole('button', { name: 'Stop and send' }).click()
  await log.getByText(/You said “.*Stop and listen”/).waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
  await openPanel(page, 'Timeline')
  await page.getByRole('button', { name: /^Turn 2/ }).click()
  await page.getByText(/^Turn 2: canceled/).waitFor()
  assert.match(page.url(), /turn=/)
  assert.deepEqual(complaints, [])
})

test('explains attachments that cannot be sent and sends the others', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const attached = page.getByLabel('Attachments')
  const large = { name: 'large.bin', mimeType: 'application/octet-stream' }
  await page
    .locator('input[type=file]')
    .setInputFiles([{ ...large, buffer: Buffer.alloc(10 * 1024 * 1024 + 1) }])
  await attached.getByText('large.bin is larger than 10 MiB.').waitFor()
  const wide = `new File([new Uint8Array(20 * 1024 * 1024 + 1)], 'wide.png', { type: 'image/png' })`
  await give(page, `[${wide}]`, 'paste')
  await attached.getByText('An image can have at most 20 MiB.').waitFor()
  await message(page).fill('With a drawing')
  assert.equal(await page.getByRole('button', { name: 'Send', exact: true }).isEnabled(), false)
  await attached.getByRole('button', { name: 'Remove large.bin' }).click()
  await attached.getByRole('button', { name: 'Remove wide.png' }).click()

  const svg = `new File(['<svg/>'], 'drawing.svg', { type: 'image/svg+xml' })`
  await give(page, `[${svg}]`, 'paste')
  await attached.locator('.ready', { hasText: 'drawing.svg' }).waitFor()
  const many = `Array.from({ length: 22 }, (_, n) => new File(['x'], n + '.txt'))`
  await give(page, many, 'drop')
  await attached.getByText('A message can have at most 20 attachments.').waitFor()
  await attached.getByRole('button', { name: 'Remove 3 more' }).click()
  await attached.locator('.ready').nth(19).waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await log.getByText('Attached file: /attachments/drawing.svg').first().waitFor()
  await log.getByText('Attached file: /attachments/18.txt').first().waitFor()
  assert.deepEqual(complaints, [])
})

test('keeps messages and drafts while offline, and sends them afterwards', async (t) => {
  const { id } = await createSession(server)
  const { profile, page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'First')
  await log.getByText('You said “First”').waitFor()
  await profile.setOffline(true)
  await page.getByText('You are offline.').waitFor()
  await say(page, 'Second')
  await log.getByText('Not sent yet.').waitFor()
  await message(page).fill('Third, not sent')
  await profile.setOffline(false)
  await page.getByText('You are offline.').waitFor({ state: 'detached' })
  await log.getByText('You said “Second”').waitFor()
  assert.equal(await message(page).inputValue(), 'Third, not sent')
  const messages = (await eventsOf(server, id)).filter(({ type }) => type === 'input.message')
  assert.equal(messages.length, 2)
  await eventually(async () => assert.equal(await log.locator('.outgoing').count(), 0))
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_INTERNET_DISCONNECTED')),
    [],
  )
})

test('a lost connection while a part of the page loads does not end the page', async (t) => {
  const { id } = await createSession(server)
  const { profile, page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  let lost = 0
  await profile.route(/\/reply-line-/, (route) => {
    if (lost === 3) return route.continue()
    lost++
    return route.abort('internetdisconnected')
  })
  await say(page, 'First')
  await log.getByRole('button', { name: 'Good reply' }).waitFor()
  assert.equal(lost, 3)
  const rulesOf = `document.querySelector('link[rel=stylesheet][href*=reply-line]').sheet.cssRules.length`
  assert.ok((await page.evaluate<number>(rulesOf)) > 0, 'the style of the part is loaded too')
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_INTERNET_DISCONNECTED')),
    [],
  )
})
