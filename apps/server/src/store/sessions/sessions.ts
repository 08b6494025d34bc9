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
import { jsonOrNull } from '../json-lists.ts'
import { containing } from '../like.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { type UsageRow, usageOf } from '../usage.ts'
import { appendEvents, eventLists, listedEvents, type NewEvent } from './log-sql.ts'
import { isPinnedBy } from './pins.ts'
import { inScope, type SessionScope } from './scope.ts'

export const columns = [
  'id',
  'org_id',
  'agent_id',
  'user_id',
  'key',
  'title',
  'tags',
  'model_id',
  'capabilities',
  'tools',
  'max_iterations',
  'parallel_tool_calls',
  'network_access',
  'status',
  'waiting_for',
  'last_turn',
  'preview',
  'output_preview',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_creation_tokens',
  'cost_nanos',
  'forked_from',
  'system_prompt',
  'locale',
  'hints',
  'superseded_by',
  'legal_hold',
  'started_at',
  'finished_at',
  'created_at',
  'updated_at',
] as const satisfies (keyof SessionRow)[]

/** Fields that follow from others. */
type Derived =
  | 'organization_id'
  | 'harness_id'
  | 'user'
  | 'usage'
  | 'forked_from_session_id'
  | 'forked_from_sequence'
  | 'parent_session_id'
  | 'features'

export type SessionRow = Omit<Session, Derived | 'is_pinned'> & {
  org_id: string
  user_id: string | null
  is_pinned?: boolean | undefined
} & UsageRow

const features = ['file_system']

export function present(row: SessionRow): Session {
  return {
    id: row.id,
    organization_id: row.org_id,
    agent_id: row.agent_id,
    harness_id: harnessId,
    user: row.user_id,
    key: row.key,
    title: row.title,
    tags: row.tags,
    model_id: row.model_id,
    capabilities: row.capabilities,
    tools: row.tools,
    max_iterations: row.max_iterations,
    parallel_tool_calls: row.parallel_tool_calls,
    network_access: row.network_access,
    status: row.status,
    waiting_for: row.waiting_for,
    last_turn: row.status === 'idle' ? row.last_turn : null,
    preview: row.preview,
    output_preview: row.output_preview,
    usage: usageOf(row) ?? null,
    forked_from: row.forked_from,
    forked_from_session_id: row.forked_from?.session_id ?? null,
    forked_from_sequence: row.forked_from?.sequence ?? null,
    parent_session_id: null,
    system_prompt: row.system_prompt,
    locale: row.locale,
    hints: row.hints,
    features,
    ...(row.is_pinned !== undefined && { is_pinned: row.is_pinned }),
    superseded_by: row.superseded_by,
    legal_hold: row.legal_hold,
    started_at: row.started_at,
    finished_at: row.finished_at,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }
}

const byId: Statement = {
  name: 'session-by-id',
  text: `
select ${columns.join(', ')}, ${isPinnedBy('$3')} as is_pinned
from sessions where org_id = $1 and id = $2`,
}

/** Returns a session, with the pin of a user if one is given. Contract: throws 404 `not_found`. */
export async function getSession(
  db: Db,
  orgId: string,
  id: string,
  userId?: string,
): Promise<Session> {
  const [row] = await db.run<SessionRow>(byId, [orgId, id, userId ?? null])
  if (!row) throw new ApiError('not_found', 'Session')
  return present(userId === undefined ? { ...row, is_pinned: undefined } : row)
}

/** SQL: the unique index of keys. Sessions without an end user share the empty one. */
const keyIndex = "(org_id, key, agent_id, coalesce(user_id, '')) where key is not null"

const byKey: Statement = {
  name: 'session-by-key',
  text: `
select ${columns.join(', ')} from sessions
where org_id = $1 and key = $2 and agent_id = $3 and coalesce(user_id, '') = coalesce($4, '')`,
}

export type KeyedSession = { agent_id: string; key: string; user: string | null }

