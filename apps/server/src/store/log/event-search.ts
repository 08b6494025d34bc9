import type { Db } from '../database.ts'
import { containing } from '../like.ts'
import { statement, valuesOf } from '../statements.ts'
import { lengthEstimate, readableJson } from '../stored-json.ts'
import { type EventRow, isRatingBy } from './events.ts'

/** Conditions on single events. Absent ones match all. */
export type EventMatch = {
  types?: readonly string[] | undefined
  exclude?: readonly string[] | undefined
  /** Leaves out ratings of all other givers. */
  ratingsBy?: string | undefined
  from?: string | undefined
  to?: string | undefined
  turnId?: string | undefined
  execId?: string | undefined
  traceId?: string | undefined
  tags?: readonly string[] | undefined
  toolName?: string | undefined
  /** Text in the JSON of `data`, in any case. */
  text?: string | undefined
}

export type EventSearch = EventMatch & {
  sessionId: string
  /** The events between these sequences, without them. */
  after: number
  before: number
  limit: number
  isBackwards: boolean
  /** Maximum number of events to look at. */
  scannedMax: number
}

/** The events in the order of the search. `scannedTo`: where to go on, unless all was seen. */
export type FoundEvents = { rows: EventRow[]; scannedTo: number | undefined }

const windowSize = 2_000
/** Estimated bytes of the events of one statement, and the bytes that all statements search. */
const windowBytesMax = 16 * 1024 * 1024
const scannedBytesMax = 64 * 1024 * 1024
/** Bytes of the found events of one statement, and of all. */
const rowsBytesMax = 4 * 1024 * 1024
const foundBytesMax = 16 * 1024 * 1024

/** Names of the tools of an event: of a call, of its outcome, or of several calls. */
const namesTool = `case when type like 'tool.%' then exists (
    select from (select ${readableJson('data')} as tool_data offset 0) d
    where coalesce(tool_data->>'tool_name', tool_data->'tool_call'->>'name') = :toolName
      or exists (
        select from json_array_elements(
          case when json_typeof(tool_data->'tool_calls') = 'array' then tool_data->'tool_calls' end
        ) c where c->>'name' = :toolName
      )
  ) else false end`

const hasType = `(:types::text[] is null or type = any(:types)) and (:exclude::text[] is null or not type = any(:exclude))`

/** Conditions on the text of events read it, for some types; others only look at columns. */
const searchedLength = `case
    when ${hasType} and (:text::text is not null or :toolName::text is not null and type like 'tool.%')
    then octet_length(data::text) else 0 end`

/** Looks at one window of the log in the order of the key, and reads the values of matches only. */
const searchIn = (name: string, order: 'asc' | 'desc') =>
  statement(
    name,
    `
with page as (
  select sequence, type, ts, context, data, tags, ${lengthEstimate('data')} as size
  from events
  where session_id = :sessionId and sequence > :after and sequence < :before
  order by sequence ${order} limit ${windowSize}
), sized as (
  select *, sum(size) over (order by sequence ${order}) - size as before from page
), seen as (
  select * from sized where before < ${windowBytesMax}
), found as (
  select sequence, type, ts, context::text as context, data::text as data, tags
  from seen
  where ${hasType}
    and ${isRatingBy(':ratingsBy')}
    and (:from::timestamptz is null or ts >= :from) and (:to::timestamptz is null or ts <= :to)
    and (:turnId::text is null or context->>'turn_id' = :turnId)
    and (:execId::text is null or context->>'exec_id' = :execId)
    and (:traceId::text is null or context->>'trace_id' = :traceId)
    and (:tags::text[] is null or tags && :tags)
    and (:toolName::text is null or ${namesTool})
    and (:text::text is null or data::text ilike :text)
  order by sequence ${order} limit :limit
), measured as (
  select *, count(*) over ()::int as found,
    sum(octet_length(data)) over (order by sequence ${order}) - octet_length(data) as before
  from found
)
select s.*, m.sequence, m.type, m.ts, m.context, m.data, m.tags, m.found
from (
  select count(*)::int as seen, coalesce(sum(${searchedLength}), 0)::int as bytes,
    ${order === 'asc' ? 'max' : 'min'}(sequence) as reached
  from seen
) s left join measured m on m.before < ${rowsBytesMax} order by m.sequence ${order}`,
  )
const forwards = searchIn('search-events', 'asc')
const backwards = searchIn('search-events-backwards', 'desc')

type Window = { seen: number; bytes: number; reached: number | null; found: number | null }
type Row = Omit<EventRow, 'sequence'> & Window & { sequence: number | null }

/**
 * Finds events, window by window.
 * Contract: looks at no more than `scannedMax` events and one window, searches no more than 64 MiB
 * and one window, and holds no more than 16 MiB and one event.
 */
export async function searchEvents(db: Db, search: EventSearch): Promise<FoundEvents> {
  const { limit, scannedMax, isBackwards } = search
  const rows: EventRow[] = []
  let { after, before } = search
  const scanned = { events: 0, bytes: 0, found: 0 }
  for (;;) {
    const range = { after, before, limit: limit - rows.length }
    const page = await readWindow(db, { ...search, ...range })
    const { seen, bytes, reached, found } = page[0]!
    if (reached === null) return { rows, scannedTo: undefined }
    const added = page.filter(isEvent)
    rows.push(...added)
    scanned.events += seen
    scanned.bytes += bytes
    scanned.found += added.reduce((sum, { data }) => sum + data.length, 0)
    const isCut = rows.length >= limit || added.length < (found ?? 0)
    const at = isCut ? rows.at(-1)!.sequence : reached
    if (isBackwards) before = at
    else after = at
    if (before - after <= 1) return { rows, scannedTo: undefined }
    const isOver = scanned.bytes >= scannedBytesMax || scanned.found >= foundBytesMax
    if (rows.length >= limit || scanned.events >= scannedMax || isOver)
      return { rows, scannedTo: at }
  }
}

const isEvent = (row: Row): row is Row & EventRow => row.sequence !== null

function readWindow(db: Db, search: EventSearch): Promise<Row[]> {
  const { sessionId, after, before, limit, isBackwards, text, ...match } = search
  const named = isBackwards ? backwards : forwards
  const values = valuesOf(named, {
    sessionId,
    after,
    before,
    limit,
    types: match.types ?? null,
    exclude: match.exclude ?? null,
    ratingsBy: match.ratingsBy ?? null,
    from: match.from ?? null,
    to: match.to ?? null,
    turnId: match.turnId ?? null,
    execId: match.execId ?? null,
    traceId: match.traceId ?? null,
    tags: match.tags ?? null,
    toolName: match.toolName ?? null,
    text: text === undefined ? null : containing(text),
  })
  return db.run<Row>(named, values)
}
