/** The screen of what waits: answers in place, the count in the menu, notifications. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { addBudget } from '../../apps/server/test/budgets.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'
import { overflowsIn } from './overflow.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

type Server = Awaited<ReturnType<typeof startServer>>

const config = { requires_approval: ['write_file'] }
const capabilities = [{ ref: 'session_file_system', config }, { ref: 'ask_user' }]
const write = { id: 'write', name: 'write_file', arguments: { path: '/a', content: 'hello' } }
const question = { question: 'Which color?', options: [{ label: 'Red' }, { label: 'Blue' }] }
const ask = { id: 'ask', name: 'ask_user', arguments: { questions: [question] } }

async function openWaiting(t: TestContext, options: BrowserContextOptions = {}) {
  const server = await startServer(t)
  const agent = await createAgent(server, { name: 'Clerk', capabilities })
  const profile = await openProfile(t, browser, options)
  return { server, agent, profile }
}

/** Starts a session whose turn waits for the call. */
async function waitWith(
  server: Server,
  agentId: string,
  title: string,
  call: typeof ask | typeof write,
) {
  const { id } = await createSession(server, { agent_id: agentId, title })
  await post(server, id, scripted({ tool_calls: [call] }, { text: 'All done.' }))
  await eventually(async () => {
    assert.ok((await server.call('GET', `/v1/sessions/${id}`)).body.waiting_for)
  })
  return id
}

const entry = (page: Page, text: string) => page.locator('.list > ul > li', { hasText: text })
const menuEntry = (page: Page) => page.getByRole('link', { name: /^Waiting/ })
const isIdle = (server: Server, id: string) =>
  eventually(async () => {
    assert.equal((await server.call('GET', `/v1/sessions/${id}`)).body.status, 'idle')
  })

test('approvals and questions of all sessions are answered in place, also for all calls of the agent', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  const first = await waitWith(server, agent.id, 'Books', write)
  const second = await waitWith(server, agent.id, 'Paint', ask)
  const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
  await menuEntry(page).getByText('2', { exact: true }).waitFor()
  const books = entry(page, 'Books')
  await books.getByLabel('Applies to').selectOption('Always for this agent')
  await books.getByRole('button', { name: 'Approve', exact: true }).click()
  await books.waitFor({ state: 'detached' })
  await menuEntry(page).getByText('1', { exact: true }).waitFor()
  await isIdle(server, first)
  const paint = entry(page, 'Paint')
  await paint.getByLabel('Blue', { exact: true }).check()
  await paint.getByRole('button', { name: 'Answer', exact: true }).click()
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
  await menuEntry(page).getByText('1', { exact: true }).waitFor({ state: 'detached' })
  assert.equal(await menuEntry(page).textContent(), 'Waiting')
  await isIdle(server, second)

  await page.goto(`${server.url}/agents/${agent.id}`)
  const rules = page.getByRole('region', { name: 'Tool rules' })
  await rules.getByText('Always allowed', { exact: true }).waitFor()
  await rules.getByRole('button', { name: 'Remove the rule of write_file' }).click()
  await page.getByRole('button', { name: 'Remove rule', exact: true }).click()
  await rules.waitFor({ state: 'detached' })
  const { body } = await server.call('GET', `/v1/agents/${agent.id}/tool-rules`)
  assert.deepEqual(body.data, [])
  assert.deepEqual(complaints, [])
})

test('edits of a call stay out of the call with the same id of another session', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  await waitWith(server, agent.id, 'Books', write)
  const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
  const books = entry(page, 'Books')
  await books.getByRole('button', { name: 'Edit arguments' }).click()
  await books.getByLabel('Arguments').fill('{"path":"/a","content":"only for Books"}')
  await books.getByLabel('Applies to').selectOption('Always for this agent')
  await books.getByLabel('Reason').fill('Only for Books')
  const other = { ...write, arguments: { path: '/b', content: 'for Letters' } }
  const id = await waitWith(server, agent.id, 'Letters', other)
  const letters = entry(page, 'Letters')
  await letters.getByRole('button', { name: 'Edit arguments' }).waitFor()
  assert.equal(await letters.getByLabel('Applies to').inputValue(), '')
  assert.equal(await letters.getByLabel('Reason').inputValue(), '')
  await letters.getByRole('button', { name: 'Approve', exact: true }).click()
  await letters.waitFor({ state: 'detached' })
  await isIdle(server, id)
  const { body } = await server.call('GET', `/v1/sessions/${id}/fs/b`)
  assert.equal(body.content, 'for Letters')
  assert.equal(
    await books.getByLabel('Arguments').inputValue(),
    '{"path":"/a","content":"only for Books"}',
  )
  assert.deepEqual(complaints, [])
})

