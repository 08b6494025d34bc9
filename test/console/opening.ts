import type { TestContext } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { openProfile, openTab } from '../browser/browser.ts'

/** Opens a session in a new browser profile. */
export async function openSession(
  t: TestContext,
  browser: Browser,
  address: { url: string; id: string; query?: string; options?: BrowserContextOptions },
) {
  const { url, id, query = '', options } = address
  const profile = await openProfile(t, browser, options)
  const { page, complaints } = await openTab(profile, `${url}/sessions/${id}${query}`)
  await page.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })
  return { profile, page, complaints, log: page.getByRole('log') }
}

/** Types a message and sends it with Enter. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByLabel('Message', { exact: true }).press('Enter')
}

/** Opens a panel of the session. */
export const openPanel = (page: Page, name: string) =>
  page
    .getByRole('navigation', { name: 'Session views' })
    .getByRole('link', { name, exact: true })
    .click()

/** Locates the card of a tool call. */
export const toolOf = (page: Page, text: string) => page.locator('.tool', { hasText: text })

/** Blocks message requests until `release` is called. */
export async function holdMessages(profile: BrowserContext) {
  let isHeld = true
  await profile.route('**/v1/sessions/*/messages', (route) =>
    isHeld ? route.abort('connectionrefused') : route.continue(),
  )
  return {
    release() {
      isHeld = false
    },
  }
}
