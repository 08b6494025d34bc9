import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { expectStatus } from '../../../apps/server/test/access.ts'
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
import { eventually, startBrowser } from '../../browser/browser.ts'
import { openCard, openSession, toolOf } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

type Calls = { name: string; arguments: object }[]

/** Starts a session in which a model makes calls of server tools, one after another. */
async function converseWith(t: TestContext, capabilities: object[], calls: Calls) {
  const { id: agent_id } = await createAgent(server, { capabilities })
  const { id } = await createSession(server, { agent_id })
  const steps = calls.map((call) => ({ tool_calls: [call] }))
  await converse(t, server, id, scripted(...steps, { text: 'All done.' }))
  return id
}

/** Waits until the log of the session has an event of the type. */
const logged = (id: string, type: string) =>
  eventually(async () => {
    const types: string[] = (await eventsOf(server, id)).map((event) => event.type)
    assert.ok(types.includes(type), types.join())
  })

/** Starts a session with calls of a client tool and their results. */
async function answered(calls: { name: string; arguments: object; result: unknown }[]) {
  const tools = [...new Set(calls.map(({ name }) => name))].map((name) => ({
    ...{ type: 'client_side', name, description: 'Of a client.' },
  }))
  const { id: agent_id } = await createAgent(server, { tools })
  const { id } = await createSession(server, { agent_id })
  const asked = calls.map(({ result, ...call }, at) => ({ ...call, id: `call_${at}` }))
  await post(server, id, scripted({ tool_calls: asked }, { text: 'All done.' }))
  await logged(id, 'tool.call_requested')
  const tool_results = calls.map(({ result }, at) => ({ tool_call_id: `call_${at}`, result }))
  const path = `/v1/sessions/${id}/tool-results`
  expectStatus(await server.call('POST', path, { tool_results }), 200)
  await logged(id, 'turn.completed')
  return id
}

const step = (page: Page, name: string | RegExp, at = 0) =>
  page.locator('.step').filter({ hasText: name }).nth(at)

/** Opens a step of the timeline, and returns its part. */
async function openStep(page: Page, name: string, at = 0) {
  await step(page, name, at).click()
  const inspector = page.getByRole('region', { name: `Step ${name}` })
  await inspector.getByRole('tabpanel', { name: 'Result' }).waitFor()
  return inspector
}

/** Opens the card of a call in the conversation, and returns it. */
async function openCallOf(page: Page, name: string) {
  const card = toolOf(page, name).first()
  await openCard(card)
  return card
}

const timeline = '?panel=timeline'

test('a failed command is red in the timeline, and shows its terminal', async (t) => {
  const bash = (command: string) => ({ name: 'bash', arguments: { command } })
  const id = await converseWith(
    t,
    [{ ref: 'virtual_bash' }],
    [bash('echo fine'), bash('echo some; ls /nowhere')],
  )
  const { page, complaints } = await openSession(t, browser, {
    url: server.url,
    id,
    query: timeline,
  })
  await step(page, 'bash', 1).locator('.step-bar[data-kind=failed]').waitFor()
  assert.equal(await page.locator('.step-bar[data-kind=failed]').count(), 1)
  assert.equal(await step(page, /bash.*, failed/).count(), 1)
  const inspector = await openStep(page, 'bash', 1)
  await inspector.getByText(/exit code \d/).waitFor()
  const terminal = inspector.locator('.terminal')
  await terminal.getByText(/^Exit code \d/).waitFor()
  await terminal.locator('b', { hasText: '$ echo some; ls /nowhere' }).waitFor()
  await terminal.locator('.terminal-errors', { hasText: 'nowhere' }).waitFor()
  const failed = page.locator('.tool.failed')
  assert.equal(await failed.count(), 1)
  const fine = await openCallOf(page, 'echo fine')
  await fine.locator('.terminal pre', { hasText: 'fine' }).waitFor()
  assert.deepEqual(complaints, [])
})

