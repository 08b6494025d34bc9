/**
 * The database cannot be used in its current state. The message contains the reason in one
 * sentence.
 */
export class DatabaseUnusableError extends Error {
  override name = 'DatabaseUnusableError'
}