/** Finds the session of an agent and an end user that has a key. */
export async function findByKey(db: Db, orgId: string, { agent_id, key, user }: KeyedSession) {
  const [row] = await db.run<SessionRow>(byKey, [orgId, key, agent_id, user])
  return row && present(row)
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
  insert into sessions (
    org_id, id, agent_id, key, user_id, channel_id, channel_key_id, title, tags, model_id, capabilities, tools, system_prompt, locale, hints,
    max_iterations, parallel_tool_calls, network_access, preview, output_preview, sequence, stored_bytes
  )
  values (
    :orgId, :id, (select id from a), :key, :user, :channelId, :channelKeyId, :title, :tags, :model_id, :capabilities, :tools, :system_prompt, :locale, :hints,
    :maxIterations, :parallelToolCalls, :networkAccess, :preview, :outputPreview, cardinality(:types::text[]), :bytes
  )
  on conflict ${keyIndex} do update set key = excluded.key
  returning ${columns.join(', ')}, sequence, case when id = :id then sequence else 0 end as added
), ${appendEvents(listedEvents)}, c as (
  insert into counters as c (org_id, agent_id, shard, sessions, stored_bytes)
  select :orgId, n.agent_id, :shard::smallint, 1, n.bytes
  from s, (values ('', 0), (:agent_id, :bytes::bigint)) as n(agent_id, bytes) where s.id = :id
  on conflict (org_id, agent_id, shard) do update set
    sessions = c.sessions + 1, stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select ${columns.join(', ')}, false as is_pinned from s`,
)

/** The channel that a session is created through, and the key of the caller. */
export type ChannelOfSession = { id: string; keyId: string }

/** A new session, whose agent is found. */
export type CreatedSession = Omit<NewSession, 'agent_id'> & {
  agent_id: string
  id?: string | undefined
  channel?: ChannelOfSession | undefined
  seed?: Seed | undefined
}

/** A session that was created, or that had the key already. */
export type OpenedSession = { session: Session; isNew: boolean }

/**
 * Creates a session with its first event and counts it. If another call creates a session with the
 * same key at the same time, returns that one, unchanged.
 * Contract: throws 404 without its agent.
 */
export async function createSession(
  db: Db,
  orgId: string,
  { id = newId('session'), channel, seed, ...session }: CreatedSession,
): Promise<OpenedSession> {
  const { agent_id, key, user, title, tags, model_id, capabilities, tools } = session
  const data = JSON.stringify({ agent_id, ...(model_id && { model_id }) })
  const values = valuesOf(insert, {
    orgId,
    id,
    agent_id,
    key: key ?? null,
    user: user ?? null,
    channelId: channel?.id ?? null,
    channelKeyId: channel?.keyId ?? null,
    title: title ?? null,
    tags: tags ?? [],
    model_id: model_id ?? null,
    capabilities: JSON.stringify(capabilities ?? []),
    tools: JSON.stringify(tools ?? []),
    system_prompt: session.system_prompt || null,
    locale: session.locale ?? null,
    hints: session.hints ? JSON.stringify(session.hints) : null,
    maxIterations: session.max_iterations ?? null,
    parallelToolCalls: session.parallel_tool_calls ?? null,
    networkAccess: jsonOrNull(session.network_access),
    preview: seed?.preview ?? null,
    outputPreview: seed?.outputPreview ?? null,
    bytes: seed?.bytes ?? 0,
    ...eventLists([{ type: 'session.started', context: '{}', data }, ...(seed?.events ?? [])]),
    shard: shardOf(id),
  })
  const created = db.run<SessionRow>(insert, values)
  const [row] = await created.catch((error) => {
    throw isMissingValue(error) ? new ApiError('not_found', 'Agent') : error
  })
  return { session: present(row!), isNew: row!.id === id }
}

/** Events of earlier messages, their bytes, and the previews of the session after them. */
export type Seed = {
  events: NewEvent[]
  bytes: number
  preview: string | null
  outputPreview: string | null
}

/**
 * Updates a session.
 * Contract: absent and null keep a field; throws 404. `db` is a transaction when a hold is set.
 */
export async function updateSession(
  db: Db,
  { orgId, id, userId }: { orgId: string; id: string; userId: string },
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
    .returning(isPinned(userId).as('is_pinned'))
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Session')
  return present(row as unknown as SessionRow)
}

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

const isPinned = (userId: string) => {
  const [before, after] = isPinnedBy(' ? ').split(' ? ')
  return sql<boolean>`${sql.raw(before!)}${userId}${sql.raw(after!)}`
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
