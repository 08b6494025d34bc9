/** Shared by the tests of OAuth sign-in. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Browser, openBrowser, type Page } from './browser.ts'
import { clientId, clientSecret, type Issuer } from './issuer.ts'

type Context = Pick<TestContext, 'after'>

/** The address of our server as browsers see it. */
export const base = 'https://agents.example.com'
/** The same on the user's own machine. */
export const local = 'http://localhost:9000'
export const callback = `${base}/v1/auth/callback/oidc`

export const oidcSettings = ({ issuer }: Pick<Issuer, 'issuer'>) => ({
  AUTH_BASE_URL: base,
  AUTH_OIDC_ISSUER: issuer,
  AUTH_OIDC_CLIENT_ID: clientId,
  AUTH_OIDC_CLIENT_SECRET: clientSecret,
})

let people = 0

/** A user of the issuer. */
export function newPerson({ accounts }: Pick<Issuer, 'accounts'>, fields: object = {}) {
  people += 1
  const sub = `sub-${people}`
  const email = `outsider${people}@example.org`
  const account = { email, email_verified: true, name: `Outsider ${people}`, ...fields }
  accounts.set(sub, account)
  return { sub, ...account }
}

export const browserAt = (server: { url: string }) => openBrowser({ [base]: server.url })

export const isOurs = ({ origin }: URL) => origin === base || origin === local

/** Begins a sign-in at our server. */
export const begin = (browser: Browser, provider = 'oidc') =>
  browser.open(`${base}/v1/auth/oauth/${provider}`)

/** Signs in at the issuer and consents; returns the redirect to the server. */
export async function agree(browser: Browser, begun: Page, sub: string): Promise<URL> {
  return pass(browser, begun, { account: sub })
}

export const decline = (browser: Browser, begun: Page) => pass(browser, begun, { decline: 'yes' })

const pagesMax = 3

async function pass(browser: Browser, begun: Page, form: Record<string, string>): Promise<URL> {
  assert.equal(begun.status, 302, begun.body)
  let at = await browser.follow(begun, isOurs)
  for (let page = 0; page < pagesMax && !(at instanceof URL); page += 1) {
    assert.equal(at.status, 200, at.body)
    at = await browser.follow(await browser.open(at.url, form), isOurs)
  }
  assert.ok(at instanceof URL)
  return at
}

/** The whole sign-in, up to our response. */
export async function signInElsewhere(browser: Browser, sub: string): Promise<Page> {
  return browser.open(await agree(browser, await begin(browser), sub))
}

export function expectSignedIn(page: Page) {
  assert.equal(page.status, 302, page.body)
  assert.equal(page.headers.get('location'), '/')
}

export function expectRefused(page: Page, status: number, code: string) {
  assert.equal(page.status, status, page.body)
  assert.equal(JSON.parse(page.body).code, code)
}

/** The user that a browser's cookies belong to. */
export async function whoIs(browser: Browser) {
  const page = await browser.open(`${base}/v1/auth/me`)
  assert.equal(page.status, 200, page.body)
  return JSON.parse(page.body)
}

/** All log lines from now on. */
export function readLog(t: Context): string[] {
  const lines: string[] = []
  const { write } = process.stderr
  process.stderr.write = ((line: string | Uint8Array) => {
    lines.push(String(line))
    return true
  }) as typeof write
  t.after(() => {
    process.stderr.write = write
  })
  return lines
}
