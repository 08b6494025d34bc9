import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser, valueIn } from './browser.ts'

let browser: Browser

before(async (t) => {
  browser = await startBrowser(t as never)
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

/** The page, at a session whose turn waits for a person, and then for its client. */
async function openWaiting(t: TestContext) {
  const server = await startServer(t)
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
  const profile = await openProfile(t, browser, phone)
  const { page, complaints } = await openTab(profile, `${server.url}/#${id}`)
  return { server, id, page, complaints }
}

const card = (page: Page, text: string) => page.locator('.card', { hasText: text })

test('on a phone, a person allows one call and denies another, and sees what the agent waits for', async (t) => {
  const { server, id, page, complaints } = await openWaiting(t)
  const [allowed, denied] = [card(page, '/allowed.txt'), card(page, '/denied.txt')]
  const allow = allowed.getByRole('button', { name: 'Allow' })
  const deny = denied.getByRole('button', { name: 'Deny' })
  await page.getByText('waits until you allow or deny').waitFor()
  for (const button of [allow, deny]) {
    await button.scrollIntoViewIfNeeded()
    const box = (await button.boundingBox())!
    assert.ok(box.height >= 44 && box.width >= 100, JSON.stringify(box))
    assert.ok(box.x >= 0 && box.x + box.width <= phone.viewport.width, JSON.stringify(box))
  }
  const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
  assert.equal(await valueIn(page, overflow), 0)

  await deny.tap()
  await denied.getByText('The call was denied.').waitFor()
  assert.equal(await denied.getByRole('button').count(), 0)
  assert.equal(await allow.isEnabled(), true)
  await allow.tap()
  await allowed.getByText('done in').waitFor()
  await page.getByText('waits for a program that runs').waitFor()
  await card(page, 'look_outside').getByText('waits for its client').waitFor()

  const tool_results = [{ tool_call_id: 'call_3', result: 'blue' }]
  await server.call('POST', `/v1/sessions/${id}/tool-results`, { tool_results })
  await page.getByText('All done.').waitFor()
  const log = page.locator('#events')
  for (const type of ['tool.approval_requested', 'tool.approval_resolved', 'tool.call_requested']) {
    assert.ok((await log.getByText(type, { exact: true }).count()) > 0, type)
  }
  assert.deepEqual(complaints, [])

  await page.reload()
  await denied.getByText('denied', { exact: true }).waitFor()
  await allowed.getByText('done in').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Allow' }).count(), 0)
})

test('what somebody else decided shows at once, and a decision that comes too late is said', async (t) => {
  const { server, id, page } = await openWaiting(t)
  const [first, second] = [card(page, '/allowed.txt'), card(page, '/denied.txt')]
  await second.getByRole('button', { name: 'Allow' }).waitFor()
  const decide = (callId: string, decision: string) =>
    server.call('POST', `/v1/sessions/${id}/approvals/${callId}`, { decision })
  assert.equal((await decide('call_1', 'deny')).status, 200)
  await first.getByText('The call was denied.').waitFor()
  assert.equal(await first.getByRole('button').count(), 0)

  // Somebody else is faster by a moment.
  await page.route('**/approvals/**', async (route) => {
    await decide('call_2', 'deny')
    await route.continue()
  })
  await second.getByRole('button', { name: 'Allow' }).tap()
  await page.locator('#problem').getByText('call_2').waitFor()
  await second.getByText('The call was denied.').waitFor()
  const events = await eventsOf(server, id)
  assert.equal(events.filter(({ type }) => type === 'tool.approval_resolved').length, 2)
})
