import type { Session, SessionQuery } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import type { Db, Statement } from '../database.ts'
import { containing } from '../like.ts'
import { isPinned, isPinnedBy } from './pins.ts'
import { inScope, type SessionScope } from './scope.ts'
import { columns, present, type SessionRow } from './sessions.ts'

const countedMax = 10_000

type SessionRows = { data: Session[]; total: number; total_capped?: boolean }

type ListQuery = SessionQuery & {
  offset: number
  limit: number
  userId: string
  scope?: SessionScope | undefined
}

/** Lists the sessions of a scope, else of the organization, newest first. */
export function listSessions(db: Db, orgId: string, query: ListQuery): Promise<SessionRows> {
  const { key, user, status, outcome, waiting, tag } = query
  const { legal_hold, pinned, search, offset, limit, scope } = query
  const filters = [scope, key, user, status, outcome, waiting, tag, legal_hold, pinned, search]
  const isFiltered = filters.some((filter) => filter !== undefined)
  return !isFiltered && offset === 0 && limit <= newestMax
    ? listNewest(db, orgId, query)
    : listMatching(db, orgId, { ...query, isFiltered })
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
  return { data: rows.map(present), total: rows[0]?.total ?? 0 }
}

/** Finds keys first, in an index, and reads rows for one page only. */
async function listMatching(
  db: Db,
  orgId: string,
  query: ListQuery & { isFiltered: boolean },
): Promise<SessionRows> {
  const matching = db.kysely
    .selectFrom('sessions')
    .where('org_id', '=', orgId)
    .$if(query.agent_id !== undefined, (q) => q.where('agent_id', '=', query.agent_id!))
    .$if(query.scope !== undefined, (q) => q.where(inScope(query.scope!)))
    .$if(query.user !== undefined, (q) => q.where('user_id', '=', query.user!))
    .$if(query.key !== undefined, (q) => q.where('key', '=', query.key!))
    .$if(query.status === 'started', (q) => q.where('started_at', 'is', null))
    .$if(query.status === 'idle', (q) =>
      q.where('status', '=', 'idle').where('started_at', 'is not', null),
    )
    .$if(query.status === 'active', (q) => q.where('id', 'in', activeIds(db, orgId)))
    .$if(query.outcome === 'failed', (q) => q.where('id', 'in', failedIds(db, orgId)))
    .$if(query.waiting !== undefined, (q) =>
      q.where('waiting_for', query.waiting ? 'is not' : 'is', null),
    )
    .$if(query.tag !== undefined, (q) =>
      q.where(sql<SqlBool>`tags @> array[${query.tag}]::text[] and tags <> '{}'`),
    )
    .$if(query.legal_hold !== undefined, (q) => q.where('legal_hold', '=', query.legal_hold!))
    .$if(query.pinned !== undefined, (q) => q.where(isPinned(query.userId), '=', query.pinned!))
    .$if(query.search !== undefined, (q) => q.where(matches(query.search!)))
  const keys = matching
    .select('id')
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(query.offset)
    .limit(query.limit)
  const rows = db.kysely
    .selectFrom('sessions')
    .select(columns)
    .select(isPinned(query.userId).as('is_pinned'))
    .where('org_id', '=', orgId)
    .where('id', 'in', keys)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
  // Awaited together, so that the second failure is never an unhandled rejection.
  const [data, total] = await Promise.all([
    rows.execute(),
    query.isFiltered
      ? countUpTo(db, matching.select('id').limit(countedMax + 1))
      : countAll(db, orgId, query.agent_id ?? ''),
  ])
  return { data: data.map((row) => present(row as unknown as SessionRow)), ...total }
}

/** Sessions whose turn is running, queued or waiting. */
const activeIds = ({ kysely }: Db, orgId: string) =>
  kysely
    .selectFrom('turns')
    .select('session_id')
    .where('org_id', '=', orgId)
    .union(
      kysely
        .selectFrom('sessions')
        .select('id as session_id')
        .where('org_id', '=', orgId)
        .where('waiting_for', 'is not', null),
    )

/** Idle sessions whose latest turn failed. Its failure has the time at which they became idle. */
const failedIds = ({ kysely }: Db, orgId: string) =>
  kysely
    .selectFrom('failed_turns as f')
    .innerJoin('sessions as s', (join) =>
      join
        .onRef('s.org_id', '=', 'f.org_id')
        .onRef('s.id', '=', 'f.session_id')
        .onRef('s.finished_at', '=', 'f.failed_at'),
    )
    .select('s.id')
    .where('f.org_id', '=', orgId)
    .where('s.turn_id', 'is', null)

function matches(search: string) {
  const pattern = containing(search)
  return sql<SqlBool>`(title ilike ${pattern} or preview ilike ${pattern})`
}

type Keys = { as: (alias: 'matching') => never }

async function countUpTo({ kysely }: Db, keys: unknown): Promise<Omit<SessionRows, 'data'>> {
  const { count } = await kysely
    .selectFrom((keys as Keys).as('matching'))
    .select(sql<number>`count(*)`.as('count'))
    .executeTakeFirstOrThrow()
  return count > countedMax ? { total: countedMax, total_capped: true } : { total: count }
}

const counted: Statement = {
  name: 'count-sessions',
  text: 'select coalesce(sum(sessions), 0)::bigint as total from counters where org_id = $1 and agent_id = $2',
}

async function countAll(db: Db, orgId: string, agentId: string): Promise<{ total: number }> {
  const [row] = await db.run<{ total: number }>(counted, [orgId, agentId])
  return row!
}
