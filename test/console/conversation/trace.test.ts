import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { expectStatus } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { addVendorModel, startVendor } from '../../../apps/server/test/remotes/vendor.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  scripted,
} from '../../../apps/server/test/session.ts'
import { eventually, startBrowser, valueIn } from '../../browser/browser.ts'
import { copyBy, openPanel, openSession } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  // Another test of the run could change the clipboard of the shared browser.
  browser = await startBrowser(t, [])
  server = await startServer(t as never, { env: { CONTEXT_TOKENS_UNKNOWN: '3000' } })
})

const query = '?panel=timeline'
const step = (page: Page, name: string) => page.locator('.step').filter({ hasText: name })

const dot =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

test('copies a model call as curl, and opens it in the playground with its image', async (t) => {
  const { id } = await createSession(server)
  const image = { type: 'image', base64: dot, media_type: 'image/png' }
  const content = [{ type: 'text', text: 'What is this?' }, image]
  const path = `/v1/sessions/${id}/messages`
  expectStatus(await server.call('POST', path, { message: { content } }), 201)
  const options = { permissions: ['clipboard-read', 'clipboard-write'] }
  const opened = { url: server.url, id, query, options }
  const { page, complaints } = await openSession(t, browser, opened)
  await step(page, 'llmsim-default').click()
  const inspector = page.getByRole('region', { name: 'Step llmsim-default' })
  await inspector.locator('.sent[data-role=user]', { hasText: 'What is this?' }).waitFor()
  // A status would announce the duration of a running step several times per second.
  assert.equal(await inspector.getByRole('status').count(), 0)
  await copyBy(page, 'Copy as curl')
  const curl = await valueIn<string>(page, 'navigator.clipboard.readText()')
  const [, url = '', header] = /^curl "([^"]+)" -H "([^"]+)"$/.exec(curl) ?? []
  assert.equal(header, 'Authorization: Bearer $OUTLAST_API_KEY')
  const { data } = (await (await fetch(url)).json()) as { data: { type: string; data: object }[] }
  assert.deepEqual(
    data.map(({ type, data }) => [type, JSON.stringify(data).includes('What is this?')]),
    [['llm.generation', true]],
  )

  await inspector.getByRole('button', { name: 'Open in playground' }).click()
  const playground = page.getByRole('region', { name: 'Playground' })
  const message = playground.getByLabel('Message', { exact: true })
  await eventually(async () => assert.equal(await message.inputValue(), 'What is this?'))
  await playground.getByLabel('Attachments').getByText('Image', { exact: true }).waitFor()
  await playground.getByRole('button', { name: 'Send', exact: true }).click()
  await playground.getByRole('log').getByText('You said “What is this?').waitFor()
  const forked = new URL(page.url()).searchParams.get('session')!
  const sent = dataOf(await eventsOf(server, forked), 'input.message').message.content
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['text', 'image'],
  )
  assert.deepEqual(complaints, [])
})

test('shows the system prompt and the last messages of a long prompt, and more on request', async (t) => {
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id })
  const tool_calls = Array.from({ length: 50 }, (_, a) => ({
    ...{ name: 'add', arguments: { a, b: 1 } },
  }))
  await converse(t, server, id, scripted({ tool_calls }, { text: 'All done.' }))
  const { page, complaints } = await openSession(t, browser, { url: server.url, id, query })
  const trace = page.getByRole('region', { name: 'Steps of turn 1' })
  await trace.hover()
  await page.mouse.wheel(0, 10_000)
  await page.locator('[data-step="51"]', { hasText: 'llmsim-default' }).click()
  const sent = page.locator('.inspector .sent')
  await sent.filter({ hasText: '"result": "{\\"a\\":49' }).waitFor()
  assert.equal(await sent.count(), 31)
  assert.equal(await sent.first().getAttribute('data-role'), 'system')
  await page.getByRole('button', { name: /^Show 22 of 22 earlier messages$/ }).click()
  await eventually(async () => assert.equal(await sent.count(), 53))
  assert.deepEqual(complaints, [])
})

test('shows the summary of earlier messages, with its tokens', async (t) => {
  const { id } = await createSession(server)
  const long = `Message: ${'word '.repeat(1_500)}`
  for (let turn = 0; turn < 4; turn++) await converse(t, server, id, `${long} ${turn}`)
  const { page, complaints } = await openSession(t, browser, { url: server.url, id, query })
  const summaries = (await eventsOf(server, id, '?types=context.compacted')) as never[]
  const { summary, usage } = dataOf(summaries, 'context.compacted', summaries.length)
  assert.ok(summary && usage)
  const summarizing = step(page, 'Summarizing earlier messages')
  await summarizing.click()
  const inspector = page.getByRole('region', { name: 'Step Summarizing earlier messages' })
  await inspector.getByText(summary.slice(0, 40)).waitFor()
  await inspector.getByRole('tab', { name: 'Parameters' }).click()
  await inspector.getByText('Prompt tokens before, estimated').waitFor()
  await inspector.getByText(usage.input_tokens.toLocaleString('en'), { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})

test('a model call whose summary failed at once shows no retries', async (t) => {
  const vendor = await startVendor(t, ({ body }) => {
    const isSummary = String(body.messages[0]?.content).startsWith('You keep the memory')
    return { text: isSummary ? ' ' : 'Yes.', usage: { prompt_tokens: 100, completion_tokens: 10 } }
  })
  const env = { CONTEXT_TOKENS_UNKNOWN: '2000', MODEL_ATTEMPTS_MAX: '1' }
  const own = await startServer(t, { env })
  await addVendorModel(own, vendor)
  const { id } = await createSession(own)
  for (let turn = 0; turn < 3; turn++) await converse(t, own, id, 'word '.repeat(500))
  const [, , failed] = (await eventsOf(own, id, '?types=llm.generation')) as never[]
  assert.equal(dataOf([failed!], 'llm.generation').metadata.retry?.attempts, 0)
  const { page, complaints } = await openSession(t, browser, { url: own.url, id, query })
  await step(page, 'a-model').last().click()
  const inspector = page.getByRole('region', { name: 'Step a-model' })
  await inspector.getByRole('tab', { name: 'Parameters' }).click()
  await inspector.getByText('Error code').waitFor()
  assert.equal(await inspector.getByText('Retries').count(), 0)
  assert.deepEqual(complaints, [])
})

test('rows of events have a summary of their data', async (t) => {
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id })
  const tool_calls = [{ name: 'divide', arguments: { a: 7, b: 0 } }]
  await converse(t, server, id, scripted({ tool_calls }, { text: 'All done.' }))
  const { page, complaints } = await openSession(t, browser, { url: server.url, id })
  await openPanel(page, 'Events')
  const row = (type: string) => page.locator('.event-head').filter({ hasText: type })
  await row('tool.started').getByText('divide · a 7 · b 0').waitFor()
  await row('tool.completed')
    .getByText(/Cannot divide by zero/)
    .waitFor()
  assert.deepEqual(complaints, [])
})
