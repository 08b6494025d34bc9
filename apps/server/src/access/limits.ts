import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import { type Bucket, refillBucket, spendTokens } from '../store/access/rate-limits.ts'
import type { Db } from '../store/database.ts'

const tellPauseMs = 50
const toldAtOnce = 1_000
/** The largest part of a bucket that a node may spend before it reports to the table. */
const untoldShare = 0.01
const bucketsMax = 50_000
/** How many buckets are evicted at once, so that the search for the oldest is rare. */
const evictedShare = 0.1

/** A bucket as this node sees it: the balance of all nodes at the last exchange, refilled since. */
export type CachedBucket = Bucket & { tokens: number; at: number; untold: number }

/** The buckets of a caller, cached by that caller across requests. */
export type LimitedCaller = { epoch: number; buckets: CachedBucket[] }

/**
 * Rate limits on requests, shared by all nodes. Requests are counted in memory, without a
 * statement. Significant counts are written to the table within 50 ms, which returns the balance of
 * all nodes.
 */
export type RateLimits = {
  bucket: (bucket: Bucket) => CachedBucket
  /** Returns the cached buckets while they are valid here, else those of `find`. */
  kept: (before: LimitedCaller | undefined, find: () => CachedBucket[]) => LimitedCaller
  /**
   * Takes a token of each bucket.
   * Contract: if one is empty, takes none and throws 429 with the wait.
   */
  take: (buckets: readonly CachedBucket[]) => void
  /** Takes a token in the table, exactly. Contract: throws 429 `too_many_attempts`. */
  attempt: (db: Db, bucket: Bucket) => Promise<void>
  /** Resets the counted attempts. */
  forgive: (db: Db, subject: string) => Promise<void>
  stop: () => Promise<void>
}

/** Takes a token from each bucket. False, and takes none, when one is empty. */
export function mayTake(limits: RateLimits, buckets: readonly Bucket[]): boolean {
  try {
    limits.take(buckets.map(limits.bucket))
    return true
  } catch (error) {
    if (error instanceof ApiError) return false
    throw error
  }
}

type Options = { bucketsMax?: number }

export function createLimits(db: Db, log: Log, options: Options = {}): RateLimits {
  const most = options.bucketsMax ?? bucketsMax
  const buckets = new Map<string, CachedBucket>()
  const untold = new Set<CachedBucket>()
  let timer: NodeJS.Timeout | undefined
  /** Increases when buckets are dropped. */
  let epoch = 0

  function bucket(wanted: Bucket): CachedBucket {
    const found = buckets.get(wanted.subject)
    if (found) return found
    if (buckets.size >= most) evict(performance.now())
    const made = { ...wanted, tokens: wanted.capacity, at: performance.now(), untold: 0 }
    buckets.set(wanted.subject, made)
    return made
  }

  function refill(bucket: CachedBucket, now: number) {
    const { capacity, seconds, tokens, at } = bucket
    bucket.tokens = Math.min(capacity, tokens + ((now - at) * capacity) / (seconds * 1000))
    bucket.at = now
  }

  /** Drops full buckets, which equal new ones; else the least recently used. */
  function evict(now: number) {
    for (const [subject, { capacity, seconds, tokens, at }] of buckets) {
      const missing = capacity - tokens
      if ((missing * seconds * 1000) / capacity <= now - at) buckets.delete(subject)
    }
    epoch += 1
    const excess = buckets.size - Math.floor(most * (1 - evictedShare))
    if (excess <= 0) return
    const oldest = [...buckets].sort(([, one], [, other]) => one.at - other.at)
    for (const [subject] of oldest.slice(0, excess)) buckets.delete(subject)
  }

  function spend(bucket: CachedBucket) {
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
      log.warn('rate limits are counted on this node alone', { error })
    }
    timer = untold.size > 0 ? setTimeout(() => void tell(), tellPauseMs) : undefined
  }

  return {
    bucket,
    kept: (before, find) => (before?.epoch === epoch ? before : { epoch, buckets: find() }),
    take(wanted) {
      const now = performance.now()
      for (const one of wanted) {
        refill(one, now)
        if (one.tokens < 1) throw limited('rate_limited', one, one.tokens)
      }
      for (const one of wanted) spend(one)
    },
    async attempt(db, wanted) {
      const left = (await spendTokens(db, [{ ...wanted, amount: 1 }])).get(wanted.subject)!
      if (left < 0) throw limited('too_many_attempts', wanted, left)
    },
    forgive: refillBucket,
    async stop() {
      clearTimeout(timer)
    },
  }
}

function limited(code: 'rate_limited' | 'too_many_attempts', bucket: Bucket, tokens: number) {
  const seconds = Math.ceil(((1 - tokens) * bucket.seconds) / bucket.capacity)
  return new ApiError(code, String(Math.max(1, seconds)), undefined, Math.max(1, seconds))
}
