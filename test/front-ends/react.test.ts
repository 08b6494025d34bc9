/** `@outlast/react` in Chromium, with React in strict mode. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { answerFirst, asksTwice, ownTools } from '../../apps/server/test/processes/own-code.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, eventsOf, scripted } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { reservePort } from '../ports.ts'
import { dataFolder, startProcess } from '../process.ts'
import { answerBefore, bundle, startSite } from './site.ts'

const root = path.join(import.meta.dirname, '../..')

let browser: Browser
let origin: string
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  origin = await startSite(t, await bundle(path.join(root, 'packages/react/test/page.tsx'), root))
  const capabilities = [...builtins, asksTwice]
  server = await startServer(t, { capabilities, env: { CORS_ALLOWED_ORIGINS: origin } })
})

type Hook = { after: (work: () => unknown) => void }

async function openPage(t: Hook) {
  const { page, complaints } = await openTab(await openProfile(t, browser), origin)
  await page.waitForFunction('globalThis.app !== undefined')
  return { page, complaints }
}

const show = (page: Page, options: object, names = ['Chat']) =>
  page.evaluate(
    `app.show(${JSON.stringify({ url: server.url, ...options })}, ${JSON.stringify(names)})`,
  )

async function send(page: Page, text: string, name = 'Chat') {
  const view = page.getByRole('region', { name })
  await view.getByLabel('Message').fill(text)
  await view.getByLabel('Message').press('Enter')
}

const inStatus = (page: Page, status: string, name = 'Chat') =>
  page.locator(`section[aria-label="${name}"][data-status="${status}"]`).waitFor()

/** Waits until the server has this number of open streams. */
const untilStreams = (count: number) =>
  eventually(async () => {
    const { body } = await server.call('GET', '/metrics')
    assert.equal(/^outlast_sse_clients (\d+)/m.exec(body)?.[1], String(count))
  })

/** The streams that a page opens from now on. */
function streamsOf(page: Page) {
  const opened: string[] = []
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.endsWith('/sse')) opened.push(request.url())
  })
  return opened
}

const tool = (name: string, more: object = {}) => ({
  type: 'client_side',
  name,
  description: 'A tool.',
  parameters: { type: 'object', properties: {} },
  ...more,
})
const calls = (name: string, input: object = {}) => ({ tool_calls: [{ name, arguments: input }] })
const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')
const slow = scripted({ text: words, tokens_per_second: 40 })
/** A reply that a person cancels. */
const endless = scripted({ text: `${words} `.repeat(40), tokens_per_second: 20 })

async function agentWith(fields: object) {
  const { id } = await createAgent(server, fields)
  return id
}

/** Waits for a text in a reply. */
const untilReply = (page: Page, text: string, name = 'Chat') =>
  page
    .getByRole('region', { name })
    .locator('[data-kind=agent]', { hasText: text })
    .first()
    .waitFor()

const userTexts = (page: Page) =>
  page
    .locator('[data-kind=user]')
    .evaluateAll((all) => all.map((one) => one.firstChild!.textContent))

test('a message is shown at once and answered once, in strict mode', async (t) => {
  const { page, complaints } = await openPage(t)
  const opened = streamsOf(page)
  const { id } = await createSession(server)
  await show(page, { sessionId: id })
  await inStatus(page, 'idle')
  await send(page, scripted({ text: 'Good **morning**' }))
  await page.locator('strong', { hasText: 'morning' }).waitFor()
  await inStatus(page, 'idle')
  assert.equal(await page.locator('[data-kind=user]').count(), 1)
  assert.equal(await page.locator('[data-kind=agent]').count(), 1)
  assert.deepEqual([opened.length, complaints], [1, []])
})

test('two components share one stream, which closes with the last during a reply', async (t) => {
  const { page } = await openPage(t)
  const opened = streamsOf(page)
  const { id } = await createSession(server)
  await untilStreams(0)
  await show(page, { sessionId: id }, ['Chat', 'Side'])
  await inStatus(page, 'idle', 'Side')
  await send(page, slow, 'Side')
  for (const name of ['Chat', 'Side']) {
    await untilReply(page, 'word1', name)
  }
  assert.equal(opened.length, 1)
  await show(page, { sessionId: id }, ['Side'])
  await untilStreams(1)
  await page.evaluate('app.hide()')
  await untilStreams(0)
  assert.equal(opened.length, 1)
  await show(page, { sessionId: id })
  await untilReply(page, 'word59')
  await inStatus(page, 'idle')
  assert.equal(await page.locator('[data-kind=agent]').count(), 1)
})

test('a client tool runs once although two components have it', async (t) => {
  const { page } = await openPage(t)
  const agentId = await agentWith({ tools: [tool('locate')] })
  await show(page, { agentId, key: 'tool' }, ['Chat', 'Side'])
  await inStatus(page, 'idle')
  await send(page, scripted(calls('locate'), { text: 'You are there.' }))
  await untilReply(page, 'You are there.', 'Side')
  await page.getByText('locate: done').first().click()
  await page.getByText('{"place":"Kyiv"}').first().waitFor()
  assert.equal(await page.evaluate('app.seen.toolRuns'), 1)
})

