import {
  mb,
  median,
  ms,
  type Options,
  progress,
  type Report,
  runsOf,
  seconds,
} from '../core/figures.ts'
import { residentMb, type Server, startOutlast, withDataDir } from '../core/servers.ts'
import { withBrowser, withTab } from './browser.ts'

const paintMaxMs = 1_000

/** The API reference at `/docs`: first paint from a cold cache, and its cost on the server. */
export function reference(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir } })
    try {
      const before = residentMb(server.pid)
      const first = await timed(`${server.url}/docs/json`)
      const again = await timed(`${server.url}/docs/json`)
      const paints = await paintsOf(server, options)
      const after = residentMb(server.pid)
      return report({ paints, first, again, before, after })
    } finally {
      await server.stop()
    }
  })
}

const paintsOf = (server: Server, options: Options) =>
  withBrowser(async (browser) => {
    const paints: number[] = []
    // The first run is also the first of the browser.
    for (let run = 0; run <= runsOf(options); run++) {
      const paintMs = await withTab(browser, `${server.url}/docs`, async ({ page }) => {
        await page.getByRole('heading', { name: 'Outlast API' }).first().waitFor()
        return page.evaluate<number>('probe.firstPaint()')
      })
      if (run > 0) paints.push(paintMs)
      progress(`run ${run}: painted after ${seconds(paintMs)}`)
    }
    return paints
  })

async function timed(url: string): Promise<number> {
  const begun = performance.now()
  await (await fetch(url)).arrayBuffer()
  return performance.now() - begun
}

type Measured = { paints: number[]; first: number; again: number; before: number; after: number }

function report({ paints, first, again, before, after }: Measured): Report {
  const paintMs = median(paints)
  return {
    title: 'API reference',
    rows: [
      {
        what: '`/docs`, first contentful paint from a cold cache',
        goal: `≤ ${seconds(paintMaxMs)}`,
        measured: `${seconds(paintMs)}, longest ${seconds(Math.max(...paints))}`,
        met: paintMs <= paintMaxMs,
      },
      {
        what: 'the document, first request; later ones',
        goal: '',
        measured: `${ms(first)}; ${ms(again)}`,
      },
      { what: 'resident memory before; after', goal: '', measured: `${mb(before)}; ${mb(after)}` },
    ],
  }
}
