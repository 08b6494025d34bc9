import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { adminEmail, adminPassword, startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import {
  openProfile,
  openTab,
  signIn,
  signOut,
  startBrowser,
  talk,
  valueIn,
  whoIn,
} from './browser.ts'

const admin = { email: adminEmail, password: adminPassword }

let browser: Browser
let url = ''

beforeAll(async (t) => {
  const hook = t as never
  browser = await startBrowser(hook)
  const server = await startGuarded(hook, { env: { AUTH_MODE: 'full' } })
  url = server.url
})

test('signs in, stays signed in after a reload, and signs out', async (t) => {
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, url)
  await signIn(page, admin)
  await talk(page, 'Good morning')
  await page.reload()
  assert.equal(await whoIn(page), 'Administrator')
  await page.getByText('Good morning').first().waitFor()
  await signOut(page)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  assert.equal(await page.getByText('Good morning').count(), 0)
  assert.equal(new URL(page.url()).pathname, '/')
  assert.deepEqual(await profile.cookies(), [])
  assert.deepEqual(complaints, [])
})

test('cookies work over HTTP on loopback and are hidden from scripts', async (t) => {
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, url)
  await signIn(page, admin)
  const cookies = await profile.cookies([url, `${url}/v1/auth`])
  const seen = cookies.map(({ name, path, httpOnly, secure, sameSite }) => ({
    ...{ name, path, httpOnly, secure, sameSite },
  }))
  const common = { httpOnly: true, secure: false }
  assert.deepEqual(
    seen.sort((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'access_token', path: '/', ...common, sameSite: 'Lax' },
      { name: 'refresh_token', path: '/v1/auth', ...common, sameSite: 'Strict' },
    ],
  )
  assert.equal(await valueIn(page, 'document.cookie'), '')
  const kept = await valueIn<string>(page, 'JSON.stringify([localStorage, sessionStorage])')
  for (const { value } of cookies) assert.ok(!kept.includes(value))
})
