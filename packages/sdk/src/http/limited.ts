import { linked } from './abort.ts'
import { OutlastError } from './error.ts'

/** Longest delay of a timer. */
const timerMsMax = 2_147_483_647

/**
 * Runs `work` until the caller's signal is aborted or the timeout is over, which `work` may begin
 * again. Contract: settles at once then, whatever `work` waits for; so `work` must check its signal
 * before each effect.
 */
export async function limited<T>(
  limitMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal, again: () => void) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted()
  const { controller, signal, unlink } = linked(outer)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = () =>
    controller.abort(new OutlastError('timeout', `No response arrived within ${limitMs} ms.`))
  const again = () => {
    clearTimeout(timer)
    if (limitMs <= timerMsMax && !signal.aborted) timer = setTimeout(late, limitMs)
  }
  again()
  try {
    return await new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      work(signal, again).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    unlink()
  }
}
