import os from 'node:os'

/**
 * Lets a thread that computes for long give way to the server's loop.
 * Contract: to be called in the thread. Only Linux has priorities of threads; elsewhere nothing changes.
 */
export function giveWay(): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(os.constants.priority.PRIORITY_LOW)
  } catch {
    // Not allowed here: then all threads are equal.
  }
}
