import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseWaits } from '../src/store/database.ts'

/** Waits that no load of the machine exceeds. */
export const patient: DatabaseWaits = { statement: 60_000, connection: 60_000, lock: 60_000 }

/** Polls until there is a result: for states without an event, such as a parked turn. */
export async function eventually<T>(look: () => Promise<T>): Promise<NonNullable<T>> {
  for (;;) {
    const found = await look()
    if (found) return found
    await sleep(10)
  }
}
