import { setTimeout as sleep } from 'node:timers/promises'

/** Looks until there is something to see: for what nothing tells of, such as a turn that has parked. */
export async function eventually<T>(look: () => Promise<T>): Promise<NonNullable<T>> {
  for (;;) {
    const found = await look()
    if (found) return found
    await sleep(10)
  }
}
