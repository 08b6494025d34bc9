import { readlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/**
 * With so much more niceness a thread gets a third as much CPU time as the event loop; with lower
 * priority it misses its time limits.
 */
const added = 5

/** The niceness of work below the server, whose own one an operator may have set. */
export const lowNiceness = () =>
  Math.min(os.constants.priority.PRIORITY_LOW, os.getPriority(process.pid) + added)

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
    os.setPriority(threadId, lowNiceness())
  } catch {
    // Not permitted here: all threads have equal priority.
  }
}
