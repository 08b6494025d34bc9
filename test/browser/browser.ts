/** A Chromium for tests. `npm test` sets its path. */
import assert from 'node:assert/strict'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'

/** Timeout of all waits: many times the duration on a loaded machine. */
const waitMsMax = 90_000

type Hook = { after: (work: () => unknown) => void }

function launchOptions(flags: string[] = []) {
  const {
    OUTLAST_TEST_CHROMIUM: executablePath,
    OUTLAST_TEST_CHROMIUM_LIBRARIES: libraries,
    OUTLAST_TEST_CHROMIUM_FONTS: fonts,
    ...env
  } = process.env
  if (!executablePath) {
    throw new Error('No Chromium found. Run this file with `npm test -- <file>`.')
  }
  return {
    executablePath,
    timeout: waitMsMax,
    // Root has no sandbox, and /dev/shm is small in containers.
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...flags],
    env: {
      ...env,
      ...(libraries && { LD_LIBRARY_PATH: libraries }),
      ...(fonts && { FONTCONFIG_SYSROOT: fonts }),
    },
  }
}

/** Starts the browser that all test files of a run share. */
export async function serveBrowser(): Promise<string> {
  const server = await chromium.launchServer(launchOptions())
  return server.wsEndpoint()
}

/**
 * Connects to the shared browser, which has one clipboard for all tests of a run. With `flags`,
 * launches a separate one.
 */
export async function startBrowser(t: Hook, flags?: string[]): Promise<Browser> {
  const shared = process.env.OUTLAST_TEST_BROWSER
  const browser =
    shared && !flags ? await chromium.connect(shared) : await chromium.launch(launchOptions(flags))
  t.after(() => browser.close())
  return browser
}

/** Launches a separate browser with a persistent profile. */
export async function openPersistent(t: Hook, folder: string): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(folder, launchOptions())
  t.after(() => context.close())
  context.setDefaultTimeout(waitMsMax)
  return context
}

/** A page with its errors and violations of its content security policy. */
export type Watched = { page: Page; complaints: string[] }

/** Opens a browser profile with separate cookies. */
export async function openProfile(t: Hook, browser: Browser, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options)
  t.after(async () => {
    // A route may still fetch a response that the page does not need any more.
    for (const routed of [context, ...context.pages()]) {
      routed.unrouteAll({ behavior: 'ignoreErrors' }).catch(() => {})
    }
    await context.close()
  })
  context.setDefaultTimeout(waitMsMax)
  return context
}

/** Opens a tab and records its errors, except failed responses of the server. */
export async function openTab(context: BrowserContext, url: string): Promise<Watched> {
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    const isStatus = message.text().startsWith('Failed to load resource: the server responded')
    if (message.type() === 'error' && !isStatus) complaints.push(message.text())
  })
  await page.goto(url)
  return { page, complaints }
}

export async function signIn(
  page: Page,
  { email, password }: Record<'email' | 'password', string>,
) {
  await page.getByLabel('Email').fill(email)
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await account(page).waitFor()
}

/** Locates the account menu. */
const account = (page: Page) => page.getByRole('button', { name: /^Account menu for / })

/** Returns the name of the signed-in user, as shown on the page. */
export async function whoIn(page: Page): Promise<string | null> {
  return account(page).textContent()
}

export async function requestSignOut(page: Page) {
  await account(page).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
}

/** Signs out. The page may ask for a sign-in before it is loaded again, so this waits for it. */
export async function signOut(page: Page) {
  const loaded = page.waitForEvent('load')
  await requestSignOut(page)
  await loaded
}

/** Starts a session with the first agent. */
export async function beginSession(page: Page) {
  await page.getByRole('button', { name: 'New session' }).click()
  await page.getByRole('button', { name: 'Start session', exact: true }).click()
  await page.waitForURL(/\/sessions\//)
}

/** Sends a message in the page's session, or in a new one, and waits for the reply. */
export async function talk(page: Page, text: string) {
  if (!new URL(page.url()).pathname.startsWith('/sessions/')) await beginSession(page)
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByLabel('Message', { exact: true }).press('Enter')
  await page.getByRole('log').getByText(`You said “${text}”`).waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
}

/** Evaluates an expression in a page. */
export const valueIn = <T>(page: Page, expression: string) => page.evaluate<T>(expression)

/** Retries an assertion until it holds. After the timeout it throws the last error. */
export async function eventually(look: () => Promise<void>, timeoutMs = waitMsMax) {
  const end = performance.now() + timeoutMs
  for (;;) {
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof assert.AssertionError) || performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
