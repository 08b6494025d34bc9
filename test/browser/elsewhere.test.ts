import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { startGuarded } from '../../apps/server/test/access.ts'
import { startIssuer } from '../access/sign-in/issuer.ts'
import { newPerson, oidcSettings } from '../access/sign-in/signing-in.ts'
import { reservePort } from '../ports.ts'
import { openProfile, openTab, startBrowser, talk } from './browser.ts'

/** Submits a form like the issuer's page. */
async function submit(page: Page, name: string, value: string) {
  const left = page.waitForNavigation()
  await page.evaluate(`{
    const form = Object.assign(document.createElement('form'), { method: 'post' })
    form.append(Object.assign(document.createElement('input'), {
      name: ${JSON.stringify(name)},
      value: ${JSON.stringify(value)},
    }))
    document.body.append(form)
    form.submit()
  }`)
  await left
}

/** Starts a server and its issuer at host names that do not share cookies. */
async function startBoth(t: TestContext, settings: Record<string, string> = {}) {
  const port = await reservePort()
  const base = `http://localhost:${port}`
  const issuer = await startIssuer(t, { redirectUris: [`${base}/v1/auth/callback/oidc`] })
  const env = { ...oidcSettings(issuer), AUTH_BASE_URL: base, PORT: port, ...settings }
  await startGuarded(t, { env })
  return { base, issuer }
}

async function signInAt(page: Page, issuer: { url: string }, sub: string) {
  await page.getByRole('link', { name: 'Continue with single sign-on' }).click()
  await page.waitForURL(`${issuer.url}/**`)
  await submit(page, 'account', sub)
  await submit(page, 'agree', 'yes')
}

test('signs in at an external issuer and returns to a working page', async (t) => {
  const { base, issuer } = await startBoth(t)
  const { sub, name } = newPerson(issuer)
  const profile = await openProfile(t, await startBrowser(t))
  const { page, complaints } = await openTab(profile, base)
  await signInAt(page, issuer, sub)
  await page.waitForURL(`${base}/`)
  await page.getByText(name, { exact: true }).waitFor()
  await talk(page, 'Good morning')
  await page.reload()
  await page.getByText(name, { exact: true }).waitFor()
  const names = (await profile.cookies([base, `${base}/v1/auth`])).map((cookie) => cookie.name)
  assert.deepEqual(names.sort(), ['access_token', 'refresh_token'])
  assert.deepEqual(complaints, [])
})

test('shows the reason of a failed external sign-in once', async (t) => {
  const { base, issuer } = await startBoth(t, { AUTH_OIDC_ALLOWED_DOMAINS: 'elsewhere.test' })
  const { sub } = newPerson(issuer)
  const { page } = await openTab(await openProfile(t, await startBrowser(t)), base)
  await signInAt(page, issuer, sub)
  await page.getByText('The domain of your email address is not allowed to sign in.').waitFor()
  await page.waitForURL(`${base}/`)
})
