import assert from 'node:assert/strict'
import { get } from 'node:http'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { eventually, openProfile, openTab, startBrowser, talk } from './browser.ts'
import { startEvilSite } from './evil-site.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

test('does not ask for a sign-in when authentication is off', async (t) => {
  const { url } = await startServer(t)
  const { page, complaints } = await openTab(await openProfile(t, browser), url)
  await talk(page, 'Good morning')
  assert.equal(await page.getByRole('textbox', { name: 'Password' }).count(), 0)
  assert.equal(await page.getByRole('button', { name: /^Account menu for / }).count(), 0)
  assert.deepEqual(complaints, [])
})

test('the API reference renders within its policy and sends requests to its server only', async (t) => {
  const { url } = await startServer(t)
  const profile = await openProfile(t, browser)
  const elsewhere: string[] = []
  profile.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== url && !['data:', 'blob:'].includes(protocol)) elsewhere.push(request.url())
  })
  const place = '#tag/authentication/GET/v1/auth/config'
  const { page, complaints } = await openTab(profile, `${url}/docs${place}`)
  await page.getByRole('heading', { name: 'Get the sign-in methods' }).waitFor()
  await page
    .getByRole('button', { name: /Test Request.*\/v1\/auth\/config/ })
    .first()
    .click()
  const answer = page.waitForResponse(`${url}/v1/auth/config`)
  await page.getByRole('button', { name: /^Send get request/ }).click()
  assert.equal((await answer).status(), 200)
  assert.deepEqual(complaints, [])
  assert.deepEqual(elsewhere, [])
})

test('every response has one content security policy, and pages have their own', async (t) => {
  const { url } = await startGuarded(t)
  const own = ['/', '/sessions/any', '/docs', '/docs/reference.css', '/docs/scalar.js']
  for (const path of [...own, '/health', '/v1/agents', '/v1/auth/config', '/nowhere']) {
    const found = await headersOf(url + path, 'content-security-policy')
    assert.equal(found.length, 1, path)
    assert.match(found[0]!, /default-src 'none'/, path)
    assert.match(found[0]!, /frame-ancestors 'none'/, path)
    assert.equal(found[0]!.includes("script-src 'self'"), own.includes(path), path)
    assert.doesNotMatch(found[0]!, /unsafe/, path)
  }
})

/** Returns the values of a header as sent. `fetch` would join them. */
function headersOf(url: string, name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response.resume()
      resolve(response.headersDistinct[name] ?? [])
    }).on('error', reject)
  })
}

test('another site cannot frame a page', async (t) => {
  const { url } = await startGuarded(t)
  const evil = await startEvilSite(t)
  for (const site of [evil.url, evil.otherSite]) {
    const profile = await openProfile(t, browser)
    for (const path of ['/', '/sessions/any', '/docs', '/v1/auth/config']) {
      const { page, complaints } = await openTab(profile, site)
      await page.evaluate(`attack.frame(${JSON.stringify(url + path)})`)
      await eventually(async () => assert.match(complaints.join(), /frame-ancestors 'none'/))
      assert.ok(page.frames().every((frame) => !frame.url().startsWith(url)))
    }
  }
})
