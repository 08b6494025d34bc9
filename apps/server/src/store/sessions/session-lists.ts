import type { Session, SessionQuery } from '@outlast/contract'
import { countUpToMax } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { isPinned, isPinnedBy } from './pins.ts'
import { findSessionsWith } from './search/matches.ts'
import { matchesOf } from './search/snippets.ts'
import { phrasesOf } from './search/words.ts'
import { isFiltered, type SessionFilters, sessionsWith } from './session-filters.ts'
import { columns, type SessionRow, toSession } from './sessions.ts'

type SessionRows = { data: Session[]; total: number; total_capped?: boolean }

type ListQuery = SessionFilters &
  Pick<SessionQuery, 'q' | 'sort' | 'order'> & { offset: number; limit: number }

/** Lists the sessions of a scope, else of the organization; the newest first by default. */
export function listSessions(db: Db, orgId: string, query: ListQuery): Promise<SessionRows> {
  const { q, sort = 'created_at', order = 'desc', offset, limit } = query
  if (q !== undefined) return listFound(db, orgId, { ...query, q })
  const isNewest = sort === 'created_at' && order === 'desc'
  return isNewest && !isFiltered(query) && offset === 0 && limit <= newestMax
    ? listNewest(db, orgId, query)
    : listMatching(db, orgId, query)
}

const newestMax = 100

/** The literal limit lets PostgreSQL cache the plan; with a parameter it plans each execution. */
const newestIn = (name: string, filter: string): Statement => ({
  name,
  text: `
select * from (
  select ${columns.join(', ')}, ${isPinnedBy('$4')} as is_pinned,
    (select sum(sessions)::bigint from counters where org_id = $1 and agent_id = $3) as total
  from sessions where org_id = $1 ${filter} order by created_at desc, id desc limit ${newestMax}
) newest order by created_at desc, id desc limit $2`,
})
const newest = newestIn('newest-sessions', '')
const newestOfAgent = newestIn('newest-sessions-of-agent', 'and agent_id = $3')

/** Returns the first page without filters, counted in the statement that reads it. */
async function listNewest(
  db: Db,
  orgId: string,
  { agent_id, limit, userId }: ListQuery,
): Promise<SessionRows> {
  const statement = agent_id === undefined ? newest : newestOfAgent
  const values = [orgId, limit, agent_id ?? '', userId]
  const rows = await db.run<SessionRow & { total: number }>(statement, values)
  return { data: rows.map(toSession), total: rows[0]?.total ?? 0 }
}

/** Finds keys first, in an index, and reads rows for one page only. */
async function listMatching(db: Db, orgId: string, query: ListQuery): Promise<SessionRows> {
  const keys = sortedKeys(db, orgId, query).offset(query.offset).limit(query.limit)
  // Awaited together, so that the second failure is never an unhandled rejection.
  const [ids, total] = await Promise.all([
    keys.execute(),
    isFiltered(query)
      ? countUpToMax(db, sessionsWith(db, orgId, query).select('id'))
      : countSessions(db, orgId, query.agent_id ?? ''),
  ])
  const data = await readRows(
    db,
    orgId,
    query,
    ids.map(({ id }) => id),
  )
  return { data, ...total }
}

const sortColumns = {
  last_activity: 'search_sessions.active_at',
  cost: 'search_sessions.cost_nanos',
} as const

/** Activity and cost are those that the search has read, which have indexes. */
function sortedKeys(db: Db, orgId: string, query: ListQuery) {
  const { sort = 'created_at', order = 'desc' } = query
  const matching = sessionsWith(db, orgId, query).select('id')
  if (sort === 'created_at') return matching.orderBy('created_at', order).orderBy('id', order)
  return matching
    .innerJoin('search_sessions', 'search_sessions.session_id', 'sessions.id')
    .where('search_sessions.org_id', '=', orgId)
    .orderBy(sortColumns[sort], order)
    .orderBy('search_sessions.session_id', order)
}

/** Reads sessions in the order of their ids. Some may be deleted by now. */
async function readRows(
  { kysely }: Db,
  orgId: string,
  { userId }: ListQuery,
  ids: readonly string[],
): Promise<Session[]> {
  if (ids.length === 0) return []
  const rows = await kysely
    .selectFrom('sessions')
    .select(columns)
    .select(isPinned(userId).as('is_pinned'))
    .where('org_id', '=', orgId)
    .where('id', 'in', ids)
    .execute()
  const byId = new Map(rows.map((row) => [row.id, toSession(row as unknown as SessionRow)]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}

/** Finds sessions by words in their titles, messages and replies. */
async function listFound(
  db: Db,
  orgId: string,
  query: ListQuery & { q: string },
): Promise<SessionRows> {
  const phrases = phrasesOf(query.q)
  const found = await findSessionsWith(db, orgId, { phrases, query })
  const [sessions, matches] = await Promise.all([
    readRows(db, orgId, query, found.ids),
    matchesOf(db, orgId, { ids: found.ids, phrases }),
  ])
  const data = sessions.map((session) => {
    const match = matches.get(session.id)
    return match ? { ...session, match } : session
  })
  return { data, total: found.total, ...(found.isCapped && { total_capped: true }) }
}

const counted: Statement = {
  name: 'count-sessions',
  text: 'select coalesce(sum(sessions), 0)::bigint as total from counters where org_id = $1 and agent_id = $2',
}

async function countSessions(db: Db, orgId: string, agentId: string): Promise<{ total: number }> {
  const [row] = await db.run<{ total: number }>(counted, [orgId, agentId])
  return row!
}
