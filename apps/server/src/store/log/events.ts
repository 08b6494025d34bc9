import type { EventType } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { eventId, eventPosition } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { lengthEstimate, readableJson } from '../stored-json.ts'
import { conversationTypes, messageTypes } from './conversation.ts'

/** An event as stored, its JSON unparsed. */
export type EventRow = {
  sequence: number
  type: EventType
  ts: string
  context: string
  data: string
  tags: string[] | null
}

/**
 * An event as clients get it: one line of JSON, with the fields that filters and positions need.
 */
export type WireEvent = { sequence: number; type: EventType; id: string; json: string }

/**
 * SQL: true for a rating of the giver, for other events, and without a giver. Givers are named as
 * `giverOf` of the SDK names them.
 */
export const isRatingBy = (giver: string) => `(${giver}::text is null
    or case when type = 'feedback.given' then ${giver} = (
      select coalesce(
        'end_user ' || (by->>'user'),
        case when by->>'kind' = 'token' then 'token' else concat(by->>'kind', ' ', by->>'id') end
      ) from (select ${readableJson('data')}->'given_by' as by offset 0) given
    ) else true end)`

const page: Statement = {
  name: 'read-events',
  text: `
select sequence, type, ts, context::text as context, data::text as data, tags
from events
where session_id = $1 and sequence > $2 and sequence <= $3
  and ($4::text[] is null or type = any($4)) and ($5::text[] is null or not type = any($5))
order by sequence limit $6`,
}

export const sequenceMax = 2_147_483_647

export type EventsRead = {
  after: number
  upTo?: number
  types?: readonly string[] | undefined
  exclude?: readonly string[] | undefined
  /** Leaves out ratings of all other givers. */
  ratingsBy?: string | undefined
  limit: number
}

/** Reads events after a sequence, in order. */
export function readEvents(db: Db, sessionId: string, read: EventsRead): Promise<EventRow[]> {
  const { after, upTo = sequenceMax, types, exclude, limit } = read
  return db.run<EventRow>(page, [sessionId, after, upTo, types ?? null, exclude ?? null, limit])
}

/** Rows are limited by an estimate first, without reading large values, then by their length. */
const bounded: Statement = {
  name: 'read-page',
  text: `
with page as (
  select sequence, type, ts, context, data, tags
  from events
  where session_id = $1 and sequence > $2 and sequence <= $3
    and ($4::text[] is null or type = any($4)) and ($5::text[] is null or not type = any($5))
    and ${isRatingBy('$8')}
  order by sequence limit $6
), sized as (
  select *, count(*) over () as found, sum(size) over (order by sequence) - size as before
  from (select *, ${lengthEstimate('data')} as size from page) p
), texts as (
  select sequence, type, ts, context::text as context, data::text as data, tags, found
  from sized where before < $9
  -- Without it, each use of a text would read its value once more.
  offset 0
), measured as (
  select *, sum(octet_length(data)) over (order by sequence) - octet_length(data) as before from texts
)
select sequence, type, ts, context, data, tags, found from measured where before < $7 order by sequence`,
}

const pageBytesMax = 4 * 1024 * 1024

type PageRead = EventsRead & { bytesMax?: number; estimateMax?: number }

/**
 * Reads a page of events: at most `limit`, at most one event past `bytesMax`, and of those that are
 * estimated at `estimateMax`. `more`: read again.
 */
export async function readPage(
  db: Db,
  sessionId: string,
  { bytesMax = pageBytesMax, estimateMax = pageBytesMax, ...read }: PageRead,
) {
  const { after, upTo = sequenceMax, types, exclude, ratingsBy, limit } = read
  const filter = [types ?? null, exclude ?? null]
  const limits = [limit, bytesMax]
  const values = [sessionId, after, upTo, ...filter, ...limits, ratingsBy ?? null, estimateMax]
  const rows = await db.run<EventRow & { found: number }>(bounded, values)
  const found = rows[0]?.found ?? 0
  return { rows: rows as EventRow[], more: found === limit || rows.length < found }
}

const counted: Statement = {
  name: 'count-events',
  text: `
select count(*)::int as total from events
where session_id = $1 and sequence > $2 and sequence <= $3
  and ($4::text[] is null or type = any($4)) and ($5::text[] is null or not type = any($5))
  and ${isRatingBy('$6')}`,
}

/** Counts the events that a read without its limit would return. */
export async function countEvents(db: Db, sessionId: string, read: Omit<EventsRead, 'limit'>) {
  const { after, upTo = sequenceMax, types, exclude, ratingsBy } = read
  const filter = [types ?? null, exclude ?? null, ratingsBy ?? null]
  const values = [sessionId, after, upTo, ...filter]
  const [row] = await db.run<{ total: number }>(counted, values)
  return row!.total
}

