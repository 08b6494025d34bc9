import type { Db, Statement } from '../database.ts'
import type { EventRow } from './events.ts'

/**
 * An event by its sequence and time. After lost commits the same sequence may hold another event.
 */
export type EventMark = { sequence: number; ts: string }

/** SQL condition on the session `:sessionId`: its log contains the event of a mark. */
export const hasEvent = (sequence: string, ts: string) =>
  `exists (select from events e where e.session_id = :sessionId and e.sequence = ${sequence} and e.ts = ${ts}::timestamptz)`

const at: Statement = {
  name: 'event-time',
  text: 'select ts from events where session_id = $1 and sequence = $2',
}

/** Returns when the event at a sequence was stored; undefined where there is none. */
export async function findEventTime(db: Db, sessionId: string, sequence: number) {
  const [row] = await db.run<{ ts: string }>(at, [sessionId, sequence])
  return row?.ts
}

const latest: Statement = {
  name: 'latest-before',
  text: `
select sequence, type, ts, context::text as context, data::text as data, tags
from events
where session_id = $1 and sequence <= $2 and ts < $3::timestamptz
  and ($4::text[] is null or type = any($4)) and ($5::text[] is null or not type = any($5))
order by sequence desc limit 1`,
}

export type CommonEventQuery = {
  /** The event that was lost. */
  lost: EventMark
  types?: readonly string[] | undefined
  exclude?: readonly string[] | undefined
}

/**
 * Finds the last event that a lost history and the log have in common. Events stored after the
 * commits were lost are younger than all lost events.
 * Contract: prefers an earlier event to one that only the log has.
 */
export async function findCommon(
  db: Db,
  sessionId: string,
  { lost, types, exclude }: CommonEventQuery,
) {
  const values = [sessionId, lost.sequence, lost.ts, types ?? null, exclude ?? null]
  const [row] = await db.run<EventRow>(latest, values)
  return row
}

const missing: Statement = {
  name: 'missing-events',
  text: `
select k.at::integer as at from unnest($1::text[], $2::integer[], $3::timestamptz[]) with ordinality as k(session_id, sequence, ts, at)
where not exists (
  select from events e where e.session_id = k.session_id and e.sequence = k.sequence and e.ts = k.ts
)`,
}

/** Returns those of some events that the logs of their sessions no longer contain. */
export async function findMissing<Mark extends EventMark & { sessionId: string }>(
  db: Db,
  marks: readonly Mark[],
): Promise<Mark[]> {
  const rows = await db.run<{ at: number }>(missing, [
    marks.map(({ sessionId }) => sessionId),
    marks.map(({ sequence }) => sequence),
    marks.map(({ ts }) => ts),
  ])
  return rows.map(({ at }) => marks[at - 1]!)
}