test('a client tool of a later render runs a call that waits', async (t) => {
  const { page } = await openPage(t)
  const agentId = await agentWith({ tools: [tool('locate')] })
  await show(page, { agentId, key: 'later', hasTool: false })
  await inStatus(page, 'idle')
  await send(page, scripted(calls('locate'), { text: 'You are there.' }))
  await inStatus(page, 'waiting')
  await show(page, { agentId, key: 'later' })
  await untilReply(page, 'You are there.')
  assert.equal(await page.evaluate('app.seen.toolRuns'), 1)
})

test('a client tool of an earlier render runs no call', async (t) => {
  const { page } = await openPage(t)
  const agentId = await agentWith({ tools: [tool('locate')] })
  await show(page, { agentId, key: 'earlier' })
  await inStatus(page, 'idle')
  await show(page, { agentId, key: 'earlier', hasTool: false })
  await send(page, scripted(calls('locate'), { text: 'You are there.' }))
  await inStatus(page, 'waiting')
  assert.equal(await page.evaluate('app.seen.toolRuns'), 0)
})

test('a person approves, denies and answers in forms', async (t) => {
  const { page } = await openPage(t)
  const agentId = await agentWith({
    tools: [tool('locate', { policy: 'requires_approval' })],
    capabilities: [{ ref: 'ask_user' }],
  })
  await show(page, { agentId, key: 'forms' })
  await send(page, scripted(calls('locate'), { text: 'Approved.' }))
  await inStatus(page, 'waiting')
  await page.getByRole('button', { name: 'Approve' }).click()
  await untilReply(page, 'Approved.')
  await send(page, scripted(calls('locate'), { text: 'Denied.' }))
  await page.getByPlaceholder('Reason').fill('Not now.')
  await page.getByRole('button', { name: 'Deny' }).click()
  await untilReply(page, 'Denied.')
  assert.equal(await page.evaluate('app.seen.toolRuns'), 1)
  await send(page, scripted(calls('locate'), { text: 'Denied by Enter.' }))
  await page.getByPlaceholder('Reason').fill('Not here.')
  await page.getByPlaceholder('Reason').press('Enter')
  await untilReply(page, 'Denied by Enter.')
  assert.equal(await page.evaluate('app.seen.toolRuns'), 1)
  await page.getByText('Not here.').first().waitFor({ state: 'attached' })

  const options = [{ label: 'Red' }, { label: 'Blue' }]
  const questions = [{ id: 'color', kind: 'choice', question: 'Which color?', options }]
  await send(page, scripted(calls('ask_user', { questions }), { text: 'Thank you.' }))
  await page.getByRole('group', { name: 'Which color?' }).waitFor()
  await page.getByRole('button', { name: 'Answer' }).click()
  await page.getByText('Answer all questions.').waitFor()
  await page.getByLabel('Blue').check()
  await page.getByRole('button', { name: 'Answer' }).click()
  await untilReply(page, 'Thank you.')
  await inStatus(page, 'idle')
  await page.getByText('ask_user: done').click()
  await page.getByText('Blue').first().waitFor()
})

test('an answer to questions that another client answered is not one to the next ones', async (t) => {
  const { page } = await openPage(t)
  const { id } = await createSession(server, {
    agent_id: await agentWith({ capabilities: ownTools }),
  })
  await show(page, { sessionId: id })
  await inStatus(page, 'idle')
  for (const button of ['Answer', 'Decline']) {
    await send(page, scripted(calls('confirm'), { text: `Done: ${button}.` }))
    const first = page.getByRole('group', { name: 'Cancel the seat?' })
    await first.getByLabel('Yes').check()
    const answer = await answerBefore(page, () => answerFirst(server.call, id))
    await page.getByRole('button', { name: button }).click()
    assert.equal(await answer.status(), 409)
    const next = page.getByRole('group', { name: 'Cancel the flight?' })
    await next.waitFor()
    assert.equal(await next.getByRole('radio', { checked: true }).count(), 0)
    await next.getByLabel('No').check()
    await page.getByRole('button', { name: 'Answer' }).click()
    await untilReply(page, `Done: ${button}.`)
  }
})

test('a person cancels, retries and edits', async (t) => {
  const { page } = await openPage(t)
  const agentId = await agentWith({})
  await show(page, { agentId, key: 'edit' }, ['Chat', 'Side'])
  await inStatus(page, 'idle')
  await send(page, endless)
  await untilReply(page, 'word3')
  await page.getByRole('button', { name: 'Stop' }).first().click()
  await page.getByText('turn.cancelled').first().waitFor()
  await inStatus(page, 'idle')

  await send(page, scripted({ text: 'x', error: { message: 'gone', status: 400 } }))
  await inStatus(page, 'error')
  await page.getByRole('alert').first().waitFor()
  assert.equal(await page.evaluate('app.session().error.name'), 'TurnFailedError')
  await page.evaluate('app.session().retry()')
  await page.waitForFunction(
    `app.seen.events.filter((type) => type === 'turn.failed').length === 2`,
  )
  await inStatus(page, 'error')

  const before = await page.evaluate<string>('app.session().sessionId')
  await page.getByRole('button', { name: 'Edit' }).first().click()
  await eventually(async () => assert.deepEqual(await userTexts(page), ['Again', 'Again']))
  await inStatus(page, 'idle')
  assert.notEqual(await page.evaluate('app.session().sessionId'), before)
  // The page shows its new session without a new connection.
  const opened = streamsOf(page)
  await show(page, { sessionId: await page.evaluate<string>('app.session().sessionId') })
  await send(page, scripted({ text: 'Moved.' }))
  await untilReply(page, 'Moved.')
  assert.deepEqual(opened, [])
})