const these: Statement = {
  name: 'read-these',
  text: `
select sequence, type, ts, context::text as context, data::text as data, tags
from events where session_id = $1 and sequence = any($2) order by sequence`,
}

/** Reads the events at these sequences, in order. */
export const readThese = (db: Db, sessionId: string, sequences: readonly number[]) =>
  db.run<EventRow>(these, [sessionId, sequences])

/** Bytes of the messages before a turn that are read for it: more than models accept. */
const messagesBytesMax = 128 * 1024 * 1024
/** Messages below this estimate are below that limit: compression saves a factor of 90 at most. */
const wholeEstimateMax = 32 * 1024 * 1024
/** Logs below this estimate are short: about 1 MiB of prose. */
const shortEstimateMax = 8 * 1024 * 1024
const messageList = messageTypes.map((type) => `'${type}'`).join(', ')
const isMessage = `session_id = $1 and sequence > $4 and type in (${messageList})`

/**
 * `start`: 0 unless older messages are left out, else the sequence of the first message. Lengths
 * are read from the newest message backwards, and only if the messages may be too long. A log that
 * is estimated above $7 is not read: its only row has its estimate.
 */
const log: Statement = {
  name: 'read-log',
  text: `
with recursive sized as (
  select coalesce(sum(${lengthEstimate('data')}) filter (where sequence < $3), 0) as before,
    coalesce(sum(${lengthEstimate('data')}) filter (where sequence >= $3), 0) as own
  from events where ${isMessage} and sequence <= $6
), estimated as materialized (
  select before, least(before, ${messagesBytesMax}) + own as estimate from sized
), read as (
  select $3::integer as sequence, '' as type, 0::bigint as length
  from estimated where before > ${wholeEstimateMax} and estimate <= $7
  union all
  select earlier.sequence, earlier.type, read.length + earlier.length
  from read cross join lateral (
    select sequence, type, octet_length(data::text) as length
    from events where ${isMessage} and sequence < read.sequence and sequence <= $6
    order by sequence desc limit 1
  ) earlier
  where read.length <= ${messagesBytesMax}
), first as materialized (
  select coalesce(case when max(length) > ${messagesBytesMax} then coalesce(
    min(sequence) filter (where type = 'input.message' and length <= ${messagesBytesMax}), $3
  ) end, 0) as start from read
)
select sequence, type, ts, context::text as context,
  case when (select estimate <= $7 from estimated) then data::text end as data, tags,
  (select start from first) as start, (select estimate::bigint from estimated) as estimate
from events
where session_id = $1 and sequence > $4 and sequence <= $6
  and ((select estimate <= $7 from estimated) or sequence = $3)
  and (
    sequence >= $3 or sequence = $5 or type = any($2)
      and (type <> 'session.activated' or ${readableJson('data')}->>'input_sequence' is not null)
      and (sequence >= (select start from first) or type not in (${messageList}))
  )
order by sequence`,
}

/** `isCut`: older messages are left out. */
export type ReadLog = { rows: EventRow[]; isCut: boolean }

/** A log that was not read, because it may be long. */
export type LongLog = { estimate: number }

/**
 * Reads the log of a turn: the newest 128 MiB of the session's messages, and all events from the
 * turn's first message on.
 */
export const readLog = (
  db: Db,
  sessionId: string,
  turnFrom: number,
  upTo = sequenceMax,
): Promise<ReadLog> =>
  runLog(db, [sessionId, conversationTypes, turnFrom, 0, null, upTo, Number.MAX_SAFE_INTEGER])

/** Reads the same, unless it may be long. */
export async function readShortLog(
  db: Db,
  sessionId: string,
  turnFrom: number,
): Promise<ReadLog | LongLog> {
  const values = [sessionId, conversationTypes, turnFrom, 0, null, sequenceMax, shortEstimateMax]
  const { estimate, ...read } = await runLog(db, values)
  return estimate > shortEstimateMax ? { estimate } : read
}

/**
 * Reads the same from an event on. That event comes first, so that the reader can compare it.
 * Undefined if it may be long.
 */
export async function readLogFrom(
  db: Db,
  sessionId: string,
  turnFrom: number,
  sequence: number,
): Promise<EventRow[] | undefined> {
  const from = [turnFrom, sequence - 1, sequence]
  const values = [sessionId, conversationTypes, ...from, sequenceMax, shortEstimateMax]
  const { rows, estimate } = await runLog(db, values)
  return estimate > shortEstimateMax ? undefined : rows
}

