import type { LastTurn, NewFork, Rating, Session, TokenUsage } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import { eventLists, insertEvents, listedEvents, type NewEvent } from '../log/log-sql.ts'
import { countedTexts, storeRows } from '../log/texts.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { nanosOf } from '../usage.ts'
import {
  type CopiedEvents,
  copiedRow,
  noCopiedEvents,
  type ReplacedEvent,
  replacedValues,
  returningCopied,
} from './fork-pieces.ts'
import { type CreatorOfSession, columns, type SessionRow, toSession } from './sessions.ts'

const source: Statement = {
  name: 'fork-source',
  text: `
select agent_id, sequence, preview, stored_bytes, stored_bytes + file_bytes as bytes
from sessions where org_id = $1 and id = $2`,
}

/**
 * The state of a session before it is copied. `bytes` is the size of its data, `stored_bytes`
 * without files.
 */
export type ForkSource = {
  agent_id: string
  sequence: number
  preview: string | null
  stored_bytes: number
  bytes: number
}

/** Reads the state of a session to copy. Contract: throws 404. */
export async function getForkSource(db: Db, orgId: string, id: string): Promise<ForkSource> {
  const [row] = await db.run<ForkSource>(source, [orgId, id])
  if (!row) throw new ApiError('not_found', 'Session')
  return row
}

/** Texts named by the copied events: marked as used, and stored again if they are being deleted. */
const namedTexts = `(
    select hash, body from texts
    where org_id = :orgId and hash = any(array(select distinct unnest(hashes) from e) || :hashes::text[])
  ) n`

/** A session of a channel is that of its key, and one that takes a place that of the one before. */
const keepsCreator = '(:isTaken or o.channel_id is not null)'

/** Columns of the copy whose values differ from the source. */
const ofCopy: Record<string, string> = {
  id: ':id',
  key: ':key',
  user_id: 'o.user_id',
  title: 'coalesce(:title, o.title)',
  tags: 'coalesce(:tags::text[], o.tags)',
  model_id: 'coalesce(:model_id, o.model_id)',
  status: "case when :isStarted::boolean then 'idle' else 'started' end",
  waiting_for: 'null',
  last_turn: ':lastTurn::json',
  preview: ':preview',
  output_preview: ':outputPreview',
  input_tokens: ':inputTokens',
  output_tokens: ':outputTokens',
  cache_read_tokens: ':cacheReadTokens',
  cache_creation_tokens: ':cacheCreationTokens',
  cost_nanos: ':costNanos',
  forked_from: "json_build_object('session_id', o.id, 'sequence', :sequence::integer)",
  superseded_by: 'null',
  // A copy stays in its channel: its user is another person than one of the organization.
  channel_id: 'o.channel_id',
  channel_key_id: 'o.channel_key_id',
  tool_rules: 'case when :isTaken then o.tool_rules end',
  api_key_id: `case when ${keepsCreator} then o.api_key_id else :apiKeyId end`,
  account_id: `case when ${keepsCreator} then o.account_id else :accountId end`,
  legal_hold: ':isTaken and o.legal_hold',
  started_at: 'case when :isStarted then o.started_at end',
  finished_at: 'case when cardinality(:types) > 0 then o.now else :idledAt::timestamptz end',
  created_at: 'o.now',
  updated_at: 'o.now',
  sequence: ':sequence + cardinality(:types)',
  context_sequence: ':contextSequence',
  context_prompt: ':contextPrompt',
  stored_bytes: 'n.stored_bytes',
  file_bytes: 'n.file_bytes',
  file_count: 'n.files',
  feedback: ':feedback::text[]',
}
const copiedColumns = [...new Set([...columns, ...Object.keys(ofCopy)])]

/**
 * One statement, so that the copy is of one moment. Only the events of a long log are copied before
 * it, in the same transaction. The source is locked against deletion only: a copy is made
 * before its end user is deleted, or not at all. So are its bytes: a file that is being deleted
 * with the last of them is not copied.
 */
