import type { Browser } from 'playwright-core'
import { scriptBytes } from '../../test/browser/scripts.ts'
import { median, type Options, progress, type Row, ratios, runsOf, seconds } from '../figures.ts'
import { untilLoaded, withTab } from './browser.ts'

const paintMaxMs = 1_000
const answerMaxMs = 1_500
const scriptMaxBytes = 250_000

type Started = { paintMs: number; answeredMs: number }

/** The list from a cold cache, in turn with a bare page of such rows: when it is seen, and when it answers a click. */
export async function start(browser: Browser, urls: Urls, options: Options): Promise<Row[]> {
  const runs = { ours: [] as Started[], bare: [] as Started[] }
  for (let run = 0; run <= runsOf(options) * 2; run += 1) {
    const bare = await startOnce(browser, urls.bare)
    const ours = await startOnce(browser, urls.list)
    // The first is also the first of the browser.
    if (run === 0) continue
    runs.bare.push(bare)
    runs.ours.push(ours)
    progress(
      `run ${run}: ${seconds(ours.paintMs)} until it is seen, ${seconds(ours.answeredMs)} until it answers`,
    )
  }
  const row = (what: string, key: keyof Started, mostMs: number): Row => {
    const [ours, bare] = [runs.ours, runs.bare].map((all) => all.map((one) => one[key]))
    const measured = median(ours!)
    return {
      what,
      goal: `≤ ${seconds(mostMs)}`,
      measured: `${seconds(measured)} against ${seconds(median(bare!))}, longest ${seconds(Math.max(...ours!))}`,
      ratio: ratios(ours!, bare!).shown,
      met: measured <= mostMs,
    }
  }
  return [
    row('the list, first contentful paint', 'paintMs', paintMaxMs),
    row('the list, shown and answers a click', 'answeredMs', answerMaxMs),
    ...(await scripts(browser, urls)),
  ]
}

export type Urls = { list: string; session: string; bare: string }

const startOnce = (browser: Browser, url: string) =>
  withTab(browser, url, ({ page }) => page.evaluate<Started>('probe.listAnswers()'))

async function scripts(browser: Browser, { list, session }: Urls): Promise<Row[]> {
  const bytes = {
    list: await withTab(browser, list, async ({ page }) => {
      await page.evaluate('probe.listAnswers()')
      return scriptBytes(page)
    }),
    'a session': await withTab(browser, session, async ({ page }) => {
      await untilLoaded(page)
      return scriptBytes(page)
    }),
  }
  return Object.entries(bytes).map(([what, size]) => ({
    what: `JavaScript of ${what}, gzip`,
    goal: `≤ ${scriptMaxBytes / 1000} KB`,
    measured: `${(size / 1000).toFixed(0)} KB`,
    met: size <= scriptMaxBytes,
  }))
}
