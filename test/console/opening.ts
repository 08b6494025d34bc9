import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Call } from '../../apps/server/test/server.ts'
import { eventually, openProfile, openTab, valueIn } from '../browser/browser.ts'

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

/** Opens what a button unfolds. A button that moves during a click misses it. */
export const unfold = (head: Locator) =>
  eventually(async () => {
    if ((await head.getAttribute('aria-expanded')) !== 'true') await head.click()
    assert.equal(await head.getAttribute('aria-expanded'), 'true')
  })

/** Opens the card of a tool call. */
export const openCard = (card: Locator) => unfold(card.getByRole('button').first())

/** Moves to the first row of a list of sessions. A list that has just appeared may miss keys. */
export const toFirstRow = (page: Page) =>
  eventually(async () => {
    await page.keyboard.press('k')
    assert.equal(await page.locator('[data-index="0"]:focus').count(), 1)
  })

/** Clicks a button that copies, and waits for its word, which it shows for 1.5 s only. */
export async function copyBy(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Copied' }).waitFor({ state: 'detached' })
  await page.evaluate(`{
    window.copied = new Promise((resolve) => {
      const look = () => document.querySelector('[aria-label=Copied]') && resolve()
      const options = { attributes: true, childList: true, subtree: true }
      new MutationObserver(look).observe(document.body, options)
    })
    undefined
  }`)
  await page.getByRole('button', { name, exact: true }).click()
  await valueIn(page, 'copied')
}

/**
 * Waits until a list of the server begins with the session, and changes the session. A page reads
 * such a list again 4 s after a change, when a busy server may not have read the session yet.
 */
export async function changeOnceListed({ call }: { call: Call }, id: string, query: string) {
  await eventually(async () => {
    const { body } = await call('GET', `/v1/sessions?${query}`)
    assert.equal(body.data?.[0]?.id, id)
  })
  const { status } = await call('PATCH', `/v1/sessions/${id}`, { tags: ['read'] })
  assert.equal(status, 200)
}

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

/** Script that resolves when the page has drawn what changed before. */
export const nextFrames =
  'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))'
