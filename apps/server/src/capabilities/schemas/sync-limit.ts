import { createContext, Script } from 'node:vm'

const timeoutMs = 250
const context = createContext({ work: () => undefined })
const script = new Script('work()')

/**
 * Runs work with a time limit of 250 ms: a foreign schema or its regular expressions can take
 * years. Only processor time of this thread counts, so that a busy machine does not refuse what is
 * valid.
 * Contract: work can run several times. Throws an error of `isTooSlow` at the limit, and errors of
 * `work`.
 */
export function withSyncLimit<T>(work: () => T): T {
  context.work = work
  for (let timeout = timeoutMs; ; timeout *= 2) {
    const before = process.threadCpuUsage()
    try {
      return script.runInContext(context, { timeout })
    } catch (error) {
      const { user, system } = process.threadCpuUsage(before)
      if (!isTooSlow(error) || (user + system) / 1_000 >= timeoutMs) throw error
    }
  }
}

export const isTooSlow = (error: unknown) =>
  (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
