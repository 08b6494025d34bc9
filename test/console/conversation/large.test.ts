import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { expectStatus } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from '../../browser/browser.ts'
import { openCard, openPanel, openSession, say, toolOf, unfold } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

/** A text of more than 1 MiB with a recognizable end. */
const long = (name: string) =>
  `${`${name} has words `.repeat(1_048_576 / (name.length + 11))}and the end of ${name}`

const everything = /^Show all 1,0\d\d,\d\d\d characters$/

test('cuts texts of 1 MiB and expands them on request', async (t) => {
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system' }],
  })
  const { id } = await createSession(server, { agent_id })
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const said = long('message')
  await say(page, said)
  await log.getByText(/^You said “message has words/).waitFor()
  // The line below a complete reply moves the rows above it.
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
  const own = log.locator('.message.user')
  assert.ok((await own.textContent())!.length < 20_000)
  await own.getByRole('button', { name: everything }).click()
  await own.getByText('and the end of message').waitFor()
  await own.getByRole('button', { name: 'Show less' }).click()

  const write = { name: 'write_file', arguments: { path: '/long.txt', content: long('file') } }
  const read = { name: 'read_file', arguments: { path: '/long.txt' } }
  const steps = [{ tool_calls: [write] }, { tool_calls: [read] }]
  await post(server, id, scripted(...steps, { text: long('reply') }))
  const reply = log.locator('.message.agent', { hasText: /^reply has words/ })
  await log.getByRole('button', { name: 'Good reply' }).nth(1).waitFor()
  await reply.getByRole('button', { name: everything }).click()
  await reply.getByText('and the end of reply').waitFor()
  await reply.getByRole('button', { name: 'Show less' }).click()
  await openCard(toolOf(page, 'write_file'))
  await toolOf(page, 'write_file').getByRole('button', { name: everything }).click()
  await toolOf(page, 'write_file').getByText('and the end of file').waitFor()
  await openPanel(page, 'Files')
  await page.getByRole('treeitem', { name: 'long.txt' }).click()
  await page.locator('.file-body', { hasText: 'file has words' }).waitFor()
  await post(server, id, scripted({ thinking: long('thought'), text: 'Over.' }))
  await log.getByText('Over.', { exact: true }).waitFor()
  await unfold(log.getByRole('button', { name: 'Thinking' }))
  await log.locator('.thought').getByRole('button', { name: everything }).waitFor()
  await openPanel(page, 'Events')
  await page.getByRole('textbox', { name: 'Search events' }).fill('and the end of thought')
  await page.getByText(/^[1-9] of \d+ events$/).waitFor()
  assert.deepEqual(complaints, [])

  const { path } = expectStatus(await server.call('POST', `/v1/sessions/${id}/shares`, {}), 201)
  const shared = await openTab(await openProfile(t, browser), server.url + path)
  await shared.page.getByRole('log').getByText('Over.', { exact: true }).waitFor()
  await shared.page.getByRole('region', { name: 'Conversation', exact: true }).hover()
  await shared.page.mouse.wheel(0, -10_000_000)
  const sent = shared.page.getByRole('log').locator('.message.user').first()
  await sent.getByRole('button', { name: everything }).click()
  await sent.getByText('and the end of message').waitFor()
  assert.deepEqual(shared.complaints, [])
})

const turns = 5
const repliesEach = 4
const callsEach = 250

test('opens a session of 5,000 tool calls at its end and can scroll to every call', async (t) => {
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id })
  for (let turn = 0; turn < turns; turn++) {
    const replies = Array.from({ length: repliesEach }, (_, reply) => {
      const first = (turn * repliesEach + reply) * callsEach
      const add = (_: unknown, n: number) => ({ name: 'add', arguments: { a: first + n, b: 7 } })
      return { tool_calls: Array.from({ length: callsEach }, add) }
    })
    await converse(t, server, id, scripted(...replies, { text: `Turn ${turn} is over.` }))
  }
  const opened = { url: server.url, id, query: '?panel=timeline' }
  const { page, complaints, log } = await openSession(t, browser, opened)
  await log.getByText('Turn 4 is over.', { exact: true }).waitFor()
  await page.getByText('5 model calls · 1000 tool calls').waitFor()
  await page.setViewportSize({ width: 1280, height: 500 })
  for (const nth of [0, 1]) {
    await page.locator('.step').nth(nth).click()
    await page.locator(`.step[data-step="${nth}"][aria-pressed=true]`).waitFor()
    await page.locator('.inspector').waitFor()
  }
  await page.setViewportSize({ width: 1280, height: 800 })
  for (const drawn of ['.tool', '.step']) {
    const count = await page.locator(drawn).count()
    assert.ok(count > 0 && count < 100, `${count} of ${drawn}`)
  }
  await page.getByRole('region', { name: 'Conversation', exact: true }).hover()
  await page.mouse.wheel(0, -10_000_000)
  const first = toolOf(page, 'add').filter({ has: page.getByText('0, 7', { exact: true }) })
  await openCard(first)
  await first.getByText('"b"').first().waitFor()
  await openPanel(page, 'Events')
  await page.getByRole('textbox', { name: 'Search events' }).fill('"a":4999,')
  await page.getByText(/^[1-9] of 1\d,?\d{3} events$/).waitFor()
  await say(page, 'Still there?')
  await log.getByText('You said “Still there?”').waitFor()
  assert.deepEqual(complaints, [])
})
