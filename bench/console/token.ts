import { createOutlast } from '@outlast/sdk'
import type { Browser } from 'playwright-core'
import { ms, percentile, progress, type Row } from '../core/figures.ts'
import { untilRead, withTab } from './browser.ts'

const lateMaxMs = 100
const wordsPerSecond = 20

type Session = { what: string; id: string }

/** From the server's sending of a word until its paint, by the machine's shared clock. */
export async function tokens(
  browser: Browser,
  url: string,
  { sessions, words }: { sessions: Session[]; words: number },
): Promise<Row[]> {
  const rows: Row[] = []
  for (const { what, id } of sessions) {
    const tab = `${url}/sessions/${id}`
    const { late, busy } = await withTab(browser, tab, async ({ page, busyMs }) => {
      await untilRead(page)
      const seen = page.evaluate<Seen[]>(`probe.wordsUntil(${words - 1})`)
      const before = await busyMs()
      const sent = await converse(url, id, words)
      const late = lateness(sent, await seen)
      return { late, busy: (await busyMs()) - before }
    })
    if (late.length < words) throw new Error(`${late.length} of ${words} words were seen.`)
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(late, share))
    progress(`${what}: p50 ${ms(p50!)}, p99 ${ms(p99!)}`)
    rows.push({
      what: `a token on the screen after it was sent, ${what}, p99`,
      goal: `≤ ${lateMaxMs} ms`,
      measured: `${ms(p99!)}; p50 ${ms(p50!)}, p95 ${ms(p95!)}, longest ${ms(Math.max(...late))}; ${ms(busy / words)} of processor each`,
      met: p99! <= lateMaxMs,
    })
  }
  return rows
}

type Seen = { word: number; at: number }

/** A word counts as seen with the first frame that shows it or a later word. */
function lateness(sent: ReadonlyMap<number, number>, seen: readonly Seen[]): number[] {
  return [...sent].flatMap(([word, at]) => {
    const frame = seen.find((one) => one.word >= word)
    return frame ? [frame.at - at] : []
  })
}

/** Numbered words in paragraphs, with some Markdown. */
const replyOf = (count: number) =>
  Array.from({ length: count }, (_, n) => {
    const word = n % 7 === 0 ? `**w${n}**` : `w${n}`
    return n % 40 === 39 ? `${word}\n\n` : `${word} `
  }).join('')

/**
 * Records when the server sent each word, by its deltas. Followers receive them at the same time.
 */
async function converse(url: string, id: string, words: number): Promise<Map<number, number>> {
  const outlast = createOutlast({ url })
  let after_sequence = 0
  for await (const { sequence } of outlast.events.list(id)) after_sequence = sequence!
  const text = `llmsim-script: ${JSON.stringify([{ text: replyOf(words), tokens_per_second: wordsPerSecond }])}`
  const message = { role: 'user' as const, content: [{ type: 'text' as const, text }] }
  let isSaid = false
  const onConnection = ({ isOpen }: { isOpen: boolean }) => {
    if (isOpen && !isSaid) outlast.messages.create(id, { message })
    isSaid = true
  }
  const sent = new Map<number, number>()
  for await (const event of outlast.events.stream(id, { after_sequence, onConnection })) {
    if (event.type === 'session.idled') break
    if (event.type !== 'output.message.delta') continue
    const { ts, data } = event
    for (const [, word] of data.delta.matchAll(/w(\d+)/g)) sent.set(Number(word), Date.parse(ts))
  }
  return sent
}
