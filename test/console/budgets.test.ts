import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import {
  addMember,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { openSession, say } from './opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

test('an operator limits an agent, tops the budget up, and reads its ledger', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { name: 'Support' })
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/budgets`)
  await page.getByText('No budgets yet').waitFor()
  await page.getByRole('button', { name: 'New budget' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'For' }).click()
  await page.getByRole('option', { name: 'An agent' }).click()
  await dialog.getByRole('combobox', { name: 'Agent' }).click()
  await page.getByRole('option', { name: 'Support' }).click()
  await dialog.getByLabel('Limit').fill('10')
  await dialog.getByLabel('Warn when this much is used').fill('11')
  await dialog.getByRole('button', { name: 'Create budget' }).click()
  await dialog.getByText(/must be at most `limit`/).waitFor()
  await dialog.getByLabel('Warn when this much is used').fill('8')
  await dialog.getByRole('combobox', { name: 'Begins again' }).click()
  await page.getByRole('option', { name: 'Each month' }).click()
  await dialog.getByRole('button', { name: 'Create budget' }).click()

  const row = page.getByRole('listitem', { name: 'Agent Support' })
  await row.getByText(/\$10\.00 of \$10\.00 left/).waitFor()
  await row.getByText('each month').waitFor()
  await row.getByRole('button', { name: 'Top up' }).click()
  await dialog.getByLabel('Amount in usd').fill('2.5')
  await dialog.getByLabel('Reason').fill('Approved')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await row.getByText(/\$12\.50 of \$10\.00 left/).waitFor()
  await row.getByRole('button', { name: 'Ledger' }).click()
  await dialog
    .getByRole('listitem')
    .filter({ hasText: /Top-up-\$2\.50.*Approved/ })
    .waitFor()
  await page.keyboard.press('Escape')
  await row.getByRole('button', { name: 'Pause' }).click()
  await row.getByText('Paused').waitFor()
  await row.getByRole('button', { name: 'Resume' }).click()
  await row.getByText('Active').waitFor()
  const [budget] = (await server.call('GET', '/v1/budgets')).body
  assert.deepEqual([budget.subject_id, budget.balance, budget.soft_limit], [agent.id, 12.5, 8])
  await row.getByRole('button', { name: 'Delete the budget of Agent Support' }).click()
  await dialog.getByRole('button', { name: 'Delete budget' }).click()
  await page.getByText('No budgets yet').waitFor()
  assert.deepEqual(complaints, [])
})

test('a top-up whose response is lost is added once', async (t) => {
  const server = await startServer(t)
  const { organization_id } = await createSession(server)
  const about = { subject_type: 'organization', subject_id: organization_id, currency: 'usd' }
  const { id } = expectStatus(
    await server.call('POST', '/v1/budgets', { ...about, limit: 10 }),
    201,
  )
  const { page } = await openTab(await openProfile(t, browser), `${server.url}/budgets`)
  const row = page.getByRole('listitem', { name: 'Organization' })
  await row.getByRole('button', { name: 'Top up' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Amount in usd').fill('0')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await dialog.getByText(/must be/).waitFor()
  await dialog.getByLabel('Amount in usd').fill('2.5')
  await page.route('**/top-up', async (route) => {
    await route.fetch()
    await route.abort()
  })
  await dialog.getByRole('button', { name: 'Add' }).click()
  await dialog.getByRole('alert').waitFor()
  await page.unroute('**/top-up')
  await dialog.getByLabel('Amount in usd').fill('3')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await dialog.getByText('An amount was added before').waitFor()
  await dialog.getByLabel('Amount in usd').fill('2.5')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await dialog.waitFor({ state: 'detached' })
  await row.getByText(/\$12\.50 of \$10\.00 left/).waitFor()
  const ledger = (await server.call('GET', `/v1/budgets/${id}/ledger`)).body
  const topUps = ledger.filter(({ kind }: { kind: string }) => kind === 'top_up')
  assert.equal(topUps.length, 1)
})

test('a change by another user appears without a reload', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const { page } = await openTab(await openProfile(t, browser), `${server.url}/budgets`)
  await page.getByText('No budgets yet').waitFor()
  const body = { subject_type: 'organization', currency: 'tokens', limit: 1_000 }
  const about = { ...body, subject_id: session.organization_id }
  expectStatus(await server.call('POST', '/v1/budgets', about), 201)
  const row = page.getByRole('listitem', { name: 'Organization' })
  await row.getByText('1,000 tokens of 1,000 tokens left').waitFor()
})

test('a member sees budgets and cannot change them', async (t) => {
  const server = await startGuarded(t)
  const owner = await registerPerson(server)
  const body = { subject_type: 'organization', subject_id: owner.orgId, currency: 'usd', limit: 1 }
  expectStatus(await owner.call('POST', '/v1/budgets', body), 201)
  const member = await addMember(server, owner, 'member')
  const profile = await openProfile(t, browser)
  await profile.request.post(`${server.url}/v1/auth/login`, {
    data: { email: member.email, password: member.password },
  })
  const { page } = await openTab(profile, `${server.url}/budgets`)
  const row = page.getByRole('listitem', { name: 'Organization' })
  await row.getByRole('button', { name: 'Ledger' }).waitFor()
  for (const name of ['Top up', 'Pause', 'Delete']) {
    assert.equal(await row.getByRole('button', { name }).count(), 0, name)
  }
  assert.equal(await page.getByRole('button', { name: 'New budget' }).count(), 0)
})

test('a turn that waits shows its budget, and continues after a top-up', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const about = { subject_type: 'session', subject_id: session.id, currency: 'tokens', limit: 10 }
  expectStatus(await server.call('POST', '/v1/budgets', about), 201)
  const { page, complaints } = await openSession(t, browser, {
    url: server.url,
    id: session.id,
  })
  await say(page, 'Hello')
  const wait = page.getByRole('status', { name: 'Waiting for budget' })
  await wait.getByText(/10 tokens of 10 tokens left, [\d,]+ tokens needed/).waitFor()
  await page.getByText('Waiting for budget', { exact: true }).waitFor()
  await wait.getByRole('button', { name: 'Top up' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Amount in tokens').fill('1000000')
  await dialog.getByRole('button', { name: 'Add' }).click()
  await page.getByText('Idle', { exact: true }).waitFor()
  await wait.waitFor({ state: 'detached' })
  const { waiting_for, last_turn } = (await server.call('GET', `/v1/sessions/${session.id}`)).body
  assert.deepEqual([waiting_for, last_turn.status], [null, 'completed'])
  assert.deepEqual(complaints, [])
})

test('Resume in a session resumes the budget that its turn waits for, and no other one', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  const subjects = [
    { subject_type: 'session', subject_id: session.id },
    { subject_type: 'agent', subject_id: session.agent_id },
  ]
  const ids: string[] = []
  for (const subject of subjects) {
    const about = { ...subject, currency: 'tokens', limit: 1_000_000 }
    const { id } = expectStatus(await server.call('POST', '/v1/budgets', about), 201)
    expectStatus(await server.call('PATCH', `/v1/budgets/${id}`, { status: 'paused' }), 200)
    ids.push(id)
  }
  const statusOf = async (id: string) => (await server.call('GET', `/v1/budgets/${id}`)).body.status
  const { page } = await openSession(t, browser, { url: server.url, id: session.id })
  await say(page, 'Hello')
  const waited = await eventually(
    async () =>
      (await server.call('GET', `/v1/sessions/${session.id}`)).body.waiting_for?.budget_id,
  )
  const wait = page.getByRole('status', { name: 'Waiting for budget' })
  await wait.getByRole('button', { name: 'Resume' }).click()
  await eventually(async () => (await statusOf(waited)) === 'active')
  const other = ids.find((id) => id !== waited)!
  assert.equal(await statusOf(other), 'paused')
})
