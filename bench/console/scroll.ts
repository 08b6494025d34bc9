import type { Browser, Locator } from 'playwright-core'
import { ms, type Options, percentile, progress, type Row, runsOf } from '../core/figures.ts'
import { type Tab, untilLoaded, withTab } from './browser.ts'

const framesMin = 50
const speedPx = 4_000
const wayPx = 12_000

/** A page to scroll: an address, and its scrolling part. */
type Place = { what: string; url: string; part: string }

type Frames = {
  /** Between each frame and the next, in ms. */
  frames: number[]
  /** Tasks that took 50 ms or longer. */
  longMs: number[]
  /** Processor time of the page. */
  busyMs: number
}

/** Smoothness of a page while the wheel turns: its own frames, and the causes of delays. */
export async function scroll(browser: Browser, urls: Urls, options: Options): Promise<Row[]> {
  const places: Place[] = [
    { what: 'a bare page of 1,000 rows', url: urls.bare, part: '#scroll' },
    ...Object.entries(urls.sessions).flatMap(([events, url]) => [
      { what: `the conversation of ${events} events`, url, part: '.conversation-frame .scroll' },
      { what: `${events} events`, url: `${url}?panel=events`, part: '.session-panel .scroll' },
    ]),
    { what: urls.listOf, url: urls.list, part: '.session-frame .scroll' },
  ]
  const found = new Map<Place, Frames>(
    places.map((place) => [place, { frames: [], longMs: [], busyMs: 0 }]),
  )
  for (let run = 1; run <= runsOf(options); run += 1) {
    for (const place of places) {
      const { frames, longMs, busyMs } = await withTab(browser, place.url, (tab) =>
        turn(tab, place),
      )
      const all = found.get(place)!
      all.frames.push(...frames)
      all.longMs.push(...longMs)
      all.busyMs += busyMs
      progress(`run ${run}: ${place.what}, ${perSecond(frames).toFixed(1)} frames a second`)
    }
  }
  const bare = perSecond(found.get(places[0]!)!.frames)
  return [...found].map(([place, frames]) => ({
    ...rowOf(place.what, frames),
    ...(place !== places[0] && goalOf(frames, bare)),
  }))
}

export type Urls = {
  bare: string
  list: string
  /** The number of sessions in the list. */
  listOf: string
  /** Sessions by their number of events. */
  sessions: Record<string, string>
}

/** Scrolls up and down again, as a wheel does. */
async function turn({ page, devtools, busyMs }: Tab, { url, part }: Place): Promise<Frames> {
  if (url.includes('/sessions/')) await untilLoaded(page)
  const box = page.locator(part)
  const { x, y } = await middleOf(box)
  const go = (yDistance: number) =>
    devtools.send('Input.synthesizeScrollGesture', {
      x,
      y,
      yDistance,
      speed: speedPx,
      gestureSourceType: 'mouse',
      preventFling: true,
    })
  // Panels open at their end, lists at their beginning.
  const isAtEnd = await box.evaluate('(box) => box.scrollTop > 0')
  const way = isAtEnd ? wayPx : -wayPx
  await page.evaluate('probe.startFrames()')
  const before = await busyMs()
  await go(way)
  await go(-way)
  const after = await busyMs()
  const seen = await page.evaluate<Pick<Frames, 'frames' | 'longMs'>>('probe.stopFrames()')
  return { ...seen, busyMs: after - before }
}

async function middleOf(box: Locator) {
  await box.waitFor()
  const { x, y, width, height } = (await box.boundingBox())!
  return { x: Math.round(x + width / 2), y: Math.round(y + height / 2) }
}

const perSecond = (frames: readonly number[]) =>
  (1000 * frames.length) / frames.reduce((sum, one) => sum + one, 0)

function rowOf(what: string, { frames, longMs, busyMs }: Frames): Row {
  const apart = `apart p95 ${ms(percentile(frames, 0.95))}, at most ${ms(Math.max(...frames))}`
  const tasks =
    longMs.length === 0 ? 'none' : `${longMs.length}, longest ${ms(Math.max(...longMs))}`
  const each = `${ms(busyMs / frames.length)} of processor each`
  return {
    what: `frames a second, ${what}`,
    goal: '',
    measured: `${perSecond(frames).toFixed(1)}; ${apart}; long tasks: ${tasks}; ${each}`,
  }
}

const goalOf = ({ frames }: Frames, bare: number) => ({
  goal: `≥ ${framesMin}`,
  ratio: (perSecond(frames) / bare).toFixed(2),
  met: perSecond(frames) >= framesMin,
})
