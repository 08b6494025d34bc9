import { median, ms, percentile } from './figures.ts'

/**
 * One conversation. `turn` returns the ms from sending a message until its turn has ended; `postMs`
 * is the part that the server took to accept the message.
 */
export type Talker = {
  turn: (text: string) => Promise<number>
  postMs?: () => number
  close: () => void
}

/** The number of clients, each with sessions and streams of its own, and the duration. */
export type Crowd = { clients: number; forMs: number }

/** The throughput and latencies of a crowd. */
export type Result = {
  /** The number of turns. */
  count: number
  perSecond: number
  p50: number
  p99: number
  /** Time to accept a message; NaN for peers without such a request. */
  postP50: number
  postP99: number
}

/** Longest conversation: a turn reads its session's log, so its time depends on the length. */
const turnsMax = 50

/**
 * Runs clients in parallel, each as fast as its requests are answered. The clock starts once all
 * are connected.
 */
export async function measureCrowd(
  open: () => Promise<Talker>,
  { clients, forMs }: Crowd,
): Promise<Result> {
  const latencies: number[] = []
  const posts: number[] = []
  const talkers = await Promise.all(Array.from({ length: clients }, open))
  const begun = performance.now()
  const until = begun + forMs
  await Promise.all(talkers.map((first) => converse(first, { open, until, latencies, posts })))
  return resultOf(latencies, performance.now() - begun, posts)
}

export const resultOf = (latencies: number[], tookMs: number, posts: number[] = []): Result => ({
  count: latencies.length,
  perSecond: latencies.length / (tookMs / 1000),
  p50: median(latencies),
  p99: percentile(latencies, 0.99),
  postP50: posts.length > 0 ? median(posts) : Number.NaN,
  postP99: posts.length > 0 ? percentile(posts, 0.99) : Number.NaN,
})

/** Returns the median of each figure. */
export function mediansOf(results: Result[]): Result {
  const of = (key: keyof Result) => median(results.map((result) => result[key]))
  const [count, perSecond, p50, p99] = [of('count'), of('perSecond'), of('p50'), of('p99')]
  return { count, perSecond, p50, p99, postP50: of('postP50'), postP99: of('postP99') }
}

type Conversing = {
  open: () => Promise<Talker>
  until: number
  latencies: number[]
  posts: number[]
}

/** Runs one client, which begins another conversation when one has become long. */
async function converse(first: Talker, { open, until, latencies, posts }: Conversing) {
  let talker = first
  for (let n = 1; performance.now() < until; n++) {
    if (n > turnsMax) {
      talker.close()
      talker = await open()
      n = 1
    }
    latencies.push(await talker.turn(`Hello ${n}`))
    if (talker.postMs) posts.push(talker.postMs())
  }
  talker.close()
}

export function shown({ perSecond, p50, p99, postP50, postP99 }: Result): string {
  const turns = `${perSecond.toFixed(0)} a second, p50 ${ms(p50)}, p99 ${ms(p99)}`
  return Number.isNaN(postP50) ? turns : `${turns}, POST p50 ${ms(postP50)}, p99 ${ms(postP99)}`
}
