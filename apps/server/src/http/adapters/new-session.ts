import type { NewSession, Session } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { seedBytesMax } from '../../runtime/inbox/seed.ts'
import type { InnerCalls } from './inner-calls.ts'

/**
 * Creates a session, or finds the one with its key. `isNew`: false if it was found.
 * Contract: throws the errors of the operation; `history_too_large` also for a history that is
 * larger than a body of the operation can be.
 */
export async function createOrFindSession(
  { call, fail }: Pick<InnerCalls, 'call' | 'fail'>,
  wanted: NewSession,
  headers?: Record<string, string>,
): Promise<{ session: Session; isNew: boolean }> {
  const response = await call<Session & { code?: string }>('POST', '/v1/sessions', wanted, headers)
  if (wanted.messages && response.body.code === 'body_too_large') {
    throw new ApiError('history_too_large', String(seedBytesMax))
  }
  if (response.status >= 400) fail(response)
  return { session: response.body, isNew: response.status === 201 }
}
