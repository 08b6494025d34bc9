/** The database cannot be used as it is. The message says why in one sentence. */
export class DatabaseUnusableError extends Error {
  override name = 'DatabaseUnusableError'
}
