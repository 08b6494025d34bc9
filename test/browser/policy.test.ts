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

test('without authentication nobody is asked who they are', async (t) => {
  const { url } = await startServer(t)
  const { page, complaints } = await openTab(await openProfile(t, browser), url)
  await talk(page, 'Good morning')
  assert.equal(await page.getByRole('textbox', { name: 'Password' }).count(), 0)
  assert.equal(await page.getByRole('button', { name: /^Account of / }).count(), 0)
  assert.deepEqual(complaints, [])
})

test('the docs render, and can be tried, within their policy', async (t) => {
  const { url } = await startServer(t)
  const { page, complaints } = await openTab(await openProfile(t, browser), `${url}/docs`)
  await page.getByText('/v1/auth/config').first().click()
  await page.getByRole('button', { name: 'Execute' }).click()
  await page.getByText('"password_auth_enabled"').first().waitFor()
  assert.deepEqual(complaints, [])
})

test('every answer has one policy, and pages one of their own', async (t) => {
  const { url } = await startGuarded(t)
  const own = ['/', '/sessions/any', '/docs/', '/docs/static/swagger-ui.css']
  for (const path of [...own, '/health', '/v1/agents', '/v1/auth/config', '/nowhere']) {
    const found = await headersOf(url + path, 'content-security-policy')
    assert.equal(found.length, 1, path)
    assert.match(found[0]!, /default-src 'none'/, path)
    assert.match(found[0]!, /frame-ancestors 'none'/, path)
    assert.equal(found[0]!.includes("script-src 'self'"), own.includes(path), path)
    assert.doesNotMatch(found[0]!, /unsafe/, path)
  }
})

/** The values of a header as they are sent: `fetch` would join them. */
function headersOf(url: string, name: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response.resume()
      resolve(response.headersDistinct[name] ?? [])
    }).on('error', reject)
  })
}

test('no page of ours stands in a frame of another site', async (t) => {
  const { url } = await startGuarded(t)
  const evil = await startEvilSite(t)
  for (const site of [evil.url, evil.otherSite]) {
    const { page, complaints } = await openTab(await openProfile(t, browser), site)
    for (const path of ['/', '/sessions/any', '/docs/', '/v1/auth/config']) {
      await page.evaluate(`attack.frame(${JSON.stringify(url + path)})`)
      await eventually(async () => assert.match(complaints.join(), /frame-ancestors 'none'/))
      complaints.length = 0
    }
    assert.ok(page.frames().every((frame) => !frame.url().startsWith(url)))
  }
})
