import path from 'node:path'
import type { Browser } from 'playwright-core'
import { bundle, startSite } from '../../test/front-ends/site.ts'
import { call } from '../core/client.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  type Row,
  runsOf,
  seconds,
} from '../core/figures.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'
import { withBrowser, withHook, withTab } from './browser.ts'
import { longSession } from './long-session.ts'

const framesMin = 50
const sizes = [100, 10_000]
const wordsPerSecond = 50
const root = path.join(import.meta.dirname, '../..')

/** A page with `@outlast/react` that shows a long session while a reply arrives. */
export function react(options: Options): Promise<Report> {
  return withHook(async (hook) => {
    const script = await bundle(path.join(root, 'packages/react/test/long-page.tsx'), root, {
      mode: 'production',
    })
    const origin = await startSite(hook, script)
    return withDataDir(async (dataDir) => {
      const env = { DATA_DIR: dataDir, CORS_ALLOWED_ORIGINS: origin }
      const server = await startOutlast({ env, nodeArgs: profiled(options) })
      try {
        const where = { url: server.url, databaseUrl: databaseUrl(dataDir), origin }
        return await withBrowser((browser) => measure(browser, where, options))
      } finally {
        await server.stop()
      }
    })
  })
}

type Where = { url: string; databaseUrl: string; origin: string }
type Run = { loadedMs: number; frames: number[]; longMs: number[]; busyShare: number }

async function measure(browser: Browser, where: Where, options: Options): Promise<Report> {
  const rows: Row[] = []
  for (const size of sizes) {
    const runs: Run[] = []
    for (let run = 0; run < runsOf(options); run += 1) {
      const title = `${size} events, run ${run}`
      runs.push(await once(browser, where, await longSession(where, title, size), options))
      const { loadedMs, frames } = runs.at(-1)!
      progress(`${title}: loaded after ${ms(loadedMs)}, ${perSecond(frames).toFixed(1)} frames`)
    }
    rows.push(rowOf(size, runs))
  }
  return { title: '@outlast/react: a reply of 50 words a second after many events', rows }
}

async function once(
  browser: Browser,
  { url, origin }: Where,
  sessionId: string,
  { quick }: Options,
): Promise<Run> {
  const words = (quick ? 3 : 10) * wordsPerSecond
  return withTab(browser, origin, async ({ page, busyMs }) => {
    const begun = performance.now()
    await page.evaluate(`show(${JSON.stringify({ url, sessionId })})`)
    await page.locator('#chat[data-whole=true]').waitFor({ timeout: 120_000 })
    const loadedMs = performance.now() - begun
    await page.evaluate('probe.startFrames()')
    const [busyBefore, before] = [await busyMs(), performance.now()]
    const reply = Array.from({ length: words }, (_, n) => `word${n}`).join(' ')
    const script = JSON.stringify([{ text: reply, tokens_per_second: wordsPerSecond }])
    const content = [{ type: 'text', text: `llmsim-script: ${script}` }]
    await call(url, 'POST', `/v1/sessions/${sessionId}/messages`, { message: { content } })
    await page.evaluate(`replyEnds('word${words - 1}')`)
    const busyShare = ((await busyMs()) - busyBefore) / (performance.now() - before)
    const seen = await page.evaluate<Pick<Run, 'frames' | 'longMs'>>('probe.stopFrames()')
    return { ...seen, loadedMs, busyShare }
  })
}

const perSecond = (frames: readonly number[]) =>
  (1000 * frames.length) / frames.reduce((sum, one) => sum + one, 0)

function rowOf(size: number, runs: Run[]): Row {
  const frames = runs.flatMap((run) => run.frames)
  const long = runs.flatMap(({ longMs }) => longMs)
  const share = median(runs.map(({ busyShare }) => busyShare))
  const loaded = seconds(median(runs.map(({ loadedMs }) => loadedMs)))
  return {
    what: `frames a second while a reply arrives after ${size.toLocaleString('en')} events`,
    goal: `≥ ${framesMin}`,
    measured: `${perSecond(frames).toFixed(1)}; apart p95 ${ms(percentile(frames, 0.95))}; long tasks: ${long.length}; ${(share * 100).toFixed(0)} % of a processor; whole session loaded in ${loaded}`,
    met: perSecond(frames) >= framesMin,
  }
}
