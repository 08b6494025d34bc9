import { createHash } from 'node:crypto'

/** Returns µs on the clock that all processes of a machine share. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000_000 + Math.round(nanoseconds / 1000)
}

/** Returns a word that contains the current time. */
export const spokenWord = () => `@${nowUs()} `

/** Returns the send times of the words of a text, in µs. */
export const saidIn = (text: string) =>
  [...text.matchAll(/@(\d+) /g)].map(([, said]) => Number(said))

/** One text from a model: when each of its words was sent and when it arrived, in µs. */
export type Heard = { said: Float64Array; heard: Float64Array; hash: string }

/** Parses a text that arrives in parts. */
export function createListener() {
  const said: number[] = []
  const heard: number[] = []
  let text = ''
  let rest = ''
  return {
    text: () => text,
    hear(part: string) {
      const now = nowUs()
      text += part
      const words = rest + part
      const end = words.lastIndexOf(' ') + 1
      rest = words.slice(end)
      for (const at of saidIn(words.slice(0, end))) {
        said.push(at)
        heard.push(now)
      }
    },
    result: (): Heard => ({
      said: Float64Array.from(said),
      heard: Float64Array.from(heard),
      hash: hashOf(text),
    }),
  }
}

export const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Returns how long each word would wait for a delta if all other work took no time. The first word
 * is sent at once, later ones together at most once per `windowMs`. In ms.
 */
export function windowWaits(said: Float64Array, windowMs: number): number[] {
  const waits: number[] = []
  let due = Number.NEGATIVE_INFINITY
  for (const at of said) {
    if (at > due) due = Math.max(at, due + windowMs * 1000)
    waits.push((due - at) / 1000)
  }
  return waits
}
