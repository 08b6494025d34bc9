import type { Log } from '../log.ts'

/** Time after the grace period in ms, in which a node that handles an exception has to end. */
const lastMs = 10_000

type Handling = {
  log: Log
  graceMs: number
  /** Hands turns over. */
  stop: () => Promise<unknown>
}

/**
 * Handles errors that no other code handled. A rejected promise is logged, and the node continues.
 * After an exception the state of the process is undefined: the error is logged, turns are handed
 * over, and the node exits with code 1. Output that cannot be written, as on a full disk, is lost.
 */
export function handleStrays({ log, graceMs, stop }: Handling): void {
  let ending = false
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  logRejections(log)
  process.on('uncaughtException', async (error) => {
    log.error('uncaught exception', { error })
    if (ending) return
    ending = true
    setTimeout(() => process.exit(1), graceMs + lastMs)
    await stop().catch(() => {})
    process.exit(1)
  })
}

export function logRejections(log: Log): void {
  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }))
}
