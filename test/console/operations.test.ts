import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  adminEmail,
  adminPassword,
  expectStatus,
  signInAdmin,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { scripted } from '../../apps/server/test/session.ts'
import { openProfile, openTab, signIn, startBrowser } from '../browser/browser.ts'

const sentence = 'The model call failed unexpectedly.'

test('shows failures of all nodes to a remote operator, retries a turn, and shows the runs of a schedule', async (t) => {
  const server = await startGuarded(t)
  const { call } = await signInAdmin(server)
  const agent = expectStatus(await call('GET', '/v1/agents'), 200).data[0]
  const text = scripted({ error: { message: 'no', status: 400 } })
  const input = { agent_id: agent.id, text }
  const schedule = {
    name: 'Nightly',
    cron_expression: '0 0 29 2 *',
    target: { type: 'workflow', name: 'start_session', input },
  }
  expectStatus(await call('POST', '/v1/durable/schedules', schedule), 201)

  // A proxy reports a remote address, so loopback permissions do not apply.
  const extraHTTPHeaders = { 'x-forwarded-for': '203.0.113.9' }
  const profile = await openProfile(t, await startBrowser(t), { extraHTTPHeaders })
  const { page, complaints } = await openTab(profile, `${server.url}/schedules`)
  await signIn(page, { email: adminEmail, password: adminPassword })
  await page.getByRole('link', { name: 'Nightly' }).click()
  await page.getByText('No runs yet').waitFor()
  await page.getByRole('button', { name: 'Run now' }).click()
  const ran = page.getByRole('listitem', { name: /^failed/ })
  await ran.getByText(sentence).waitFor()
  await ran.getByRole('link', { name: 'Session' }).waitFor()
  await page.getByRole('combobox', { name: 'Status' }).click()
  await page.getByRole('option', { name: 'completed' }).click()
  await page.waitForURL(/status=completed/)
  await ran.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Pause' }).waitFor()

  await page.getByRole('link', { name: 'Operations' }).click()
  const failures = { name: /^Throughput and failures: Completed 0, Failed 1, / }
  await page.getByRole('img', failures).waitFor()
  await page.getByRole('link', { name: 'Turns', exact: true }).click()
  const failed = page.getByRole('listitem').filter({ hasText: sentence })
  await failed.getByText('Failed', { exact: true }).waitFor()
  await failed.getByRole('button', { name: 'Retry' }).click()
  await failed.getByText('retried').waitFor()
  await failed.getByRole('button', { name: 'Retry' }).waitFor()
  await failed.first().getByRole('link', { name: agent.name }).click()
  await page.waitForURL(/\/sessions\/session_/)
  assert.deepEqual(complaints, [])
})
