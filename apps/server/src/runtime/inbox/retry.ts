import type { RetriedTurn } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Db } from '../../store/database.ts'
import { readBackwards, sequenceMax } from '../../store/log/events.ts'
import type { SessionScope } from '../../store/scope.ts'
import { findLastFailure, retryTurn } from '../../store/turns/retries.ts'
import { loggedEvent } from '../journal/journal.ts'
import type { Node } from '../node.ts'
import { getOriginal } from './retake.ts'

/** A turn, or another call, can change the session between the two statements. */
const roundsMax = 3

type Retrying = { orgId: string; sessionId: string; endUser?: SessionScope | undefined }

export type Retried = { turn: RetriedTurn; isNew: boolean }

/**
 * Retries the latest turn of a session, which failed. While that retry runs, returns it again.
 * Contract: throws 404, `turn_not_failed`, `session_not_idle`, `too_many_turns`.
 */
export async function retrySession(
  { quotas: { turnsMax, userTurnsMax } }: Pick<Node, 'quotas'>,
  db: Db,
  { orgId, sessionId, endUser }: Retrying,
): Promise<Retried> {
  const by = endUser && { user: endUser, max: userTurnsMax }
  for (let round = 0; round < roundsMax; round += 1) {
    const last = await findLastFailure(db, orgId, sessionId)
    if (!last) throw new ApiError('not_found', 'Session')
    if (last.failed === null) {
      throw new ApiError(last.turn_id === null ? 'turn_not_failed' : 'session_not_idle')
    }
    const { failed, sequence } = last
    const of = { session_id: sessionId, failed_turn_id: failed, sequence }
    if (last.turn_id !== null) return { turn: { ...of, turn_id: last.turn_id }, isNew: false }
    const turnId = newId('turn')
    const input = last.recorded ? undefined : await findFailedInput(db, sessionId)
    if (await retryTurn(db, { orgId, sessionId, failed, input, turnId, turnsMax, by })) {
      return { turn: { ...of, turn_id: turnId }, isNew: true }
    }
  }
  throw new ApiError('too_many_turns')
}

/** The message of the last failed turn of a log. */
async function findFailedInput(db: Db, sessionId: string) {
  const read = { type: 'turn.failed', before: sequenceMax, limit: 1 } as const
  const [failed] = await readBackwards(db, sessionId, read)
  const messageId = failed && loggedEvent(failed).context.input_message_id
  if (messageId === undefined) throw new ApiError('turn_not_failed')
  const { sequence } = await getOriginal(db, sessionId, messageId)
  return { messageId, sequence }
}