test('an entry appears when a turn begins to wait, and disappears when another user decides', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
  const id = await waitWith(server, agent.id, 'Books', write)
  await entry(page, 'Books').waitFor()
  await menuEntry(page).getByText('1', { exact: true }).waitFor()
  await server.call('POST', `/v1/sessions/${id}/approvals/write`, { decision: 'deny' })
  await entry(page, 'Books').waitFor({ state: 'detached' })
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})

test('filters are in the address, and the focus moves to the next entry', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  const other = await createAgent(server, { name: 'Painter', capabilities })
  await waitWith(server, agent.id, 'Books', write)
  await waitWith(server, agent.id, 'Letters', write)
  await waitWith(server, other.id, 'Paint', ask)
  const { page } = await openTab(profile, `${server.url}/waiting?type=input`)
  await entry(page, 'Paint').waitFor()
  assert.equal(await page.locator('.list > ul > li').count(), 1)
  await page.goto(`${server.url}/waiting?agent=${agent.id}`)
  await entry(page, 'Letters').waitFor()
  assert.equal(await page.locator('.list > ul > li').count(), 2)
  const approve = entry(page, 'Books').getByRole('button', { name: 'Approve', exact: true })
  await approve.focus()
  await page.keyboard.press('Enter')
  await entry(page, 'Books').waitFor({ state: 'detached' })
  const focused = page.locator(':focus')
  await focused.filter({ hasText: 'Letters' }).waitFor()
})

test('a long call is not approved without being seen', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  const long = { ...write, arguments: { path: '/a', content: 'y'.repeat(20_000) } }
  const id = await waitWith(server, agent.id, 'Books', long)
  const { page } = await openTab(profile, `${server.url}/waiting`)
  await entry(page, 'Books').getByText('Open the session to see the whole call').click()
  await page.waitForURL(`**/sessions/${id}`)
  await page.getByText('Approve this tool call?', { exact: true }).waitFor()
})

/** Records notifications, which no test can see on the screen, and hides the page. */
const recordNotifications = `
  window.seen = []
  const Original = window.Notification
  window.Notification = class extends Original {
    constructor(title, options) {
      super(title, options)
      window.seen.push([title, options.body])
    }
  }
  Object.defineProperty(document, 'hidden', { get: () => true })`

test('notifies of a new wait only after the user asked for it, and of no answered one', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  await profile.grantPermissions(['notifications'], { origin: server.url })
  await profile.addInitScript({ content: recordNotifications })
  const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
  await waitWith(server, agent.id, 'Before', write)
  await entry(page, 'Before').waitFor()
  const seen = () => page.evaluate<string[][]>('window.seen')
  assert.deepEqual(await seen(), [])
  await page.getByLabel('Notify me').click({ force: true })
  await page.getByLabel('Notify me').and(page.locator(':checked')).waitFor({ state: 'attached' })
  const id = await waitWith(server, agent.id, 'After', write)
  await eventually(async () => {
    assert.deepEqual(await seen(), [['A tool call needs approval', 'After']])
  })
  await server.call('POST', `/v1/sessions/${id}/approvals/write`, { decision: 'deny' })
  await entry(page, 'After').waitFor({ state: 'detached' })
  assert.equal((await seen()).length, 1)
  assert.deepEqual(complaints, [])
})

