import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, post, scripted } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'

test('creates an alert, shows that it fires with its history, and disables it', async (t) => {
  const server = await startServer(t, { alertIntervalMs: 100 })
  const profile = await openProfile(t, await startBrowser(t))
  const { page, complaints } = await openTab(profile, `${server.url}/operations`)
  await page.getByRole('link', { name: 'Alerts', exact: true }).click()
  await page.getByText('No alerts yet').waitFor()
  await page.getByRole('button', { name: 'New alert' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Failures')
  await dialog.getByLabel(/^Fires at/).fill('1')
  await dialog.getByLabel(/^Resolves below/).fill('2')
  await dialog.getByRole('button', { name: 'Create alert' }).click()
  await dialog.getByText(/must be at most/).waitFor()
  await dialog.getByLabel(/^Resolves below/).fill('')
  await dialog.getByRole('button', { name: 'Create alert' }).click()
  await dialog.waitFor({ state: 'detached' })

  const alert = page.getByRole('listitem', { name: 'Failures' })
  await alert.getByText('Failed turns of at least 1 turn within 1 h').waitFor()
  const { id } = await createSession(server)
  await post(server, id, scripted({ error: { message: 'no', status: 400 } }))
  await alert.getByText(/^Firing since/).waitFor()
  await alert.getByRole('button', { name: 'History' }).click()
  await alert.getByText(/not resolved yet$/).waitFor()

  await page.getByRole('button', { name: 'New alert' }).click()
  await dialog.getByLabel('Name').fill('Spending')
  await dialog.getByRole('combobox', { name: 'Metric' }).click()
  await page.getByRole('option', { name: 'Cost' }).click()
  await dialog.getByLabel(/^Fires at/).pressSequentially('20.05')
  await dialog.getByRole('button', { name: 'Create alert' }).click()
  await dialog.waitFor({ state: 'detached' })
  const spending = page.getByRole('listitem', { name: 'Spending' })
  await spending.getByText('Cost of at least $20.05 within 1 h').waitFor()
  await spending.getByRole('button', { name: 'More actions for Spending' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete alert' }).click()
  await spending.waitFor({ state: 'detached' })
  await eventually(async () =>
    assert.equal(await valueIn(page, 'document.activeElement.ariaLabel'), 'Alerts'),
  )

  await alert.getByRole('button', { name: 'More actions for Failures' }).click()
  await page.getByRole('menuitem', { name: 'Disable' }).click()
  await alert.getByText('Disabled', { exact: true }).waitFor()
  await alert.getByText(/1 turn, disabled/).waitFor()
  await alert.getByRole('button', { name: 'More actions for Failures' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete alert' }).click()
  await page.getByText('No alerts yet').waitFor()
  assert.deepEqual(complaints, [])
})
