/** Links to sessions, opened in a browser without an account. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import {
  adminEmail,
  adminPassword,
  expectStatus,
  signInAdmin,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { createSession, post } from '../../apps/server/test/session.ts'
import { openProfile, openTab, signIn, startBrowser, valueIn } from '../browser/browser.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

test('a link shows a session live to a browser without an account, until it is revoked', async (t) => {
  const guarded = await startGuarded(t)
  const { call } = await signInAdmin(guarded)
  const mine = { url: guarded.url, call }
  const session = await createSession(mine, { title: 'Shown to others' })
  expectStatus(await post(mine, session.id, 'Hello'), 201)
  const admin = await openProfile(t, browser)
  // As in a page without HTTPS.
  await admin.addInitScript('delete Navigator.prototype.clipboard')
  const { page } = await openTab(admin, `${guarded.url}/sessions/${session.id}`)
  await signIn(page, { email: adminEmail, password: adminPassword })
  await page.getByRole('log').getByText('You said “Hello”').waitFor()
  await page.getByRole('button', { name: 'Share session' }).click()
  const dialog = page.getByRole('dialog', { name: 'Share this session' })
  await dialog.getByLabel('Name').fill('Review')
  await dialog.getByRole('button', { name: 'Create link' }).click()
  const link = await dialog.getByLabel('Link', { exact: true }).inputValue()
  assert.ok(link.startsWith(`${guarded.url}/shared/${session.id}#`))
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click()
  await dialog.getByRole('button', { name: 'The browser blocked copying' }).waitFor()
  assert.equal(await valueIn(page, 'String(getSelection())'), link)

  const stranger = await openProfile(t, browser)
  const requests: string[] = []
  stranger.on('request', (request) => requests.push(`${request.method()} ${request.url()}`))
  const shared = await openTab(stranger, link)
  const log = shared.page.getByRole('log')
  await log.getByText('You said “Hello”').waitFor()
  await shared.page.getByRole('heading', { name: 'Shown to others' }).waitFor()
  for (const name of ['Message', 'Good reply', 'Regenerate', 'Share session', 'Menu']) {
    assert.equal(await shared.page.getByLabel(name, { exact: true }).count(), 0, name)
  }
  assert.equal(await shared.page.getByText(/tokens|\$/).count(), 0)
  expectStatus(await post(mine, session.id, 'Live'), 201)
  await log.getByText('You said “Live”').waitFor()
  assert.ok(
    requests.every((one) => one.startsWith('GET ') && !one.includes('eyJ')),
    requests.join(),
  )
  assert.ok(!requests.some((one) => /\/v1\/(?!sessions\/)/.test(one)), requests.join())
  assert.deepEqual(shared.complaints, [])

  await dialog.getByRole('button', { name: 'Revoke Review' }).click()
  await page.getByRole('button', { name: 'Revoke link' }).click()
  await shared.page.getByText('This link does not work').waitFor()
  await shared.page.reload()
  await shared.page.getByText('This link does not work').waitFor()
})
