import { ApiError } from '../../errors.ts'
import { decide } from '../database-errors.ts'

/**
 * Returns why bytes of a call could not be stored, for its model: the call had its effect, which
 * lack of storage must not undo. Undefined for other errors.
 */
export function notKeptReason(error: unknown): string | undefined {
  if (error instanceof ApiError) return error.message
  return decide(error) && 'The database could not store it.'
}
