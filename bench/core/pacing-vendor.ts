/**
 * Runs a vendor in a child process of `deltas.ts`. In each of its streams a model sends words at a
 * pace; each word contains its time. No stream begins before all expected streams are open.
 */
import { startModel } from './model.ts'
import { hashOf, spokenWord } from './spoken.ts'

export type Pace = { pauseMs: number; words: number }
export type VendorOrder = { listen: Record<string, Pace> } | { expect: number } | { report: true }
export type VendorAnswer =
  | { baseUrls: Record<string, string> }
  | { expected: number }
  | { said: Said[]; lateMs: number[] }
/** A text that was sent, and its pace. */
export type Said = { pace: string; hash: string }

type Speech = {
  pauseMs: number
  left: number
  nextAt: number
  text: string
  say: (text: string) => void
  over: () => void
}

const tickMs = 1
/** Streams begin within this time, so that their words do not coincide. */
const spreadMs = 1_000

let expected = 0
let waiting: Speech[] = []
let speaking: Speech[] = []
let said: Said[] = []
let lateMs: number[] = []

process.on('message', async (order: VendorOrder) => {
  if ('listen' in order) tell({ baseUrls: await listen(order.listen) })
  else if ('expect' in order) {
    expected = order.expect
    tell({ expected })
  } else {
    tell({ said, lateMs })
    said = []
    lateMs = []
  }
})
process.on('disconnect', () => process.exit(0))

const tell = (answer: VendorAnswer) => process.send!(answer)

async function listen(paces: Record<string, Pace>) {
  const baseUrls: Record<string, string> = {}
  for (const [name, pace] of Object.entries(paces)) {
    const { baseUrl } = await startModel((say) => speak(name, pace, say))
    baseUrls[name] = baseUrl
  }
  return baseUrls
}

async function speak(pace: string, { pauseMs, words }: Pace, say: (text: string) => void) {
  const speech = { pauseMs, left: words, nextAt: 0, text: '', say, over: () => {} }
  const spoken = new Promise<void>((resolve) => {
    speech.over = resolve
  })
  waiting.push(speech)
  if (waiting.length === expected) beginAll()
  await spoken
  said.push({ pace, hash: hashOf(speech.text) })
}

function beginAll() {
  const now = performance.now()
  for (const speech of waiting) speech.nextAt = now + Math.random() * spreadMs
  speaking = waiting
  waiting = []
  tick()
}

function tick() {
  const now = performance.now()
  for (const speech of speaking) {
    if (speech.nextAt <= now) sayNext(speech, now)
  }
  speaking = speaking.filter(({ left }) => left > 0)
  if (speaking.length > 0) setTimeout(tick, tickMs)
}

/** Sends the next word. A late word does not delay the following ones: the pace is kept. */
function sayNext(speech: Speech, now: number) {
  lateMs.push(now - speech.nextAt)
  const word = spokenWord()
  speech.text += word
  speech.say(word)
  speech.left -= 1
  // Pauses vary: else words and windows would synchronize.
  speech.nextAt += speech.pauseMs * (0.75 + Math.random() / 2)
  if (speech.left === 0) speech.over()
}
