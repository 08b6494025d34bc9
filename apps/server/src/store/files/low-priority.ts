import { readlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/**
 * With this niceness a thread gets a third as much CPU time as the event loop; with lower priority
 * it misses its time limits.
 */
export const niceness = 5

/** The id of the current thread for the system; 0 where threads have no priorities. */
export function systemThreadId(): number {
  if (process.platform !== 'linux') return 0
  return Number(path.basename(readlinkSync('/proc/thread-self')))
}

/**
 * Lowers the priority of a computing thread below the server's event loop. Default: the current
 * thread.
 * Contract: only Linux has thread priorities; elsewhere nothing changes.
 */
export function lowerPriority(threadId = 0): void {
  if (process.platform !== 'linux') return
  try {
    os.setPriority(threadId, niceness)
  } catch {
    // Not permitted here: all threads have equal priority.
  }
}