test('a message of another tab appears, and a reload during a reply loses nothing', async (t) => {
  const first = await openPage(t)
  const second = await openPage(t)
  const { id } = await createSession(server)
  for (const { page } of [first, second]) await show(page, { sessionId: id })
  await inStatus(second.page, 'idle')
  await send(first.page, slow)
  await untilReply(second.page, 'word2')
  await second.page.reload()
  await second.page.waitForFunction('globalThis.app !== undefined')
  await show(second.page, { sessionId: id })
  for (const { page } of [first, second]) {
    await untilReply(page, 'word59')
    await inStatus(page, 'idle')
    assert.equal(await page.locator('[data-kind=agent]').textContent(), words)
    assert.equal(await page.locator('[data-kind=user]').count(), 1)
  }
})

test('a session that does not exist is an error, and a new one is created by the first message', async (t) => {
  const { page } = await openPage(t)
  await show(page, { sessionId: `session_${'0'.repeat(32)}` })
  await inStatus(page, 'error')
  assert.equal(await page.evaluate('app.session().error.code'), 'not_found')
  await show(page, { agentId: await agentWith({}) }, ['Side'])
  await inStatus(page, 'idle', 'Side')
  assert.equal(await page.evaluate('app.session().sessionId ?? null'), null)
  await send(page, scripted({ text: 'Begun.' }), 'Side')
  await untilReply(page, 'Begun.', 'Side')
})

test('a new chat of an agent is another session than the one before', async (t) => {
  const { page } = await openPage(t)
  const agentId = await agentWith({})
  await show(page, { agentId }, ['Chat', 'Side'])
  await inStatus(page, 'idle')
  await send(page, scripted({ text: 'Begun.' }))
  await untilReply(page, 'Begun.', 'Side')
  const sessionId = await page.evaluate<string>('app.session().sessionId')
  const opened = streamsOf(page)
  await show(page, { agentId, sessionId }, ['Chat', 'Side'])
  await untilReply(page, 'Begun.', 'Side')
  assert.deepEqual(opened, [])
  await show(page, { agentId }, ['Chat', 'Side'])
  await page.locator('[data-kind]').first().waitFor({ state: 'detached' })
  await send(page, scripted({ text: 'Anew.' }))
  await untilReply(page, 'Anew.', 'Side')
  assert.equal(await page.locator('[data-kind=user]').count(), 2)
  assert.notEqual(await page.evaluate('app.session().sessionId'), sessionId)
  await show(page, { agentId, sessionId })
  await untilReply(page, 'Begun.')
})

test('an error in a listener of the page is reported, and the stream continues', async (t) => {
  const { page, complaints } = await openPage(t)
  const { id } = await createSession(server)
  await show(page, { sessionId: id, throwsAt: 'input.message' })
  await inStatus(page, 'idle')
  await send(page, scripted({ text: 'Answered.' }))
  await untilReply(page, 'Answered.')
  await inStatus(page, 'idle')
  assert.match(complaints.join(), /The listener of the page failed/)
})

test('kill -9 of the server during a reply: the page reconnects, and no message is lost', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const env = { DATA_DIR, CORS_ALLOWED_ORIGINS: origin, PORT: await reservePort() }
  const one = await startProcess(env)
  before(one.crash)
  const { id } = await createSession(one)
  const { page } = await openPage(t)
  await show(page, { url: one.url, sessionId: id })
  await inStatus(page, 'idle')
  await send(page, slow)
  await untilReply(page, 'word3')
  await one.crash()
  await page.locator('[data-connection=lost]').waitFor()
  const second = scripted({ text: 'Second.' })
  await send(page, second)
  await page.locator('[data-pending]').waitFor()
  const two = await startProcess(env)
  before(() => two.stop())
  await untilReply(page, 'Second.')
  await inStatus(page, 'idle')
  await page.locator('[data-connection=open]').waitFor()
  assert.equal(await page.locator('[data-pending]').count(), 0)
  assert.equal(await page.locator('[data-kind=user]').count(), 2)
  // One reply or two: the server may read the second message before it calls the model again.
  const calls = (await eventsOf(two, id)).filter(({ type }) => type === 'llm.generation')
  const read = JSON.stringify(calls)
  for (const text of [slow, second]) assert.ok(read.includes(JSON.stringify(text).slice(1, -1)))
  const replies = await page.locator('[data-kind=agent]').allTextContents()
  if (calls.length === 2) assert.ok(replies.join(' ').includes(words))
})
