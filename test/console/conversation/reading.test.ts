import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Browser, Locator } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { eventually, startBrowser, valueIn } from '../../browser/browser.ts'
import { openPanel, openSession, say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const isSeen = (locator: Locator) =>
  eventually(async () => {
    const box = await locator.boundingBox({ timeout: 5_000 }).catch(() => null)
    assert.ok(box && box.y > 0 && box.y < 720, JSON.stringify(box))
  })

const paragraphs = (name: string) =>
  Array.from({ length: 12 }, (_, n) => `Paragraph ${n} of ${name}, in some words.`).join('\n\n')

test('keeps the scroll position, announces new messages, and scrolls to a linked message', async (t) => {
  const { id } = await createSession(server)
  for (const name of ['one', 'two', 'three', 'four']) {
    await converse(t, server, id, scripted({ text: paragraphs(name) }))
  }
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await isSeen(log.getByText('Paragraph 11 of four, in some words.', { exact: true }))
  await page.getByRole('region', { name: 'Conversation', exact: true }).hover()
  await page.mouse.wheel(0, -100_000)
  const first = log.getByText('Paragraph 1 of one, in some words.', { exact: true })
  await isSeen(first)
  await page.getByRole('button', { name: 'Jump to latest' }).waitFor()
  await post(server, id, scripted({ text: paragraphs('five') }))
  await page.getByRole('button', { name: 'New messages' }).waitFor()
  await isSeen(first)
  await page.getByRole('button', { name: 'New messages' }).click()
  await isSeen(log.getByText('Paragraph 11 of five, in some words.', { exact: true }))

  const reply = (await eventsOf(server, id)).findLast(
    (event) =>
      event.type === 'output.message.completed' &&
      JSON.stringify(event.data).includes('Paragraph 1 of two'),
  )
  assert.ok(reply?.type === 'output.message.completed')
  await page.goto(`${server.url}/sessions/${id}?message=${reply.data.message.id}`)
  await isSeen(log.getByText('Paragraph 1 of two, in some words.', { exact: true }))
  assert.deepEqual(complaints, [])
})

test('follows a streaming reply to its end and cancels a turn', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, scripted({ text: paragraphs('it'), tokens_per_second: 400 }))
  await isSeen(log.getByText('Paragraph 11 of it, in some words.', { exact: true }))
  await page.getByText('Idle', { exact: true }).waitFor()
  await say(page, scripted({ text: paragraphs('no end'), tokens_per_second: 0.1 }))
  await page.getByText('Active', { exact: true }).waitFor()
  await page.getByLabel('Message', { exact: true }).fill('And then this')
  await page.getByRole('button', { name: 'Send after this turn' }).click()
  await log.getByText('Queued until the current turn ends').waitFor()
  await page.getByRole('button', { name: 'Cancel turn' }).click()
  await log.getByText('You said “And then this”').waitFor()
  assert.deepEqual(complaints, [])
})

test('shows a task list as a checklist, and the turn in the panels', async (t) => {
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'stateless_todo_list' }, { ref: 'test_math' }],
  })
  const { id } = await createSession(server, { agent_id })
  const todo = (content: string, status: string) => ({ content, activeForm: content, status })
  const todos = [todo('Look', 'completed'), todo('Write', 'in_progress'), todo('Rest', 'pending')]
  const calls = [
    { name: 'write_todos', arguments: { todos } },
    { name: 'divide', arguments: { a: 1, b: 0 } },
  ]
  await converse(t, server, id, scripted({ tool_calls: calls }, { text: 'Over.' }))
  const opened = { url: server.url, id, query: '?panel=events&types=tool.started' }
  const { page, complaints, log } = await openSession(t, browser, opened)
  await log.getByRole('img', { name: 'In progress' }).waitFor()
  assert.deepEqual(await log.getByRole('listitem').allTextContents(), ['Look', 'Write', 'Rest'])
  await log.getByText('Cannot divide by zero').waitFor()
  await page.getByText('2 of ').waitFor()
  await page.getByRole('textbox', { name: 'Search events' }).fill('divide')
  await page.getByText('1 of ').waitFor()
  assert.match(page.url(), /find=divide/)

  await openPanel(page, 'Timeline')
  await page.getByRole('button', { name: /^divide.*failed/ }).click()
  const step = page.getByRole('region', { name: /^Step / })
  await step.getByText('Cannot divide by zero').first().waitFor()
  await step.getByRole('tab', { name: 'Arguments' }).click()
  await step.getByText('"b": 0').waitFor()
  await step.getByRole('tab', { name: 'Policy' }).click()
  await step.getByText('Runs again if its node dies', { exact: true }).waitFor()
  const started = (await eventsOf(server, id)).filter(({ type }) => type === 'tool.started')[1]!
  const keyText = `${id} ${started.context.turn_id} ${started.sequence}`
  await step.getByText(createHash('sha256').update(keyText).digest('hex')).waitFor()
  await page.keyboard.press('Shift+Tab')
  await page.getByRole('button', { name: /^divide.*failed/ }).focus()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('ArrowUp')
  await step.getByRole('tab', { name: /^Messages/ }).waitFor()
  await step.getByRole('tab', { name: /^Tools/ }).click()
  await step.getByText('write_todos').first().waitFor()
  await step.getByRole('tab', { name: 'Parameters' }).click()
  await step.getByText('Finish reason').waitFor()
  await step.getByRole('tab', { name: 'Raw' }).click()
  await step.getByText('"llm.generation"').waitFor()
  await page.getByText('2 model calls · 2 tool calls').waitFor()
  await openPanel(page, 'Usage')
  await page.getByRole('img', { name: /^Tokens: Input \d/ }).waitFor()
  await openPanel(page, 'Details')
  await page.getByLabel('Title').fill('Another title')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Another title' }).waitFor()
  await page.getByRole('button', { name: 'Model input preview' }).click()
  await page.getByText('Keep a task list with write_todos').waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export as JSON Lines' }).click(),
  ])
  assert.equal(download.suggestedFilename(), `${id}.jsonl`)
  assert.deepEqual(complaints, [])
})

test('announces a reply also when it equals the one before', async (t) => {
  const { id } = await createSession(server)
  const { page, log } = await openSession(t, browser, { url: server.url, id })
  await page.evaluate(`{
    window.announced = []
    const status = document.querySelector('.conversation-frame > [role=status]')
    const watch = new MutationObserver(() => announced.push(status.textContent))
    watch.observe(status, { childList: true, characterData: true, subtree: true })
    undefined
  }`)
  for (const count of [1, 2]) {
    await post(server, id, scripted({ text: 'Done.' }))
    await log
      .getByText('Done.', { exact: true })
      .nth(count - 1)
      .waitFor()
    const expected = Array.from({ length: count }, () => 'Done.')
    await eventually(async () => assert.deepEqual(await valueIn(page, 'announced'), expected))
  }
})
