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
   * Runs work when a slot is free for its owner. Owners that wait take turns, whatever the number of their requests.
   * Contract: throws what `busy` makes when too much waits already, and the signal's reason when it aborts before a slot is
   * free; `work` has not begun then.
   */
  run: <T>(owner: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** How much work waits for a slot. */
  waiting: () => number
}

type Waiter = () => void

/** Divides `slots` fairly between owners. `busy` makes the error for work that may not even wait. */
export function createShares(limits: ShareLimits, busy: () => Error): Shares {
  const { slots, slotsEach, waitingMax, waitingEachMax } = limits
  const running = new Map<string, number>()
  /** The owner that was served last is the last. */
  const waiting = new Map<string, Waiter[]>()
  let used = 0
  let waitingCount = 0

  const hasSlot = (owner: string) => used < slots && (running.get(owner) ?? 0) < slotsEach

  function take(owner: string) {
    used += 1
    running.set(owner, (running.get(owner) ?? 0) + 1)
  }

  function release(owner: string) {
    used -= 1
    const left = running.get(owner)! - 1
    if (left === 0) running.delete(owner)
    else running.set(owner, left)
    serveNext()
  }

  function serveNext() {
    for (const [owner, waiters] of waiting) {
      if (!hasSlot(owner)) continue
      const next = waiters.shift()!
      waitingCount -= 1
      waiting.delete(owner)
      if (waiters.length > 0) waiting.set(owner, waiters)
      take(owner)
      next()
      return
    }
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
    async run(owner, work, signal) {
      signal?.throwIfAborted()
      if (hasSlot(owner) && !waiting.has(owner)) take(owner)
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
