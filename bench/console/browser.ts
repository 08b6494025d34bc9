import { fileURLToPath } from 'node:url'
import type { Browser, CDPSession, Page } from 'playwright-core'
import { chromiumSettings } from '../../scripts/chromium.ts'
import { openProfile, openTab, startBrowser } from '../../test/browser/browser.ts'

const probe = fileURLToPath(new URL('probe.js', import.meta.url))
const viewport = { width: 1280, height: 800 }

/** Starts a Chromium, for the duration of `work`. */
export async function withBrowser<T>(work: (browser: Browser) => Promise<T>): Promise<T> {
  Object.assign(process.env, chromiumSettings())
  return withHook(async (hook) => work(await startBrowser(hook)))
}

export type Tab = {
  page: Page
  devtools: CDPSession
  /** Processor time of the page: other load changes it little. */
  busyMs: () => Promise<number>
}

/**
 * Opens a tab of a new profile, so that nothing is cached. A page with errors invalidates the
 * measurement.
 */
export function withTab<T>(
  browser: Browser,
  url: string,
  work: (tab: Tab) => Promise<T>,
): Promise<T> {
  return withHook(async (hook) => {
    const profile = await openProfile(hook, browser, { viewport })
    await profile.addInitScript({ path: probe })
    const { page, complaints } = await openTab(profile, 'about:blank')
    const devtools = await profile.newCDPSession(page)
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' })
    await page.goto(url)
    const found = await work({ page, devtools, busyMs: () => busyMs(devtools) })
    if (complaints.length > 0) throw new Error(`${url}: ${complaints.join('; ')}`)
    return found
  })
}

async function busyMs(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')!.value * 1000
}

type Hook = { after: (work: () => unknown) => void }

/** Runs `work` with a hook for resources that must end after it. */
export async function withHook<T>(work: (hook: Hook) => Promise<T>): Promise<T> {
  const ends: (() => unknown)[] = []
  try {
    return await work({ after: (end) => ends.unshift(end) })
  } finally {
    for (const end of ends) await end()
  }
}

/** Waits until all messages are shown, of which there may be none. */
export const untilRead = (page: Page) =>
  page.locator('[role=log][aria-busy=false]').waitFor({ state: 'attached' })

/** Waits until the conversation is drawn. */
export async function untilLoaded(page: Page): Promise<void> {
  await untilRead(page)
  await page.locator('[role=log] .line').first().waitFor()
}
