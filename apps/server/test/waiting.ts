import { setTimeout as sleep } from 'node:timers/promises'

/** Polls until there is a result: for states without an event, such as a parked turn. */
export async function eventually<T>(look: () => Promise<T>): Promise<NonNullable<T>> {
  for (;;) {
    const found = await look()
    if (found) return found
    await sleep(10)
  }
}