test('a failed command with a long output is red, with its beginning, its end and its file', async (t) => {
  const command = `seq 1 99999; echo '{"exit_code":0}'; false`
  const id = await converseWith(
    t,
    [{ ref: 'virtual_bash' }],
    [{ name: 'bash', arguments: { command } }],
  )
  const { page, complaints } = await openSession(t, browser, {
    url: server.url,
    id,
    query: timeline,
  })
  await page.locator('.tool.failed').waitFor()
  await step(page, 'bash').locator('.step-bar[data-kind=failed]').waitFor()
  const card = await openCallOf(page, 'seq 1 99999')
  const [beginning, end] = [card.locator('pre').first(), card.locator('pre').last()]
  await card.getByText('Exit code 1').waitFor()
  assert.match((await beginning.textContent())!, /^\$ seq 1 99999; .*\n1\n2\n3\n/)
  assert.match((await end.textContent())!, /\n99998\n99999\n\{"exit_code":0\}\n?$/)
  await card.getByText(/^6\d\d,\d{3} bytes are left out\./).waitFor()
  await card.getByRole('link', { name: 'Open the whole result' }).click()
  await page.getByRole('region', { name: /^\/_tool_outputs\// }).waitFor()
  assert.match(await page.getByLabel('Content').inputValue(), /^\{"exit_code":1,/)
  assert.deepEqual(complaints, [])
})

test('shows the fields of a result that its view does not show', async (t) => {
  const write = (path: string) => ({
    name: 'write_file',
    arguments: { path, content: '0123456789' },
  })
  const id = await converseWith(
    t,
    [{ ref: 'session_file_system' }],
    [
      write('/notes.txt'),
      { name: 'read_file', arguments: { path: '/notes.txt', limit: 4 } },
      { name: 'list_directory', arguments: { path: '/' } },
      { name: 'grep_files', arguments: { pattern: '012' } },
    ],
  )
  const { page, complaints } = await openSession(t, browser, {
    url: server.url,
    id,
    query: timeline,
  })
  const read = await openStep(page, 'read_file')
  await read.getByText('0123', { exact: true }).waitFor()
  for (const fact of ['size_bytes: 10', 'truncated: true', 'next_offset: 4']) {
    await read.getByText(fact, { exact: true }).waitFor()
  }
  const list = await openStep(page, 'list_directory')
  await list.getByRole('cell', { name: '/notes.txt' }).waitFor()
  await list.getByText('count: 1', { exact: true }).waitFor()
  const found = await openStep(page, 'grep_files')
  await found.getByRole('columnheader', { name: 'line_number' }).waitFor()
  await found.getByText('match_count: 1', { exact: true }).waitFor()
  const wrote = await openCallOf(page, 'write_file')
  await wrote.getByText('0123456789', { exact: true }).waitFor()
  await wrote.getByText('created: true', { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})

test('never formats a text that takes too long, and shows all of a long command', async (t) => {
  const path = '/long.md'
  const content = `${'**words** '.repeat(11_000)}\n\nand the end`
  const command = `echo ${'x'.repeat(5_000)} and the last word`
  const id = await answered([
    { name: 'write_file', arguments: { path, content }, result: { path } },
    {
      ...{ name: 'run', arguments: { command } },
      result: { exit_code: 0, stdout: '', stderr: `${'y'.repeat(25_000)} and the last error` },
    },
  ])
  const { page, complaints } = await openSession(t, browser, { url: server.url, id })
  const wrote = await openCallOf(page, 'write_file')
  await wrote.getByRole('button', { name: /^Show all 110,\d{3} characters$/ }).click()
  await wrote.getByText('and the end', { exact: false }).last().waitFor()
  assert.equal(await wrote.locator('.markdown').count(), 0)
  await wrote.getByRole('button').first().click()
  const ran = await openCallOf(page, 'run')
  await ran.getByRole('button', { name: /characters of the command$/ }).click()
  await ran.locator('b', { hasText: 'and the last word' }).waitFor()
  await ran.getByRole('button', { name: 'Show all 25,019 characters of the errors' }).click()
  await ran.locator('.terminal-errors', { hasText: 'and the last error' }).waitFor()
  assert.deepEqual(complaints, [])
})

const patch = `--- a/notes.txt\n+++ b/notes.txt\n@@ -1,2 +1,2 @@\n same\n-before\n+after\n`

test('shows pages with their status, and tables with fields beside the list', async (t) => {
  const url = 'https://example.com/gone'
  const id = await answered([
    {
      ...{ name: 'fetch', arguments: { url } },
      result: { url, status_code: 404, content: '# Not here', truncated: true, notice: 'Cut.' },
    },
    {
      ...{ name: 'search', arguments: { words: 'a' } },
      result: { items: [{ id: 7 }], total: 90, cursor: 'next', filter: { by: 'name' } },
    },
  ])
  const { page, complaints } = await openSession(t, browser, { url: server.url, id })
  const fetched = await openCallOf(page, 'fetch')
  await fetched.getByRole('heading', { name: 'Not here' }).waitFor()
  await fetched.locator('[data-failed=true]', { hasText: 'status_code: 404' }).waitFor()
  await fetched.getByText('notice: Cut.').waitFor()
  const searched = await openCallOf(page, 'search')
  await searched.getByRole('cell', { name: '7' }).waitFor()
  await searched.getByText('total: 90').waitFor()
  await searched.getByText('cursor: next').waitFor()
  await searched.getByText('"name"').waitFor()
  assert.deepEqual(complaints, [])
})

test('shows edits, patches and replaced files as removed and added lines', async (t) => {
  const edit = { path: '/notes.txt', old_string: 'one\ntwo', new_string: 'one\nthree', all: true }
  const asked = await answered([
    { name: 'edit', arguments: edit, result: 'Edited.' },
    { name: 'apply', arguments: { input: 'x' }, result: { diff: patch, files: 1 } },
  ])
  const { page, complaints } = await openSession(t, browser, { url: server.url, id: asked })
  const edited = await openCallOf(page, 'edit')
  await edited.locator('[data-kind=gone]', { hasText: 'two' }).waitFor()
  await edited.locator('[data-kind=added]', { hasText: 'three' }).waitFor()
  await edited.getByText('1 added, 1 removed').waitFor()
  await edited.getByText('"all"').waitFor()
  await edited.getByText('Edited.').waitFor()
  const applied = await openCallOf(page, 'apply')
  await applied.locator('[data-kind=gone]', { hasText: 'before' }).waitFor()
  await applied.getByText('files: 1').waitFor()
  assert.deepEqual(complaints, [])

  const write = (content: string) => ({
    ...{ name: 'write_file', arguments: { path: '/notes.txt', content } },
  })
  const written = await converseWith(
    t,
    [{ ref: 'session_file_system' }],
    [write('one\ntwo\nsame'), write('one\nthree\nsame')],
  )
  const opened = { url: server.url, id: written, query: timeline }
  const { page: other, complaints: others } = await openSession(t, browser, opened)
  const replaced = await openStep(other, 'write_file', 1)
  await replaced.locator('[data-kind=gone]', { hasText: 'two' }).waitFor()
  await replaced.locator('[data-kind=added]', { hasText: 'three' }).waitFor()
  await replaced.getByRole('button', { name: 'Show whole file' }).click()
  await replaced.locator('pre', { hasText: 'one\nthree\nsame' }).waitFor()
  const first = await openStep(other, 'write_file', 0)
  await first.locator('pre', { hasText: 'one\ntwo\nsame' }).waitFor()
  assert.equal(await first.locator('.difference').count(), 0)
  assert.deepEqual(others, [])
})

test('opens a session with replies and results that nest thousands of times', async (t) => {
  const lists = `${'['.repeat(5_000)}${']'.repeat(5_000)}`
  const cut = { truncated: true, size_bytes: 9, beginning: '{"version":1.2.3,"b":"x', end: 'z"}' }
  const id = await answered([
    { name: 'nest', arguments: {}, result: lists },
    { name: 'cut', arguments: {}, result: cut },
  ])
  const deep = scripted({ text: `${'> '.repeat(3_000)}nested` })
  await converse(t, server, id, deep)
  await converse(t, server, id, scripted({ text: `${'_a'.repeat(30_000)} marked` }))
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await page.getByLabel('Message', { exact: true }).waitFor()
  await log.getByText(/nested$/).waitFor()
  await log.getByText(/ marked$/).waitFor()
  await (await openCallOf(page, 'nest')).getByText('[[[[').first().waitFor()
  await (await openCallOf(page, 'cut')).getByText('1.2.3').first().waitFor()
  const share = await server.call('POST', `/v1/sessions/${id}/shares`, {})
  await page.goto(server.url + expectStatus(share, 201).path)
  await log.getByText(/nested$/).waitFor()
  assert.deepEqual(complaints, [])
})
