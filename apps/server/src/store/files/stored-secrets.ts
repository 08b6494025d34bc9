import { ApiError } from '../../errors.ts'
import type { Secrets } from '../../secrets.ts'
import type { Db } from '../database.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { secretPlace } from './session-storage.ts'
import {
  checkStoredName,
  checkStoredText,
  storageFull,
  storedNamesMax,
} from './stored-text-rules.ts'

export type SecretsOf = { orgId: string; sessionId: string; secrets: Secrets | undefined }

const hold = statement(
  'hold-secrets',
  'select agent_id from sessions where org_id = :orgId and id = :sessionId for no key update',
)

const write = statement(
  'write-secrets',
  `
with o as (
  select octet_length(body) as bytes from session_storage
  where session_id = :sessionId and kind = 'secret' and name = any(:names::text[])
), w as (
  insert into session_storage as k (org_id, session_id, kind, name, body, hidden_from_model)
  select :orgId, :sessionId, 'secret', n.name, n.body, :isHidden::boolean from unnest(:names::text[], :bodies::text[]) as n(name, body)
  where (select count(*) from session_storage where session_id = :sessionId and kind = 'secret')
    - (select count(*) from o) + cardinality(:names::text[]) <= :namesMax::integer
  on conflict (session_id, kind, name) do update set
    body = excluded.body, hidden_from_model = k.hidden_from_model or :isHidden, updated_at = clock_timestamp()
  returning octet_length(body) as bytes
), d as (
  select sum(bytes) - coalesce((select sum(bytes) from o), 0) as bytes from w having count(*) > 0
), u as (
  update sessions set stored_bytes = stored_bytes + d.bytes from d where org_id = :orgId and id = :sessionId
), c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select :orgId, :agentId, :shard::integer, d.bytes from d
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select from d`,
)

/**
 * Stores secrets of a session in the transaction of the caller, all or nothing. Those with the same
 * names are replaced, and stay hidden from the model if they are. `isHidden`: the model must not
 * read them.
 * Contract: throws 404, `encryption_not_configured`, `invalid_request`, `value_too_large` and
 * `storage_full`.
 */
export async function storeSecrets(
  db: Db,
  { orgId, sessionId, secrets }: SecretsOf,
  texts: Readonly<Record<string, string>>,
  { isHidden = false } = {},
): Promise<void> {
  const where = { orgId, sessionId }
  const [session] = await db.run<{ agent_id: string }>(hold, valuesOf(hold, where))
  if (!session) throw new ApiError('not_found', 'Session')
  if (!secrets) throw new ApiError('encryption_not_configured', 'secrets')
  const all = Object.entries(texts)
  for (const [name, text] of all) {
    checkStoredName(name)
    checkStoredText(text)
  }
  const given = {
    ...where,
    agentId: session.agent_id,
    shard: shardOf(sessionId),
    names: all.map(([name]) => name),
    bodies: all.map(([name, text]) =>
      secrets.seal(text, secretPlace({ session_id: sessionId, name })),
    ),
    isHidden,
    namesMax: storedNamesMax,
  }
  const stored = await db.run(write, valuesOf(write, given))
  if (stored.length === 0) throw storageFull('secret')
}

const hide = statement(
  'hide-secret',
  `
update session_storage set hidden_from_model = true
where session_id = :sessionId and kind = 'secret' and name = :name
returning 1`,
)

/** Hides a secret from the model. False if none is stored under the name. */
export async function hideSecret(db: Db, sessionId: string, name: string): Promise<boolean> {
  return (await db.run(hide, valuesOf(hide, { sessionId, name }))).length > 0
}
