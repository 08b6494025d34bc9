import { ApiError } from '../../errors.ts'

const triesMax = 3

/**
 * Repeats `work` while the session changes between the read on which it decides and its message,
 * which names the last event as `if_sequence`, and the key by which the session was found as
 * `if_key`. Its argument counts the tries: after the first the key can be that of another session.
 * Contract: throws the errors of `work`; `changed_meanwhile` after three tries.
 */
export async function againIfChanged<T>(work: (tries: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work(tries)
    } catch (error) {
      const isChanged = error instanceof ApiError && error.code === 'changed_meanwhile'
      if (!isChanged || tries === triesMax) throw error
    }
  }
}
