import type { Browser } from 'playwright-core'
import { mb, type Options, progress, type Row, runsOf } from '../core/figures.ts'
import { residentMb } from '../core/servers.ts'
import { type Tab, untilLoaded, withTab } from './browser.ts'

/** The memory of a tab after a garbage collection. */
type Held = { heapMb: number; nodes: number; processMb: number }

/**
 * Memory of a tab that goes from the list to a session and back repeatedly, and the part that
 * stays.
 */
export async function memory(
  browser: Browser,
  url: string,
  { titles, ...options }: Options & { titles: Record<string, string> },
): Promise<Row[]> {
  const rows: Row[] = []
  for (const [what, title] of Object.entries(titles)) {
    const address = `${url}/?search=${encodeURIComponent(title)}`
    const { list, session, again } = await withTab(browser, address, async (tab) => {
      const link = tab.page.locator('.session-link')
      await link.waitFor()
      const list = await holds(browser, tab)
      let session = list
      for (let n = 0; n < runsOf(options) * 2; n += 1) {
        await link.click()
        await untilLoaded(tab.page)
        session = await holds(browser, tab)
        await tab.page.goBack()
        await link.waitFor()
      }
      return { list, session, again: await holds(browser, tab) }
    })
    progress(
      `${what}: ${mb(session.heapMb)}, after it ${mb(again.heapMb)}, before ${mb(list.heapMb)}`,
    )
    rows.push(
      { what: `heap of the tab with ${what}`, goal: '', measured: told(session) },
      {
        what: `the same on the list, after it was opened ${runsOf(options) * 2} times`,
        goal: '',
        measured: `${told(again)}; before ${told(list)}`,
      },
    )
  }
  return rows
}

const told = ({ heapMb, nodes, processMb }: Held) =>
  `${mb(heapMb)}, ${nodes.toLocaleString('en')} nodes, process ${mb(processMb)}`

async function holds(browser: Browser, { devtools }: Tab): Promise<Held> {
  // Objects that the first collection frees may hold others.
  for (let n = 0; n < 2; n += 1) await devtools.send('HeapProfiler.collectGarbage')
  const { usedSize } = await devtools.send('Runtime.getHeapUsage')
  const { nodes } = await devtools.send('Memory.getDOMCounters')
  return { heapMb: usedSize / 1024 / 1024, nodes, processMb: await processMb(browser) }
}

/** Of the processes that show pages, the one with the only tab is the largest. */
async function processMb(browser: Browser): Promise<number> {
  const devtools = await browser.newBrowserCDPSession()
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
  await devtools.detach()
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  return Math.max(...renderers.map(({ id }) => residentMb(id)))
}
