/**
 * Returns a function that runs `work` once at a time: a call during a run returns its result,
 * also if it has other arguments.
 */
export function sharedRun<A extends unknown[], T>(work: (...given: A) => Promise<T>) {
  let running: Promise<T> | undefined
  return (...given: A): Promise<T> => {
    running ??= work(...given).finally(() => {
      running = undefined
    })
    return running
  }
}
