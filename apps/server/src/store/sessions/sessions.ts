import { harnessId, type NewSession, type Session, type SessionChange } from '@outlast/contract'
import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { keepOrganization } from '../access/organizations.ts'
import type { Db, Statement } from '../database.ts'
import { isMissingValue } from '../database-errors.ts'
import { jsonOrNull } from '../json-lists.ts'
import { appendEvents, eventLists, listedEvents, type NewEvent } from '../log/log-sql.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { type UsageRow, usageOf } from '../usage.ts'
import { isPinned, isPinnedBy } from './pins.ts'

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

export function toSession(row: SessionRow): Session {
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
  return presentTo(row, userId)
}

/** Only a user has pins. */
const presentTo = (row: SessionRow, userId: string | undefined) =>
  toSession(userId === undefined ? { ...row, is_pinned: undefined } : row)

/** SQL: the unique index of keys. Sessions without an end user share the empty one. */
const keyIndex = "(org_id, key, agent_id, coalesce(user_id, '')) where key is not null"

const byKey: Statement = {
  name: 'session-by-key',
  text: `
select ${columns.join(', ')}, ${isPinnedBy('$5')} as is_pinned from sessions
where org_id = $1 and key = $2 and agent_id = $3 and coalesce(user_id, '') = coalesce($4, '')`,
}

export type KeyedSession = {
  agent_id: string
  key: string
  user: string | null
  /** The user of the organization who asks. */
  userId?: string | undefined
}

/** Finds the session of an agent and an end user that has a key. */
export async function findByKey(db: Db, orgId: string, keyed: KeyedSession) {
  const { agent_id, key, user, userId } = keyed
  const [row] = await db.run<SessionRow>(byKey, [orgId, key, agent_id, user, userId ?? null])
  return row && presentTo(row, userId)
}

const idByKey: Statement = {
  name: 'session-id-by-key',
  text: `
select id from sessions
where org_id = $1 and key = $2 and coalesce(user_id, '') = coalesce($3, '')
  and ($4::text is null or agent_id = $4)
order by created_at desc, id desc limit 1`,
}

/** Finds the session of an end user, or of none, that has a key: the latest one of any agent. */
export async function findIdByKey(
  db: Db,
  orgId: string,
  { key, user, agentId }: { key: string; user: string | null; agentId?: string | undefined },
): Promise<string | undefined> {
  const [row] = await db.run<{ id: string }>(idByKey, [orgId, key, user, agentId ?? null])
  return row?.id
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
  return (await db.run<SessionRow>(byIds, values)).map(toSession)
}

const insert = statement(
  'create-session',
  `
with a as (
  select id from agents where org_id = :orgId and id = :agent_id for key share
), t as (
  select id from session_tokens where org_id = :orgId and id = :tokenId for key share
), s as (
  insert into sessions (
    org_id, id, agent_id, key, user_id, channel_id, channel_key_id, api_key_id, account_id, title, tags, model_id, capabilities, tools, system_prompt, locale, hints,
    max_iterations, parallel_tool_calls, network_access, preview, output_preview, sequence, stored_bytes
  )
  select
    :orgId, :id, (select id from a), :key, :user, :channelId, :channelKeyId, :apiKeyId, :accountId, :title, :tags, :model_id, :capabilities, :tools, :system_prompt, :locale, :hints,
    :maxIterations, :parallelToolCalls, :networkAccess, :preview, :outputPreview, cardinality(:types::text[]), :bytes
  where :tokenId::text is null or exists (select from t)
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

/** The creator of a session. The budgets of the API key and of the account apply to it. */
export type CreatorOfSession = {
  apiKeyId?: string | undefined
  accountId?: string | undefined
  /** The token of the caller: without it, the session is not created. */
  tokenId?: string | undefined
}

/** A new session, whose agent is found. */
export type CreatedSession = Omit<NewSession, 'agent_id'> & {
  agent_id: string
  id?: string | undefined
  channel?: ChannelOfSession | undefined
  creator?: CreatorOfSession | undefined
  seed?: Seed | undefined
}

/** A session that was created, or that had the key already. */
export type OpenedSession = { session: Session; isNew: boolean }

/**
 * Creates a session with its first event and counts it. If another call creates a session with the
 * same key at the same time, returns that one, unchanged.
 * Contract: throws 404 without its agent, and 401 if the token of its creator has ended, which
 * waits for this transaction: nothing is created after an end user was deleted.
 */
export async function createSession(
  db: Db,
  orgId: string,
  { id = newId('session'), channel, creator, seed, ...session }: CreatedSession,
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
    apiKeyId: creator?.apiKeyId ?? null,
    accountId: creator?.accountId ?? null,
    tokenId: creator?.tokenId ?? null,
    title: title || null,
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
  if (!row) throw new ApiError('invalid_token')
  return { session: toSession(row), isNew: row.id === id }
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
 * Contract: absent and null keep a field, an empty title removes it; throws 404. `db` is a
 * transaction when a hold is set.
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
      ...(title != null && { title: title || null }),
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
  return toSession(row as unknown as SessionRow)
}
