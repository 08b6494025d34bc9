import type { StreamQuery } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { type EventPosition, eventId, eventPosition, timeOf } from '../../ids.ts'
import type { Db } from '../../store/database.ts'
import { findCommon, findEventTime } from '../../store/log/lost-events.ts'

type Start = Pick<StreamQuery, 'since_id' | 'after_sequence'> & {
  last_event_id: string | string[] | undefined
}

/** Position of a client. `storedAt`: time of its last event in ms, if it was read. */
export type Resumed = { position: EventPosition; storedAt: number | undefined }

/**
 * Reads the position of a client. The query has precedence over the header, an event id over a
 * sequence.
 * Contract: 400 for an event of another session; 409 `history_changed` for one that the log does
 * not have any more.
 */
export async function resumeFrom(db: Db, sessionId: string, start: Start): Promise<Resumed> {
  const { since_id, after_sequence, last_event_id } = start
  const id = since_id ?? (after_sequence === undefined ? last_event_id : undefined)
  if (typeof id !== 'string' || id === '') {
    return { position: { sequence: after_sequence ?? 0, offset: 0 }, storedAt: undefined }
  }
  const position = eventPosition(sessionId, id)
  if (position.sequence === 0) return { position, storedAt: undefined }
  const ts = await findEventTime(db, sessionId, position.sequence)
  const storedAt = ts === undefined ? undefined : Date.parse(ts)
  if (storedAt === undefined || !isOf(id, position, storedAt)) {
    throw await historyChanged(db, sessionId, { sequence: position.sequence, time: timeOf(id) })
  }
  return { position, storedAt }
}

/** Delta ids of earlier versions contain the time of the delta, not that of the event. */
const isOf = (id: string, { offset }: EventPosition, storedAt: number) =>
  offset === 0 ? timeOf(id) === storedAt : timeOf(id) >= storedAt

/** PostgreSQL reads years up to 9999 in this form; an id has 48 bits of time. */
const timeMax = Date.parse('9999-12-31T23:59:59.999Z')

async function historyChanged(
  db: Db,
  sessionId: string,
  { sequence, time }: { sequence: number; time: number },
): Promise<ApiError> {
  const lost = { sequence, ts: new Date(Math.min(time, timeMax)).toISOString() }
  const common = await findCommon(db, sessionId, { lost })
  const resume = common
    ? {
        since_id: eventId(sessionId, common.ts, { ...common, offset: 0 }),
        sequence: common.sequence,
      }
    : { since_id: null, sequence: 0 }
  return new ApiError('history_changed', undefined, undefined, undefined, resume)
}
