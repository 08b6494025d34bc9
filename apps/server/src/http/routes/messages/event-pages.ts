import type { EventQuery } from '@outlast/contract'
import type { FastifyReply } from 'fastify'
import { invalidAt } from '../../../errors.ts'
import type { Db } from '../../../store/database.ts'
import {
  type EventMatch,
  type EventSearch,
  type FoundEvents,
  searchEvents,
} from '../../../store/log/event-search.ts'
import { countEvents, sequenceOf } from '../../../store/log/events.ts'
import { presentEvents } from '../../../store/log/present-events.ts'
import { utcOf } from '../../core/utc.ts'
import type { EventView } from '../../security/token-view.ts'

const limitDefault = 100
const limitMax = 1_000
const windowDefault = 50
/** Events that one request may look at: with their data, or with small columns only. */
const scannedMax = { data: 20_000, columns: 200_000 }

type SearchName = Exclude<
  keyof EventQuery,
  'since_id' | 'after_sequence' | 'types' | 'exclude' | 'limit' | 'expand'
>
const conditions = [
  'from_ts',
  'to_ts',
  'turn_id',
  'exec_id',
  'trace_id',
  'tags',
  'tool_name',
  'q',
] as const satisfies SearchName[]
const positions = ['before_sequence', 'around', 'window', 'order_desc'] as const

/** True for a query of one page of the log instead of the log from a position on. */
export const isSearch = (query: EventQuery) =>
  [...conditions, ...positions].some((name) => query[name] !== undefined && query[name] !== false)

/** Contract: throws 400 for parameters that exclude each other. */
function checkPositions({ around, window, ...query }: EventQuery): void {
  if (around === undefined) {
    if (window !== undefined) throw invalidAt('window', 'requires around')
    return
  }
  const others = ['since_id', 'after_sequence', 'before_sequence', 'order_desc', 'limit'] as const
  const other = others.find((name) => query[name] !== undefined)
  if (other) throw invalidAt('around', `cannot be combined with ${other}`)
}

export type Searching = {
  orgId: string
  sessionId: string
  query: EventQuery
  filter: Pick<EventMatch, 'types' | 'exclude' | 'ratingsBy'>
  /** The position of `since_id` or `after_sequence`. */
  after: number
  /** The last sequence of the log. */
  upTo: number
  view: EventView | undefined
}

/**
 * Reads one page of events, and says where to go on.
 * Contract: bounded in events looked at and in bytes; 400 for an impossible query.
 */
export async function eventPage(db: Db, searching: Searching, reply: FastifyReply) {
  const { sessionId, query, filter, upTo } = searching
  checkPositions(query)
  const found = await find(db, searching)
  const { data, scannedTo } = await present(db, searching, found)
  const older = found.older && (await present(db, searching, found.older))
  if (older) data.unshift(...older.data)
  const hasConditions = conditions.some((name) => query[name] !== undefined)
  const total = hasConditions ? data.length : await countAll(db, sessionId, { filter, upTo })
  if (!hasConditions) reply.header('x-total-count', total)
  const more = scannedTo === undefined ? {} : { scanned_to: scannedTo }
  const capped = hasConditions && scannedTo !== undefined ? { total_capped: true } : {}
  const page = { total, offset: 0, limit: Math.max(data.length, 1), ...capped, ...more }
  reply.header('content-type', 'application/json; charset=utf-8')
  return `{"data":[${data.join(',')}],${JSON.stringify(page).slice(1)}`
}

const presentedLengthMax = 16 * 1024 * 1024

/** Presents found events in the order of the search, until they are too long. */
async function present(db: Db, searching: Searching, { rows, scannedTo, isReversed }: FoundPage) {
  const { orgId, sessionId, query, view = (event) => event } = searching
  const whole = query.expand === 'messages'
  const data: string[] = []
  let reached = scannedTo
  let length = 0
  for await (const event of presentEvents(db, { orgId, sessionId, whole }, rows)) {
    const { json } = view(event) ?? {}
    if (json !== undefined) data.push(json)
    length += json?.length ?? 0
    if (length < presentedLengthMax || event.sequence === rows.at(-1)?.sequence) continue
    reached = event.sequence
    break
  }
  return { data: isReversed ? data.reverse() : data, scannedTo: reached }
}

/** Counts the stored events of a session that the caller can see. A log has no gaps. */
export const countAll = async (
  db: Db,
  sessionId: string,
  { filter, upTo }: Pick<Searching, 'filter' | 'upTo'>,
): Promise<number> =>
  filter.types || filter.exclude?.length
    ? countEvents(db, sessionId, { ...filter, after: 0, upTo })
    : upTo

/**
 * `isReversed`: the response lists them in the opposite order. `older`: those before, which may be
 * too long together.
 */
type FoundPage = FoundEvents & { isReversed?: boolean; older?: FoundPage }

async function find(db: Db, searching: Searching): Promise<FoundPage> {
  const { query, after, upTo } = searching
  const { around, before_sequence: end, order_desc: isNewestFirst = false } = query
  const all = searchOf(searching)
  if (around !== undefined) {
    return findAround(db, all, await sequenceOf(db, searching.sessionId, around))
  }
  const isBackwards = isNewestFirst || end !== undefined
  const before = Math.min(end ?? upTo + 1, upTo + 1)
  const found = await searchEvents(db, { ...all, after, before, isBackwards })
  return { ...found, isReversed: isBackwards && !isNewestFirst }
}

async function findAround(db: Db, search: EventSearch, around: number): Promise<FoundPage> {
  const older = await searchEvents(db, { ...search, before: around, isBackwards: true })
  const later = { ...search, after: around - 1, limit: search.limit + 1 }
  const newer = await searchEvents(db, later)
  return { ...newer, older: { ...older, isReversed: true } }
}

function searchOf({ sessionId, query, filter, upTo }: Searching): EventSearch {
  const { from_ts, to_ts, around, window = windowDefault, limit = limitDefault } = query
  const tags = query.tags?.flatMap((value) => value.split(',')).filter((tag) => tag !== '')
  const size = Math.min(limit, query.expand === 'messages' ? limitDefault : limitMax)
  return {
    ...filter,
    sessionId,
    after: 0,
    before: upTo + 1,
    limit: around === undefined ? size : window,
    isBackwards: false,
    scannedMax: (query.q ?? query.tool_name) === undefined ? scannedMax.columns : scannedMax.data,
    from: from_ts === undefined ? undefined : utcOf('from_ts', from_ts),
    to: to_ts === undefined ? undefined : utcOf('to_ts', to_ts),
    turnId: query.turn_id,
    execId: query.exec_id,
    traceId: query.trace_id,
    tags: tags?.length ? tags : undefined,
    toolName: query.tool_name,
    text: query.q,
  }
}
