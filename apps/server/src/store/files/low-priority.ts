import os from 'node:os'

/** Of work that gives way to the server's loop: a third of the processor time of what competes with it: with the least, threads miss their time limits on a loaded machine. */
export const niceness = 5

/**
 * Lets a thread that computes for long give way to the server's loop.
 * Contract: to be called in the thread. Only Linux has priorities of threads; elsewhere nothing changes.
 */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(niceness)
  } catch {
    // Not allowed here: then all threads are equal.
  }
}
