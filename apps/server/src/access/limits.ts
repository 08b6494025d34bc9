import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Db } from '../store/database.ts'
import { type Bucket, refillBucket, spendTokens } from '../store/rate-limits.ts'

const tellPauseMs = 50
const toldAtOnce = 1_000
/** A node keeps to itself at most this part of a bucket. */
const untoldShare = 0.01
const bucketsMax = 50_000

/** A bucket as this node sees it: what all nodes had left when the table was last told, refilled since. */
type Local = Bucket & { tokens: number; at: number; untold: number }

/**
 * Limits on requests, shared by all nodes. A request is counted here and now, without a statement; the table hears of it
 * within 50 ms once it matters, and says what all nodes together have left.
 */
export type Limits = {
  /** Takes a token out of each bucket. Contract: throws 429 with the seconds to wait, and takes none, when one is empty. */
  take: (buckets: Bucket[]) => void
  /** Takes a token in the table, exactly. Contract: throws 429 `too_many_attempts`. */
  attempt: (bucket: Bucket) => Promise<void>
  /** Attempts begin anew. */
  forgive: (subject: string) => Promise<void>
  stop: () => Promise<void>
}

export function createLimits(db: Db, log: Log): Limits {
  const buckets = new Map<string, Local>()
  const untold = new Set<Local>()
  let timer: NodeJS.Timeout | undefined

  function local(bucket: Bucket, now: number): Local {
    const found = buckets.get(bucket.subject)
    if (found) {
      const { capacity, seconds } = found
      found.tokens = Math.min(
        capacity,
        found.tokens + ((now - found.at) * capacity) / (seconds * 1000),
      )
      found.at = now
      return found
    }
    if (buckets.size >= bucketsMax) forgetFull(now)
    const made = { ...bucket, tokens: bucket.capacity, at: now, untold: 0 }
    buckets.set(bucket.subject, made)
    return made
  }

  /** A bucket that is full again is as good as none. */
  function forgetFull(now: number) {
    for (const [subject, { capacity, seconds, tokens, at }] of buckets) {
      const missing = capacity - tokens
      if ((missing * seconds * 1000) / capacity <= now - at) buckets.delete(subject)
    }
    if (buckets.size >= bucketsMax) buckets.clear()
  }

  function spend(bucket: Local) {
    bucket.tokens -= 1
    bucket.untold += 1
    if (bucket.untold < bucket.capacity * untoldShare) return
    untold.add(bucket)
    timer ??= setTimeout(() => void tell(), tellPauseMs)
  }

  async function tell() {
    const some = [...untold].slice(0, toldAtOnce)
    const spent = some.map((bucket) => ({ ...bucket, amount: bucket.untold }))
    for (const bucket of some) {
      untold.delete(bucket)
      bucket.untold = 0
    }
    try {
      const left = await spendTokens(db, spent)
      const at = performance.now()
      for (const bucket of some) {
        bucket.tokens = left.get(bucket.subject)! - bucket.untold
        bucket.at = at
      }
    } catch (error) {
      log.warn('limits are counted on this node alone', { error })
    }
    timer = untold.size > 0 ? setTimeout(() => void tell(), tellPauseMs) : undefined
  }

  return {
    take(wanted) {
      const now = performance.now()
      const all = wanted.map((bucket) => local(bucket, now))
      const empty = all.find(({ tokens }) => tokens < 1)
      if (empty) throw limited('rate_limited', empty, empty.tokens)
      for (const bucket of all) spend(bucket)
    },
    async attempt(bucket) {
      const left = (await spendTokens(db, [{ ...bucket, amount: 1 }])).get(bucket.subject)!
      if (left < 0) throw limited('too_many_attempts', bucket, left)
    },
    forgive: (subject) => refillBucket(db, subject),
    async stop() {
      clearTimeout(timer)
    },
  }
}

function limited(code: 'rate_limited' | 'too_many_attempts', bucket: Bucket, tokens: number) {
  const seconds = Math.ceil(((1 - tokens) * bucket.seconds) / bucket.capacity)
  return new ApiError(code, String(Math.max(1, seconds)), undefined, Math.max(1, seconds))
}
