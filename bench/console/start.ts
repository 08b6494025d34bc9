import type { Browser } from 'playwright-core'
import { scriptBytes } from '../../test/browser/scripts.ts'
import {
  median,
  ms,
  type Options,
  progress,
  type Row,
  ratios,
  runsOf,
  seconds,
} from '../core/figures.ts'
import { untilRead, withTab } from './browser.ts'

const paintMaxMs = 800
const answerMaxMs = 1_000
const scriptMaxBytes = 256_000

type Started = { paintMs: number; answeredMs: number; busyMs: number }

export type Urls = {
  list: string
  /** A session without messages, and a long one. */
  fresh: string
  long: string
  bare: string
}

/**
 * The list from a cold cache, in turn with a minimal page of such rows: first paint, first click.
 */
export async function start(browser: Browser, urls: Urls, options: Options): Promise<Row[]> {
  const runs = { ours: [] as Started[], bare: [] as Started[], readMs: [] as number[] }
  for (let run = 0; run <= runsOf(options) * 2; run += 1) {
    const bare = await startOnce(browser, urls.bare)
    const ours = await startOnce(browser, urls.list)
    const readMs = await withTab(browser, urls.long, ({ page }) =>
      page.evaluate<number>('probe.conversationShown()'),
    )
    // The first run is also the first of the browser.
    if (run === 0) continue
    runs.bare.push(bare)
    runs.ours.push(ours)
    runs.readMs.push(readMs)
    const [seen, answers] = [seconds(ours.paintMs), seconds(ours.answeredMs)]
    progress(`run ${run}: seen after ${seen}, answers after ${answers}`)
  }
  return [...rowsOf(runs), ...(await scripts(browser, urls))]
}

const startOnce = (browser: Browser, url: string) =>
  withTab(browser, url, async ({ page, busyMs }) => {
    const times =
      await page.evaluate<Pick<Started, 'paintMs' | 'answeredMs'>>('probe.listAnswers()')
    return { ...times, busyMs: await busyMs() }
  })

type Runs = { ours: Started[]; bare: Started[]; readMs: number[] }

function rowsOf({ ours, bare, readMs }: Runs): Row[] {
  const row = (what: string, key: keyof Started, mostMs: number): Row => {
    const [mine, theirs] = [ours, bare].map((all) => all.map((one) => one[key]))
    const [measured, longest] = [median(mine!), Math.max(...mine!)]
    const against = `against ${seconds(median(theirs!))}`
    return {
      what,
      goal: `≤ ${seconds(mostMs)}`,
      measured: `${seconds(measured)} ${against}, longest ${seconds(longest)}`,
      ratio: ratios(mine!, theirs!).shown,
      met: measured <= mostMs,
    }
  }
  const busy = [ours, bare].map((all) => ms(median(all.map(({ busyMs }) => busyMs))))
  return [
    row('the list, first contentful paint', 'paintMs', paintMaxMs),
    row('the list, shown and answers a click', 'answeredMs', answerMaxMs),
    { what: 'processor time of the page until then', goal: '', measured: busy.join(' against ') },
    { what: 'a session of 10,000 events, read', goal: '', measured: seconds(median(readMs)) },
  ]
}

async function scripts(browser: Browser, { list, fresh }: Urls): Promise<Row[]> {
  const bytes = {
    'the list': await withTab(browser, list, async ({ page }) => {
      await page.evaluate('probe.listAnswers()')
      return scriptBytes(page)
    }),
    'a session': await withTab(browser, fresh, async ({ page }) => {
      await untilRead(page)
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
