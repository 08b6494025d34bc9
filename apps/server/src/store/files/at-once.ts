/**
 * Refuses a promise as the result of the function of `files.edit`: it could wait for the files,
 * which the edit locks. Contract: throws TypeError.
 */
export function checkAtOnce(decided: unknown): void {
  if (typeof (decided as PromiseLike<unknown> | undefined)?.then !== 'function') return
  Promise.resolve(decided).catch(() => {})
  throw new TypeError('The function of `files.edit` returned a promise: it must return at once.')
}