/** Leads the tabs of the profile instead of the console, and sends them the changes of a test. */
async function leadTabs(profile: BrowserContext, url: string) {
  const { page } = await openTab(profile, `${url}/health`)
  await page.evaluate(`new Promise((lead) => {
    window.tabs = new BroadcastChannel('outlast.changes')
    navigator.locks.request('outlast.changes', () => {
      lead()
      return new Promise(() => {})
    })
  })`)
  return (type: string, data: unknown) =>
    page.evaluate(`window.tabs.postMessage(${JSON.stringify({ type, data })})`)
}

test('notifies of a wait that the list contains before its change arrives', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  await profile.grantPermissions(['notifications'], { origin: server.url })
  await profile.addInitScript({ content: recordNotifications })
  const send = await leadTabs(profile, server.url)
  const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
  await page.getByLabel('Notify me').click({ force: true })
  await page.getByLabel('Notify me').and(page.locator(':checked')).waitFor({ state: 'attached' })
  const id = await waitWith(server, agent.id, 'Books', write)
  const { body } = await server.call('GET', `/v1/sessions/${id}`)
  await send('session.changed', { ...body, status: 'active', waiting_for: null })
  await send('changed', { noun: 'mcp_server', id: null })
  await entry(page, 'Books').waitFor()
  await send('session.changed', body)
  await eventually(async () => {
    const seen = await page.evaluate<string[][]>('window.seen')
    assert.deepEqual(seen, [['A tool call needs approval', 'Books']])
  })
  assert.deepEqual(complaints, [])
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`an entry is answered on a phone in the ${colorScheme} color scheme`, async (t) => {
    const options = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true }
    const { server, agent, profile } = await openWaiting(t, { ...options, colorScheme })
    const id = await waitWith(server, agent.id, 'Books '.repeat(20).trim(), write)
    await waitWith(server, agent.id, 'Paint', ask)
    const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
    const books = entry(page, 'Books')
    const deny = books.getByRole('button', { name: 'Deny', exact: true })
    await deny.waitFor()
    await entry(page, 'Paint').getByLabel('Blue', { exact: true }).waitFor()
    assert.deepEqual(await page.evaluate<string[]>(overflowsIn), [])
    await deny.tap()
    await books.waitFor({ state: 'detached' })
    await isIdle(server, id)
    const events = await eventsOf(server, id, '?types=tool.approval_resolved')
    assert.equal(events.length, 1)
    assert.deepEqual(complaints, [])
  })
}

test('money is added and a limit is raised in place', async (t) => {
  const { server, agent, profile } = await openWaiting(t)
  const sessions = []
  for (const title of ['Rich', 'Poor']) {
    const { id } = await createSession(server, { agent_id: agent.id, title })
    await addBudget(server, { subject: ['session', id], limit: 1 })
    await post(server, id, 'Hello')
    sessions.push(id)
  }
  const { page, complaints } = await openTab(profile, `${server.url}/waiting`)
  const dialog = page.getByRole('dialog')
  const rich = entry(page, 'Rich')
  await rich.getByRole('button', { name: 'Top up' }).click()
  await dialog.getByLabel('Amount in tokens').fill('1000000')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await rich.waitFor({ state: 'detached' })
  const poor = entry(page, 'Poor')
  await poor.getByRole('button', { name: 'Raise limit' }).click()
  await dialog.getByLabel('Limit in tokens').fill('1000000')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
  for (const id of sessions) await isIdle(server, id)
  assert.deepEqual(complaints, [])
})

test('shows an error with a retry while the permissions of the user are unknown', async (t) => {
  const { server, profile } = await openWaiting(t)
  const opened: Page[] = []
  // The page tries again by itself too: only the click brings the server back.
  await profile.route('**/v1/auth/config', async (route) => {
    const isUp = opened[0] && (await valueIn<boolean>(opened[0], 'window.isClicked === true'))
    return isUp ? route.continue() : route.fulfill({ status: 500 })
  })
  const { page } = await openTab(profile, `${server.url}/waiting`)
  const retry = page.getByRole('main').getByRole('button', { name: 'Try again' })
  await retry.waitFor()
  assert.equal(await page.getByText('Only members answer').count(), 0)
  await valueIn(page, `addEventListener('click', () => { window.isClicked = true }, true)`)
  opened.push(page)
  await retry.click()
  await page.getByText('Nothing is waiting', { exact: true }).waitFor()
})
