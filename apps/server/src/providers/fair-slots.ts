export type SlotLimits = {
  total: number
  /** Slots that one owner may have at once. */
  ofOne: number
}

/** Waits for a slot; the result frees it. Contract: throws the reason of `signal` when that aborts first. */
export type TakeSlot = (owner: string, signal?: AbortSignal) => Promise<() => void>

type Waiting = { owner: string; begin: () => void }

/** Slots that owners share: one whose work waits does not keep others from theirs. */
export function createSlots({ total, ofOne }: SlotLimits): TakeSlot {
  const used = new Map<string, number>()
  const waiting = new Set<Waiting>()
  let inUse = 0

  const mayBegin = (owner: string) => inUse < total && (used.get(owner) ?? 0) < ofOne

  function begin(owner: string): () => void {
    inUse += 1
    used.set(owner, (used.get(owner) ?? 0) + 1)
    let isFree = false
    return () => {
      if (isFree) return
      isFree = true
      inUse -= 1
      const left = used.get(owner)! - 1
      if (left > 0) used.set(owner, left)
      else used.delete(owner)
      passOn()
    }
  }

  /** The owner with the fewest slots is next. */
  function passOn() {
    const able = [...waiting].filter(({ owner }) => mayBegin(owner))
    if (able.length === 0) return
    const next = able.reduce((least, one) =>
      (used.get(one.owner) ?? 0) < (used.get(least.owner) ?? 0) ? one : least,
    )
    waiting.delete(next)
    next.begin()
  }

  return (owner, signal) => {
    signal?.throwIfAborted()
    if (mayBegin(owner)) return Promise.resolve(begin(owner))
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        waiting.delete(entry)
        reject(signal?.reason)
      }
      const entry: Waiting = {
        owner,
        begin() {
          signal?.removeEventListener('abort', giveUp)
          resolve(begin(owner))
        },
      }
      waiting.add(entry)
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }
}
