/** The attempt at a turn that made a change is no longer the current one. */
export class StaleAttemptError extends Error {
  override name = 'StaleAttemptError'
}
