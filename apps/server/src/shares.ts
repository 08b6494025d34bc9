export type ShareLimits = {
  /** Pieces of work that run at once, of all owners and of one. */
  slots: number
  slotsEach: number
  /** Pieces of work that wait for a slot, of all owners and of one. */
  waitingMax: number
  waitingEachMax: number
}

/** A resource of this node that its owners, organizations as a rule, use side by side. */
export type Shares = {
  /**
   * Runs work when a slot is free for its owner. Of owners that wait, the one that used the least slot time lately is
   * served first; owners of quick work take turns, whatever the number of their requests.
   * Contract: throws what `busy` makes when too much waits already, and the signal's reason when it aborts before a slot is
   * free; `work` has not begun then.
   */
  run: <T>(owner: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** Takes a slot that is free now; the result frees it. Undefined when the owner has to wait. */
  take: (owner: string) => (() => void) | undefined
  /** How much work waits for a slot. */
  waiting: () => number
}

type Waiter = () => void

/** Slot time of one owner: `ms` up to the time `at`, of which older time counts less. */
type Use = { running: number; ms: number; at: number }

const halfLifeMs = 10_000
/** Uses that differ by less are equal. */
const quantumMs = 250
const idleOwnersMax = 1_000

/** Divides `slots` fairly between owners. `busy` makes the error for work that may not even wait. */
export function createShares(
  limits: ShareLimits,
  busy: () => Error,
  now = () => performance.now(),
): Shares {
  const { slots, slotsEach, waitingMax, waitingEachMax } = limits
  const uses = new Map<string, Use>()
  /** The owner that was served last is the last. */
  const waiting = new Map<string, Waiter[]>()
  let used = 0
  let waitingCount = 0

  const hasSlot = (owner: string) => used < slots && (uses.get(owner)?.running ?? 0) < slotsEach

  /** Brings the slot time of an owner up to now. */
  function useOf(owner: string): Use {
    const at = now()
    const use = uses.get(owner) ?? { running: 0, ms: 0, at }
    const elapsedMs = at - use.at
    use.ms = use.ms * 2 ** (-elapsedMs / halfLifeMs) + use.running * elapsedMs
    use.at = at
    return use
  }

  const mayTake = (owner: string) => hasSlot(owner) && !waiting.has(owner)

  function take(owner: string) {
    used += 1
    const use = useOf(owner)
    use.running += 1
    uses.set(owner, use)
  }

  function release(owner: string) {
    used -= 1
    const use = useOf(owner)
    use.running -= 1
    if (use.running === 0 && use.ms < quantumMs) uses.delete(owner)
    else if (uses.size > idleOwnersMax) forgetIdle()
    serveNext()
  }

  function forgetIdle() {
    for (const [owner, { running }] of uses) if (running === 0) uses.delete(owner)
  }

  /** The owner that is served next; of those that are equal, the one that waits at the front. */
  function findNext(): string | undefined {
    let next: string | undefined
    let least = Number.POSITIVE_INFINITY
    for (const owner of waiting.keys()) {
      if (!hasSlot(owner)) continue
      const quanta = Math.floor(useOf(owner).ms / quantumMs)
      if (quanta >= least) continue
      next = owner
      least = quanta
    }
    return next
  }

  function serveNext() {
    const owner = findNext()
    if (owner === undefined) return
    const waiters = waiting.get(owner)!
    const next = waiters.shift()!
    waitingCount -= 1
    waiting.delete(owner)
    if (waiters.length > 0) waiting.set(owner, waiters)
    take(owner)
    next()
  }

  function drop(owner: string, waiter: Waiter) {
    const waiters = waiting.get(owner)!
    waiters.splice(waiters.indexOf(waiter), 1)
    waitingCount -= 1
    if (waiters.length === 0) waiting.delete(owner)
  }

  async function wait(owner: string, signal: AbortSignal | undefined) {
    const waiters = waiting.get(owner) ?? []
    if (waitingCount >= waitingMax || waiters.length >= waitingEachMax) throw busy()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => {
      drop(owner, waiter)
      reject(signal!.reason)
    }
    const waiter = () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }
    signal?.addEventListener('abort', abort, { once: true })
    waiting.set(owner, waiters)
    waiters.push(waiter)
    waitingCount += 1
    await promise
  }

  return {
    waiting: () => waitingCount,
    take(owner) {
      if (!mayTake(owner)) return undefined
      take(owner)
      return () => release(owner)
    },
    async run(owner, work, signal) {
      signal?.throwIfAborted()
      if (mayTake(owner)) take(owner)
      else await wait(owner, signal)
      try {
        return await work()
      } finally {
        release(owner)
      }
    },
  }
}

/** Waits for a slot; the result frees it. */
export function slotOf(shares: Shares, owner: string, signal: AbortSignal): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const hold = () => new Promise<void>(resolve)
    shares.run(owner, hold, signal).catch(reject)
  })
}
