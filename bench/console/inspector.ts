import type { Browser } from 'playwright-core'
import { median, ms, type Options, progress, type Row, runsOf } from '../core/figures.ts'
import { untilLoaded, withTab } from './browser.ts'

const openMaxMs = 150

/** From a click on a step of the newest turn of a long session until its inspector is painted. */
export async function inspector(
  browser: Browser,
  { session, events }: { session: string; events: string },
  options: Options,
): Promise<Row[]> {
  const opened = { model: [] as number[], tool: [] as number[] }
  for (let run = 0; run <= runsOf(options); run += 1) {
    const [model, tool] = await withTab(browser, `${session}?panel=timeline`, async ({ page }) => {
      await untilLoaded(page)
      const open = async (kind: string, part: string) => {
        const step = `.step-icon[data-kind=${kind}]`
        await page.locator(step).first().waitFor()
        return page.evaluate<number>(`probe.opens('${step}', '.inspector ${part}')`)
      }
      return [await open('model', '.sent'), await open('tool', '.inspector-view')] as const
    })
    // The first run is also the first of the browser.
    if (run === 0) continue
    opened.model.push(model)
    opened.tool.push(tool)
    progress(`run ${run}: a model call after ${ms(model)}, a tool call after ${ms(tool)}`)
  }
  return Object.entries(opened).map(([kind, all]) => ({
    what: `the inspector of a ${kind} call is painted after a click, ${events} events`,
    goal: `≤ ${openMaxMs} ms`,
    measured: `${ms(median(all))}, longest ${ms(Math.max(...all))}`,
    met: median(all) <= openMaxMs,
  }))
}
