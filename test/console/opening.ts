import type { TestContext } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { openProfile, openTab } from '../browser/browser.ts'

/** A browser of its own at a session of the console. */
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

/** Writes to the agent and sends it with Enter. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByLabel('Message', { exact: true }).press('Enter')
}

/** Shows a panel beside the conversation. */
export const openPanel = (page: Page, name: string) =>
  page.getByRole('link', { name, exact: true }).click()

/** The card of a tool call. */
export const toolOf = (page: Page, text: string) => page.locator('.tool', { hasText: text })

/** No message gets through until `release` is called. */
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
