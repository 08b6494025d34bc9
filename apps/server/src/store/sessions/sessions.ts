import {
  harnessId,
  type NewSession,
  type Session,
  type SessionChange,
  type SessionQuery,
} from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { keepOrganization } from '../access/organizations.ts'
import type { Db, Statement } from '../database.ts'
import { isMissingValue } from '../database-errors.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { type UsageRow, usageOf } from '../usage.ts'
import { appendEvents, events } from './log-sql.ts'
import { inScope, type SessionScope } from './scope.ts'

export const columns = [
  'id',
  'org_id',
  'agent_id',
  'user_id',
  'title',
  'tags',
  'model_id',
  'capabilities',
  'tools',
  'status',
  'waiting_for',
  'preview',
  'output_preview',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_creation_tokens',
  'cost_nanos',
  'forked_from',
  'legal_hold',
  'started_at',
  'finished_at',
  'created_at',
  'updated_at',
] as const satisfies (keyof SessionRow)[]

export type SessionRow = Omit<Session, 'organization_id' | 'harness_id' | 'user' | 'usage'> & {
  org_id: string
  user_id: string | null
} & UsageRow

export function present(row: SessionRow): Session {
  return {
    id: row.id,
    organization_id: row.org_id,
    agent_id: row.agent_id,
    harness_id: harnessId,
    user: row.user_id,
    title: row.title,
    tags: row.tags,
    model_id: row.model_id,
    capabilities: row.capabilities,
    tools: row.tools,
    status: row.status,
    waiting_for: row.waiting_for,
    preview: row.preview,
    output_preview: row.output_preview,
    usage: usageOf(row) ?? null,
    forked_from: row.forked_from,
    legal_hold: row.legal_hold,
    started_at: row.started_at,
    finished_at: row.finished_at,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

const byId: Statement = {
  name: 'session-by-id',
  text: `select ${columns.join(', ')} from sessions where org_id = $1 and id = $2`,
}

/** Returns a session. Contract: throws 404 `not_found`. */
export async function getSession(db: Db, orgId: string, id: string): Promise<Session> {
  const [row] = await db.run<SessionRow>(byId, [orgId, id])
  if (!row) throw new ApiError('not_found', 'Session')
  return present(row)
}

const byIds: Statement = {
  name: 'sessions-by-id',
  text: `
select ${columns.map((name) => `s.${name}`).join(', ')} from unnest($1::text[], $2::text[]) as f(org_id, id)
join sessions s on s.org_id = f.org_id and s.id = f.id`,
}

/** Finds the sessions that still exist, in no order. */
export async function findSessions(
  db: Db,
  sessions: { orgId: string; sessionId: string }[],
): Promise<Session[]> {
  const values = [sessions.map(({ orgId }) => orgId), sessions.map(({ sessionId }) => sessionId)]
  return (await db.run<SessionRow>(byIds, values)).map(present)
}

const insert = statement(
  'create-session',
  `
with a as (
  select id from agents where org_id = :orgId and id = :agent_id for key share
), s as (
  insert into sessions (org_id, id, agent_id, user_id, channel_id, channel_key_id, title, tags, model_id, capabilities, tools, sequence)
  values (:orgId, :id, (select id from a), :user, :channelId, :channelKeyId, :title, :tags, :model_id, :capabilities, :tools, 1)
  returning ${columns.join(', ')}, sequence, sequence as added
), ${appendEvents(events({ type: 'session.started', context: "'{}'", data: ':data' }))}, c as (
  insert into counters as c (org_id, agent_id, shard, sessions) values (:orgId, '', :shard, 1), (:orgId, :agent_id, :shard, 1)
  on conflict (org_id, agent_id, shard) do update set sessions = c.sessions + 1
)
select ${columns.join(', ')} from s`,
)

/** The channel that a session is created through, and the key of the caller. */
export type ChannelOfSession = { id: string; keyId: string }

type SessionToCreate = NewSession & {
  id?: string | undefined
  channel?: ChannelOfSession | undefined
}

/** Creates a session with its first event and counts it. Contract: throws 404 without its agent. */
export async function createSession(
  db: Db,
  orgId: string,
  { id = newId('session'), channel, ...session }: SessionToCreate,
): Promise<Session> {
  const { agent_id, user, title, tags, model_id, capabilities, tools } = session
  const values = valuesOf(insert, {
    orgId,
    id,
    agent_id,
    user: user ?? null,
    channelId: channel?.id ?? null,
    channelKeyId: channel?.keyId ?? null,
    title: title ?? null,
    tags: tags ?? [],
    model_id: model_id ?? null,
    capabilities: JSON.stringify(capabilities ?? []),
    tools: JSON.stringify(tools ?? []),
    data: JSON.stringify({ agent_id, ...(model_id && { model_id }) }),
    shard: shardOf(id),
  })
  const created = db.run<SessionRow>(insert, values)
  const [row] = await created.catch((error) => {
    throw isMissingValue(error) ? new ApiError('not_found', 'Agent') : error
  })
  return present(row!)
}

/**
 * Updates a session.
 * Contract: absent and null keep a field; throws 404. `db` is a transaction when a hold is set.
 */
export async function updateSession(
  db: Db,
  { orgId, id }: { orgId: string; id: string },
  { title, tags, legal_hold }: SessionChange,
): Promise<Session> {
  if (legal_hold) await keepOrganization(db, orgId)
  const row = await db.kysely
    .updateTable('sessions')
    .set({
      ...(title != null && { title }),
      ...(tags != null && { tags }),
      ...(legal_hold != null && { legal_hold }),
      updated_at: sql`clock_timestamp()`,
    })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Session')
  return present(row as unknown as SessionRow)
}

const countedMax = 10_000

type SessionRows = { data: Session[]; total: number; total_capped?: boolean }

type ListQuery = SessionQuery & { offset: number; limit: number; scope?: SessionScope | undefined }

/** Lists the sessions of a scope, else of the organization, newest first. */
export function listSessions(db: Db, orgId: string, query: ListQuery): Promise<SessionRows> {
  const { user, status, tag, legal_hold, search, offset, limit, scope } = query
  const filters = [scope, user, status, tag, legal_hold, search]
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
  select ${columns.join(', ')},
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
  { agent_id, limit }: ListQuery,
): Promise<SessionRows> {
  const statement = agent_id === undefined ? newest : newestOfAgent
  const values = [orgId, limit, agent_id ?? '']
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
    .$if(query.status === 'started', (q) => q.where('started_at', 'is', null))
    .$if(query.status === 'idle', (q) =>
      q.where('status', '=', 'idle').where('started_at', 'is not', null),
    )
    .$if(query.status === 'active', (q) => q.where('id', 'in', activeIds(db, orgId)))
    .$if(query.tag !== undefined, (q) =>
      q.where(sql<SqlBool>`tags @> array[${query.tag}]::text[] and tags <> '{}'`),
    )
    .$if(query.legal_hold !== undefined, (q) => q.where('legal_hold', '=', query.legal_hold!))
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

function matches(search: string) {
  const pattern = `%${search.replace(/[\\%_]/g, '\\$&')}%`
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
