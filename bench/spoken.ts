import { createHash } from 'node:crypto'

/** µs on the clock that all processes of a machine share. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000_000 + Math.round(nanoseconds / 1000)
}

/** A word that says when it was said. */
export const spokenWord = () => `@${nowUs()} `

/** When the words of a text were said, in µs. */
export const saidIn = (text: string) =>
  [...text.matchAll(/@(\d+) /g)].map(([, said]) => Number(said))

/** One text from a model: when each of its words was sent and when it arrived, in µs. */
export type Heard = { said: Float64Array; heard: Float64Array; hash: string }

/** Takes a text in parts. */
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
 * How long each word would wait for a delta if nothing took any time: the first goes out at once,
 * then what there is, at most once in `windowMs`. In ms.
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
