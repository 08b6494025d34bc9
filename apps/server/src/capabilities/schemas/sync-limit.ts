import { createContext, Script } from 'node:vm'

const timeoutMs = 250
const context = createContext({ work: () => undefined })
const script = new Script('work()')

/**
 * Runs work with a time limit of 250 ms: a foreign schema or its regular expressions can take
 * years.
 * Contract: throws an error of `isTooSlow` at the limit, and errors of `work`.
 */
export function withSyncLimit<T>(work: () => T): T {
  context.work = work
  return script.runInContext(context, { timeout: timeoutMs })
}

export const isTooSlow = (error: unknown) =>
  (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
