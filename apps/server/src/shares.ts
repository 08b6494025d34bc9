export type ShareLimits = {
  /** Pieces of work that run at once, of all owners and of one. */
  slots: number
  slotsEach: number
  /**
   * True: an owner takes a slot only while more are free than it has. So a few owners whose work is
   * slow leave slots for others.
   */
  leavesRoom?: boolean
  /** Slots in use by other work with priority. That work calls `serve` when it frees a slot. */
  heldByOthers?: () => number
  /** Pieces of work that wait for a slot, of all owners and of one. */
  waitingMax: number
  waitingEachMax: number
  /** Longest wait. Without it work waits until its signal aborts. */
  waitMs?: number
}

/** A resource of this node that its owners, usually organizations, share. */
export type Shares = {
  /**
   * Runs work when a slot is free for its owner. Of waiting owners, the one with the least recent
   * slot time is served first. Owners of quick work take turns, regardless of the number of their
   * requests.
   * Contract: throws the error of `busy` when too much work waits or the wait was too long. Throws
   * the signal's reason when it aborts first. In both cases `work` has not started.
   */
  run: <T>(owner: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>
  /** Takes a slot as `run` does; the result frees it. */
  slot: (owner: string, signal?: AbortSignal) => Slot | Promise<Slot>
  /** Starts waiting work when a slot is free for it. */
  serve: () => void
  /** The number of taken slots, and of waiting pieces of work. */
  taken: () => number
  waiting: () => number
}

/** Frees a slot. */
export type Slot = () => void

type Waiter = { until: number; begin: () => void; giveUp: (reason: unknown) => void }

/** Slot time of one owner: `ms` up to the time `at`; older time counts less. */
type Use = { running: number; ms: number; at: number }

const halfLifeMs = 10_000
/** Uses that differ by less count as equal. */
const quantumMs = 250
const idleOwnersMax = 1_000

/** Divides `slots` fairly between owners. `busy` creates the error for work that cannot wait. */
export function createShares(
  limits: ShareLimits,
  busy: () => Error,
  now = () => performance.now(),
): Shares {
  const { waitingMax, waitingEachMax, waitMs } = limits
  const uses = createUses(limits, now)
  /** In the order of service: the owner that was served last is the last. */
  const waiting = new Map<string, Waiter[]>()
  let waitingCount = 0
  let timer: NodeJS.Timeout | undefined

  function take(owner: string): Slot {
    uses.begin(owner)
    return () => {
      uses.end(owner)
      serveNext()
    }
  }

  function serveNext() {
    const owner = uses.least(waiting.keys())
    if (owner === undefined) return
    const waiters = waiting.get(owner)!
    const next = waiters.shift()!
    waitingCount -= 1
    waiting.delete(owner)
    if (waiters.length > 0) waiting.set(owner, waiters)
    next.begin()
  }

  function drop(owner: string, waiter: Waiter) {
    const waiters = waiting.get(owner)!
    waiters.splice(waiters.indexOf(waiter), 1)
    waitingCount -= 1
    if (waiters.length === 0) waiting.delete(owner)
  }

  function wait(owner: string, signal: AbortSignal | undefined): Promise<Slot> {
    const waiters = waiting.get(owner) ?? []
    if (waitingCount >= waitingMax || waiters.length >= waitingEachMax) throw busy()
    return new Promise((resolve, reject) => {
      const abort = () => waiter.giveUp(signal!.reason)
      const waiter: Waiter = {
        until: waitMs === undefined ? Number.POSITIVE_INFINITY : now() + waitMs,
        begin() {
          signal?.removeEventListener('abort', abort)
          resolve(take(owner))
        },
        giveUp(reason) {
          signal?.removeEventListener('abort', abort)
          drop(owner, waiter)
          reject(reason)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      waiting.set(owner, waiters)
      waiters.push(waiter)
      waitingCount += 1
      if (waitMs !== undefined && !timer) timer = setTimeout(giveUpLate, waitMs).unref()
    })
  }

  /**
   * Refuses expired waits. All waits are equally long, so the first of an owner expires first and
   * one timer is enough.
   */
  function giveUpLate() {
    timer = undefined
    let next = Number.POSITIVE_INFINITY
    for (const waiters of waiting.values()) {
      while (waiters[0] && waiters[0].until <= now()) waiters[0].giveUp(busy())
      next = Math.min(next, waiters[0]?.until ?? next)
    }
    if (waitingCount > 0) timer = setTimeout(giveUpLate, Math.max(0, next - now())).unref()
  }

  function slot(owner: string, signal?: AbortSignal) {
    signal?.throwIfAborted()
    return uses.hasSlot(owner) && !waiting.has(owner) ? take(owner) : wait(owner, signal)
  }

  return {
    serve: serveNext,
    taken: uses.taken,
    waiting: () => waitingCount,
    slot,
    run: async (owner, work, signal) => runIn(slot(owner, signal), work),
  }
}

async function runIn<T>(slot: Slot | Promise<Slot>, work: () => Promise<T>): Promise<T> {
  const free = typeof slot === 'function' ? slot : await slot
  try {
    return await work()
  } finally {
    free()
  }
}

/** Tracks the slots in use and the recent slot time of each owner. */
function createUses(limits: ShareLimits, now: () => number) {
  const { slots, slotsEach, leavesRoom = false, heldByOthers = () => 0 } = limits
  const uses = new Map<string, Use>()
  let used = 0

  /** Updates the slot time of an owner to now. */
  function useOf(owner: string): Use {
    const at = now()
    const use = uses.get(owner) ?? { running: 0, ms: 0, at }
    const elapsedMs = at - use.at
    use.ms = use.ms * 2 ** (-elapsedMs / halfLifeMs) + use.running * elapsedMs
    use.at = at
    return use
  }

  function hasSlot(owner: string) {
    const free = slots - used - heldByOthers()
    const running = uses.get(owner)?.running ?? 0
    return running < slotsEach && (leavesRoom ? running : 0) < free
  }

  function forgetIdle() {
    for (const [owner, { running }] of uses) if (running === 0) uses.delete(owner)
  }

  return {
    hasSlot,
    taken: () => used,
    begin(owner: string) {
      used += 1
      const use = useOf(owner)
      use.running += 1
      uses.set(owner, use)
    },
    end(owner: string) {
      used -= 1
      const use = useOf(owner)
      use.running -= 1
      if (use.running === 0 && use.ms < quantumMs) uses.delete(owner)
      else if (uses.size > idleOwnersMax) forgetIdle()
    },
    /** Returns the owner with the least slot time; the first of several equal ones. */
    least(owners: Iterable<string>): string | undefined {
      let next: string | undefined
      let least = Number.POSITIVE_INFINITY
      for (const owner of owners) {
        if (!hasSlot(owner)) continue
        const quanta = Math.floor(useOf(owner).ms / quantumMs)
        if (quanta >= least) continue
        next = owner
        least = quanta
      }
      return next
    },
  }
}
