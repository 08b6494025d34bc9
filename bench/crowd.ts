import { median, ms, percentile } from './figures.ts'

/** One side of a conversation: `turn` takes its ms from sending a message until its turn has ended. */
export type Talker = { turn: (text: string) => Promise<number>; close: () => void }

/** How many clients, each with sessions and streams of its own, and for how long. */
export type Crowd = { clients: number; forMs: number }

/** What a crowd got done. */
export type Result = { perSecond: number; p50: number; p99: number }

/** Longest conversation. The log of a session is read once a turn, so a turn's time depends on its length. */
const turnsMax = 50

/** Clients talk side by side, each as fast as it is answered. The clock begins when all of them are connected. */
export async function measureCrowd(
  open: () => Promise<Talker>,
  { clients, forMs }: Crowd,
): Promise<Result> {
  const latencies: number[] = []
  const talkers = await Promise.all(Array.from({ length: clients }, open))
  const begun = performance.now()
  const until = begun + forMs
  await Promise.all(talkers.map((first) => converse(first, { open, until, latencies })))
  return resultOf(latencies, performance.now() - begun)
}

export const resultOf = (latencies: number[], tookMs: number): Result => ({
  perSecond: latencies.length / (tookMs / 1000),
  p50: median(latencies),
  p99: percentile(latencies, 0.99),
})

type Conversing = { open: () => Promise<Talker>; until: number; latencies: number[] }

/** One client: when a conversation has become long, it begins another. */
async function converse(first: Talker, { open, until, latencies }: Conversing) {
  let talker = first
  for (let n = 1; performance.now() < until; n++) {
    if (n > turnsMax) {
      talker.close()
      talker = await open()
      n = 1
    }
    latencies.push(await talker.turn(`Hello ${n}`))
  }
  talker.close()
}

export const shown = ({ perSecond, p50, p99 }: Result) =>
  `${perSecond.toFixed(0)} a second, p50 ${ms(p50)}, p99 ${ms(p99)}`
