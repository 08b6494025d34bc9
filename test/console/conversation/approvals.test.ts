import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { startBrowser, valueIn } from '../../browser/browser.ts'
import { openSession, toolOf } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const phone = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true }

const write = (id: string, path: string) => ({
  id,
  name: 'write_file',
  arguments: {
    path,
    content: 'A line that is long enough to need more room than a phone has in one row.',
  },
})

/** Opens a session on a phone whose turn waits for approvals, then for a client. */
async function openWaiting(t: TestContext) {
  const look = { type: 'client_side', name: 'look_outside', description: 'Looks.' }
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
    tools: [look],
  })
  const { id } = await createSession(server, { agent_id })
  const script = scripted(
    { tool_calls: [write('call_1', '/allowed.txt'), write('call_2', '/denied.txt')] },
    { tool_calls: [{ id: 'call_3', name: 'look_outside', arguments: {} }] },
    { text: 'All done.' },
  )
  await post(server, id, script)
  const opened = await openSession(t, browser, { url: server.url, id, options: phone })
  return { id, ...opened }
}

const answers = (page: Page, path: string) => {
  const card = toolOf(page, path)
  const button = (name: string) => card.getByRole('button', { name, exact: true })
  return { card, approve: button('Approve'), deny: button('Deny') }
}

test('approves one call and denies another on a phone', async (t) => {
  const { id, page, complaints, log } = await openWaiting(t)
  const [first, second] = [answers(page, '/allowed.txt'), answers(page, '/denied.txt')]
  await page.getByText('Waiting for you', { exact: true }).waitFor()
  for (const button of [first.approve, second.deny]) {
    await button.scrollIntoViewIfNeeded()
    const box = (await button.boundingBox())!
    assert.ok(box.height >= 40 && box.width >= 40, JSON.stringify(box))
    assert.ok(box.x >= 0 && box.x + box.width <= phone.viewport.width, JSON.stringify(box))
  }
  const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
  assert.equal(await valueIn(page, overflow), 0)

  await second.deny.tap()
  await second.card.getByText(/^Denied by /).waitFor()
  assert.equal(await second.approve.count(), 0)
  await first.approve.tap()
  await first.card.getByText(/^Approved by /).waitFor()
  await toolOf(page, 'look_outside').getByRole('button', { name: 'Send result' }).waitFor()
  const tool_results = [{ tool_call_id: 'call_3', result: 'blue' }]
  await server.call('POST', `/v1/sessions/${id}/tool-results`, { tool_results })
  await log.getByText('All done.', { exact: true }).waitFor()
  await page.reload()
  await second.card.getByText(/^Denied by /).waitFor()
  assert.equal(await first.approve.count(), 0)
  assert.deepEqual(complaints, [])
})

test('shows decisions of other users at once and refuses a late decision', async (t) => {
  const { id, page, complaints } = await openWaiting(t)
  const [first, second] = [answers(page, '/allowed.txt'), answers(page, '/denied.txt')]
  await second.approve.waitFor()
  const decide = (callId: string, decision: string) =>
    server.call('POST', `/v1/sessions/${id}/approvals/${callId}`, { decision })
  assert.equal((await decide('call_1', 'deny')).status, 200)
  await first.card.getByText(/^Denied by /).waitFor()
  assert.equal(await first.approve.count(), 0)

  // Another user decides just before.
  await page.route('**/approvals/**', async (route) => {
    await decide('call_2', 'deny')
    await route.continue()
  })
  await second.approve.tap()
  await second.card.getByText(/^Denied by /).waitFor()
  const events = await eventsOf(server, id)
  assert.equal(events.filter(({ type }) => type === 'tool.approval_resolved').length, 2)
  assert.deepEqual(complaints, [])
})

test('reports an unconfirmed decision while offline and accepts a retry', async (t) => {
  const { page, profile } = await openWaiting(t)
  const { card, approve } = answers(page, '/allowed.txt')
  await approve.waitFor()
  await profile.setOffline(true)
  await approve.click()
  await card.getByRole('alert').getByText('The server did not confirm this. Try again.').waitFor()
  await profile.setOffline(false)
  await approve.click()
  await approve.waitFor({ state: 'detached' })
})
