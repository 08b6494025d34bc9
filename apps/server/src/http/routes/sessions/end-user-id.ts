import { invalidAt } from '../../../errors.ts'

/**
 * Returns the id of an end user for storage.
 * Contract: throws 400 for an unpaired surrogate, which the database would store as U+FFFD: two
 * different ids would become equal.
 */
export function checkedUser<User extends string | null>(user: User): User {
  if (user === null || user.isWellFormed()) return user
  throw invalidAt('user', 'must be valid Unicode')
}
