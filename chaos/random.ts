import { createHash } from 'node:crypto'

/** Pseudorandom numbers that are the same for the same seed. */
export type Random = {
  /** From 0 to below 1. */
  fraction: () => number
  /** A whole number, both ends included. */
  between: (from: number, to: number) => number
  pick: <T>(list: readonly T[]) => T
  shuffled: <T>(list: readonly T[]) => T[]
}

/** Creates an independent source for each list of names: use of one does not change another. */
export function randomOf(...names: (string | number)[]): Random {
  const words = createHash('sha256').update(JSON.stringify(names)).digest()
  let state = words.readUInt32LE(0)
  /** mulberry32 */
  function fraction() {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (from: number, to: number) => from + Math.floor(fraction() * (to - from + 1))
  return {
    fraction,
    between,
    pick: (list) => list[between(0, list.length - 1)]!,
    shuffled(list) {
      const left = [...list]
      return list.map(() => left.splice(between(0, left.length - 1), 1)[0]!)
    },
  }
}

/** Iterates over a list in a new order each round, so that every element occurs soon. */
export function* inTurn<T>(random: Random, list: readonly T[]): Generator<T, never> {
  for (;;) yield* random.shuffled(list)
}