const copy = statement(
  'fork-session',
  `
with o as (
  select *, clock_timestamp()::timestamptz(3) as now from sessions where org_id = :orgId and id = :sessionId
  for key share
), b as (
  select hash from blobs
  where org_id = :orgId and hash in (select f.hash from o join files f on f.session_id = o.id)
  for key share
), f as (
  insert into files (org_id, session_id, path, directory, id, is_directory, is_readonly, hash, size_bytes, created_at, updated_at)
  select f.org_id, :id, f.path, f.directory, gen_random_uuid(), f.is_directory, f.is_readonly, f.hash, f.size_bytes, f.created_at, f.updated_at
  from o join files f on f.session_id = o.id
  where f.hash is null or f.hash in (select hash from b)
  returning size_bytes
), k as (
  insert into session_storage (org_id, session_id, kind, name, body, hidden_from_model, created_at, updated_at)
  select k.org_id, :id, k.kind, k.name, k.body, k.hidden_from_model, k.created_at, k.updated_at
  from o join session_storage k on k.session_id = o.id and (k.kind = 'value' or :isTaken)
  returning kind, octet_length(body) as bytes
), e as (${insertEvents(`${copiedRow}
  from o join events e on e.session_id = o.id and e.sequence > :copiedTo::integer and e.sequence <= :sequence
  union all
  select :id, :sequence + n.ord, n.type, o.now, n.context, n.data, n.tags
  from o, ${listedEvents}`)}
  ${returningCopied}
), x as (${storeRows(':orgId', namedTexts)}
), n as (
  select
    (select count(*) from f) as files,
    (select coalesce(sum(size_bytes), 0) from f) as file_bytes,
    (select coalesce(sum(bytes), 0) + :bytes::bigint from e) + (select coalesce(sum(bytes), 0) from k) as stored_bytes,
    (select count(*) from k where kind = 'secret') as secrets
), s as (
  insert into sessions (${copiedColumns.join(', ')})
  select ${copiedColumns.map((name) => ofCopy[name] ?? `o.${name}`).join(', ')}
  from o, n
  returning ${columns.join(', ')}, stored_bytes + file_bytes as bytes
), p as (
  delete from session_pins p using o where :isTaken and p.org_id = :orgId and p.session_id = o.id
  returning p.user_id, p.created_at
), m as (
  insert into session_pins (org_id, session_id, user_id, created_at)
  select :orgId, :id, user_id, created_at from p
), c as (
  insert into counters as c (org_id, agent_id, shard, sessions, stored_bytes)
  select org_id, '', :shard::integer, 1, 0 from s union all select org_id, agent_id, :shard, 1, bytes from s
  union all select :orgId, '${countedTexts}', :shard, 0, sum(bytes) from x having count(bytes) > 0
  on conflict (org_id, agent_id, shard) do update set
    sessions = c.sessions + excluded.sessions, stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select s.*, n.secrets, exists (select from p where user_id = :accountId) as is_pinned from s, n`,
)

/** The state of a session at an event, from which a copy can continue. */
export type AsOf = {
  /** The event. */
  sequence: number
  /** True when the log has a user message. */
  isStarted: boolean
  preview: string | null
  outputPreview: string | null
  usage: TokenUsage | undefined
  /** When it was last idle. */
  idledAt: string | null
  lastTurn: LastTurn | null
  /** The last sequence and the prompt of the latest model call. */
  context: { sequence: number; prompt: string } | undefined
  /** Kinds of ratings in force. */
  feedback: readonly Rating[]
  /** Events that end the running turn in the copy. */
  ending: readonly NewEvent[]
}

/** Set for a fork that supersedes its source: the key of the source. */
export type TakenKey = { key: string | null }

type Copying = {
  /** The id of the copy. */
  id: string
  as: AsOf
  changes: Pick<NewFork, 'title' | 'tags' | 'model_id'>
  creator?: CreatorOfSession | undefined
  replaced?: ReplacedEvent | undefined
  taken?: TakenKey | undefined
  /** Set if the transaction has copied the events of a long log. */
  copied?: CopiedEvents | undefined
}

export type Forked = { session: Session; hasSecrets: boolean }

/**
 * Copies a session up to an event, with its files and stored values. A copy that supersedes the
 * source has its secrets, tool rules and legal hold too, and gets its pins.
 * Contract: secrets are still sealed for the source; throws 404.
 */
export async function copySession(
  db: Db,
  { orgId, sessionId }: { orgId: string; sessionId: string },
  { id, as, changes, creator, replaced, taken, copied = noCopiedEvents }: Copying,
): Promise<Forked> {
  const { usage, ending } = as
  const values = valuesOf(copy, {
    orgId,
    sessionId,
    id,
    key: taken?.key ?? null,
    isTaken: taken !== undefined,
    apiKeyId: creator?.apiKeyId ?? null,
    accountId: creator?.accountId ?? null,
    ...eventLists(ending),
    ...as,
    ...replacedValues(replaced),
    ...copied,
    lastTurn: as.lastTurn && JSON.stringify(as.lastTurn),
    feedback: as.feedback.length > 0 ? as.feedback : null,
    title: changes.title ?? null,
    tags: changes.tags ?? null,
    model_id: changes.model_id ?? null,
    inputTokens: usage?.input_tokens ?? 0,
    outputTokens: usage?.output_tokens ?? 0,
    cacheReadTokens: usage?.cache_read_tokens ?? null,
    cacheCreationTokens: usage?.cache_creation_tokens ?? null,
    costNanos: usage?.cost_usd === undefined ? null : nanosOf(usage.cost_usd),
    contextSequence: as.context?.sequence ?? 0,
    contextPrompt: as.context?.prompt ?? null,
    shard: shardOf(id),
  })
  const [row] = await db.run<SessionRow & { secrets: number }>(copy, values)
  if (!row) throw new ApiError('not_found', 'Session')
  return { session: toSession(row), hasSecrets: row.secrets > 0 }
}
