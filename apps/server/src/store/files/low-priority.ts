import os from 'node:os'

/**
 * With this niceness a thread gets a third as much CPU time as the event loop; with lower priority
 * it misses its time limits.
 */
export const niceness = 5

/**
 * Lowers the priority of a computing thread below the server's event loop.
 * Contract: call it in the thread. Only Linux has thread priorities; elsewhere nothing changes.
 */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(niceness)
  } catch {
    // Not permitted here: all threads have equal priority.
  }
}
