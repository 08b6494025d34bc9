import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { expectStatus } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import {
  expectSigned,
  startReceiver,
  startWithWebhooks,
} from '../../apps/server/test/remotes/receiver.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

test('a webhook is limited to an agent, which stays when it is edited after the agent was deleted', async (t) => {
  const server = await startWithWebhooks(t)
  const agent = await createAgent(server, { name: 'Support' })
  const { page } = await openTab(
    await openProfile(t, browser),
    `${server.url}/settings?tab=webhooks`,
  )
  await page.getByRole('button', { name: 'New webhook' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('URL').fill('https://hooks.invalid/')
  await dialog.getByRole('combobox', { name: 'Agent', exact: true }).click()
  await page.getByRole('option', { name: 'Support' }).click()
  await dialog.getByRole('button', { name: 'Create webhook' }).click()
  await dialog.getByRole('button', { name: 'Copy' }).press('Escape')
  const entry = page.getByRole('listitem', { name: 'https://hooks.invalid/' })
  await entry.getByText('turn.completed, turn.failed · Support').waitFor()
  expectStatus(await server.call('DELETE', `/v1/agents/${agent.id}`), 204)
  await page.reload()
  await entry.getByRole('button', { name: /^More actions/ }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  await dialog.getByLabel('Description').fill('Ours')
  await dialog.getByRole('button', { name: 'Save webhook' }).click()
  await dialog.waitFor({ state: 'detached' })
  const [webhook] = expectStatus(await server.call('GET', '/v1/webhooks'), 200).data
  assert.deepEqual([webhook.agent_id, webhook.description], [agent.id, 'Ours'])
})

test('creates, tests, rotates and deletes a webhook, and sends a delivery again', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/settings?tab=webhooks`)
  await page.getByText('No webhooks yet').waitFor()
  await page.getByRole('button', { name: 'New webhook' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('URL').fill('http://10.0.0.1/')
  await dialog.getByRole('button', { name: 'Create webhook' }).click()
  await dialog.getByText('must be a public address').waitFor()
  await dialog.getByLabel('URL').fill(receiver.url)
  await dialog.getByRole('combobox', { name: 'Events' }).click()
  await page.getByRole('option', { name: 'session.created' }).click()
  await page.keyboard.press('Tab')
  await dialog.getByRole('button', { name: 'Create webhook' }).click()
  const secret = await dialog.locator('.secret').textContent()
  await dialog.getByRole('button', { name: 'Copy' }).press('Escape')

  const entry = page.getByRole('listitem', { name: receiver.url })
  await entry.getByText('Enabled').waitFor()
  await entry.getByRole('button', { name: 'Test' }).click()
  await entry.getByText(/HTTP 204 after/).waitFor()
  expectSigned(receiver.ofType('webhook.test')[0]!, secret!)
  const choose = async (name: string) => {
    await entry.getByRole('button', { name: /More|actions/ }).click()
    await page.getByRole('menuitem', { name }).click()
  }
  await createSession(server)
  const [sent] = await receiver.until('session.created')
  await choose('Deliveries')
  const delivery = dialog.getByRole('listitem', { name: sent!.id })
  await delivery.getByText('Delivered').waitFor()
  await delivery.getByRole('button', { name: 'Resend' }).click()
  await receiver.until('session.created', 2)
  await page.keyboard.press('Escape')
  await choose('Rotate secret')
  await dialog.getByRole('button', { name: 'Rotate secret' }).click()
  await dialog.locator('.secret').waitFor()
  assert.notEqual(await dialog.locator('.secret').textContent(), secret)
  await dialog.getByRole('button', { name: 'Copy' }).press('Escape')
  await choose('Disable')
  await entry.getByText('Disabled').waitFor()
  await choose('Delete')
  await dialog.getByRole('button', { name: 'Delete webhook' }).click()
  await page.getByText('No webhooks yet').waitFor()
  assert.deepEqual(complaints, [])
})