async function runLog(db: Db, values: readonly unknown[]): Promise<ReadLog & LongLog> {
  const rows = await db.run<EventRow & { start: number; estimate: number }>(log, values)
  return { rows, isCut: rows.some(({ start }) => start > 0), estimate: rows[0]?.estimate ?? 0 }
}

const backwards: Statement = {
  name: 'read-backwards',
  text: `
select sequence, type, ts, context::text as context, data::text as data, tags
from events where session_id = $1 and sequence < $2 and type = any($3)
order by sequence desc limit $4`,
}

export type BackwardRead = {
  type: EventType | readonly EventType[]
  before: number
  limit: number
}

/** Reads events of some types before a sequence, the latest first. */
export function readBackwards(db: Db, sessionId: string, { type, before, limit }: BackwardRead) {
  return db.run<EventRow>(backwards, [sessionId, before, [type].flat(), limit])
}

/** Returns the sequence of an event. Contract: throws 400 when the session has none of this id. */
export async function sequenceOf(db: Db, sessionId: string, id: string): Promise<number> {
  const { sequence } = eventPosition(sessionId, id)
  const read = { after: sequence - 1, upTo: sequence, limit: 1 }
  const [row] = await readEvents(db, sessionId, read)
  if (!row || wireEvent(sessionId, row).id !== id) throw new ApiError('unknown_event_id')
  return sequence
}

const ofMessage: Statement = {
  name: 'events-of-message',
  text: `
select sequence, type, ts, context::text as context, data::text as data, tags
from events where session_id = $1 and type = any($2) and position($3 in data::text) > 0
order by sequence limit 8`,
}

const ownMessageTypes: EventType[] = ['input.message', 'output.message.completed']

/**
 * Finds the first few events that contain the id of a posted message or of a reply, as one of them
 * or in a field of a client: messages may be large. JSON operators would fail for messages with
 * NUL.
 */
export const findMessageEvents = (db: Db, sessionId: string, messageId: string) =>
  db.run<EventRow>(ofMessage, [sessionId, ownMessageTypes, `"id":"${messageId}"`])

const inputsNamed: Statement = {
  name: 'inputs-named',
  text: `
with inputs as (
  select sequence, type, ts, context, data, tags, row_number() over (order by sequence desc) as place
  from events where session_id = $1 and type = 'input.message' order by sequence desc limit $2
)
select sequence, type, ts, context::text as context, data::text as data, tags, place = 1 as latest
from inputs where sequence < $4
  and exists (select from unnest($3::text[]) as wanted where position(wanted in data::text) > 0)
order by sequence desc limit $5`,
}

export type InputRow = EventRow & { latest: boolean }

type InputsSearch = { fields: readonly object[]; latest: number }

/** Rows that are read at once: messages may be large. */
const inputsPage = 8

/**
 * Finds those of the session's latest messages of users that have one of the fields, as JSON
 * anywhere in them, without reading the others. The latest are first.
 */
export async function* findInputsWith(
  db: Db,
  sessionId: string,
  { fields, latest }: InputsSearch,
): AsyncGenerator<InputRow> {
  const wanted = fields.map((field) => JSON.stringify(field).slice(1, -1))
  let before = sequenceMax
  let rows: InputRow[]
  do {
    rows = await db.run<InputRow>(inputsNamed, [sessionId, latest, wanted, before, inputsPage])
    yield* rows
    before = rows.at(-1)?.sequence ?? 0
  } while (rows.length === inputsPage)
}

const last: Statement = {
  name: 'last-sequences',
  text: `
select s.id, s.sequence from unnest($1::text[], $2::text[]) as f(org_id, id)
join sessions s on s.org_id = f.org_id and s.id = f.id`,
}

/** Reads the last sequence of each session that still exists. */
export function lastSequences(db: Db, sessions: { orgId: string; id: string }[]) {
  const values = [sessions.map(({ orgId }) => orgId), sessions.map(({ id }) => id)]
  return db.run<{ id: string; sequence: number }>(last, values)
}

/** Builds an event's line of JSON on the wire. `data` is JSON already. */
export function wireEvent(
  sessionId: string,
  row: Omit<EventRow, 'tags'> & { tags?: string[] | null },
) {
  const { sequence, type, ts, context, data, tags } = row
  const id = eventId(sessionId, ts, { sequence, offset: 0 })
  const tagged = tags ? `,"tags":${JSON.stringify(tags)}` : ''
  const json = `{"id":"${id}","type":"${type}","ts":"${ts}","session_id":"${sessionId}","context":${context},"data":${data},"sequence":${sequence}${tagged}}`
  return { sequence, type, id, json } satisfies WireEvent
}
