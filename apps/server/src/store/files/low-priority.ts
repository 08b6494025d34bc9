import os from 'node:os'

/** Yields to the event loop at a third of its time; lower, threads miss their time limits. */
export const niceness = 5

/**
 * Lets a thread that computes for long give way to the server's loop.
 * Contract: to be called in the thread. Only Linux has priorities of threads; elsewhere nothing
 * changes.
 */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(niceness)
  } catch {
    // Not allowed here: then all threads are equal.
  }
}
