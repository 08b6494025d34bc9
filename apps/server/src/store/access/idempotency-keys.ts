import type { Db, Statement } from '../database.ts'
import { randomShard } from '../shards.ts'

export type IdempotencyKey = {
  orgId: string
  principal: string
  method: string
  path: string
  key: string
  /** Hash of the body and the query. */
  bodyHash: string
}

export type StoredAnswer = { body_hash: string; status: number; answer: string | null }

const lifetimeHours = 24

const claim: Statement = {
  name: 'claim-idempotency-key',
  text: `
insert into idempotency_keys as k (org_id, principal, method, path, key, body_hash)
values ($1, $2, $3, $4, $5, $6)
on conflict (org_id, principal, method, path, key) do update
  set body_hash = excluded.body_hash, status = null, answer = null, created_at = now()
  where k.created_at < now() - interval '${lifetimeHours} hours'
returning body_hash`,
}

const read: Statement = {
  name: 'read-idempotency-key',
  text: `
select body_hash, status, answer from idempotency_keys
where org_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5`,
}

/**
 * Claims a key for the current transaction. Returns the stored answer when the key was used before.
 * Contract: waits for another transaction that holds the key, at most for the lock timeout of this
 * one.
 */
export async function claimKey(db: Db, key: IdempotencyKey): Promise<StoredAnswer | undefined> {
  const { orgId, principal, method, path, key: name, bodyHash } = key
  const claimed = await db.run(claim, [orgId, principal, method, path, name, bodyHash])
  if (claimed.length > 0) return undefined
  const [answer] = await db.run<StoredAnswer>(read, [orgId, principal, method, path, name])
  return answer
}

/**
 * Returns the sessions and budgets that the key's request names or its answer contains. Their
 * column is older than budgets.
 */
function namedIn({ path, principal }: IdempotencyKey, answer: string | null): string[] {
  const inKey = `${path} ${principal}`.match(/(?:session|bdgt)_[0-9a-f]{32}/g) ?? []
  const inAnswer = (answer ?? '').matchAll(/"(?:id|session_id)":"((?:session|bdgt)_[0-9a-f]{32})"/g)
  return [...new Set([...inKey, ...[...inAnswer].map(([, id]) => id!)])]
}

/** The `agent_id` under which an organization's counters hold the bytes of its stored answers. */
const counted = 'answers'
/** Bytes counted for a row in addition to its answer. */
const rowBytes = 256

const save: Statement = {
  name: 'save-idempotency-answer',
  text: `
with before as (
  select counted_bytes from idempotency_keys
  where org_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5
), k as (
  update idempotency_keys
  set status = $6, answer = $7::text, session_ids = $8, counted_bytes = ${rowBytes} + coalesce(octet_length($7::text), 0)
  where org_id = $1 and principal = $2 and method = $3 and path = $4 and key = $5
  returning counted_bytes
)
insert into counters as c (org_id, agent_id, shard, stored_bytes)
select $1, '${counted}', $9, k.counted_bytes - before.counted_bytes from k, before
on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes`,
}

/**
 * Stores the answer with its key and the sessions and budgets whose deletion removes it; counts its
 * bytes.
 */
export async function saveAnswer(
  db: Db,
  key: IdempotencyKey,
  { status, answer }: Pick<StoredAnswer, 'status' | 'answer'>,
): Promise<void> {
  const { orgId, principal, method, path, key: name } = key
  const place = [orgId, principal, method, path, name]
  await db.run(save, [...place, status, answer, namedIn(key, answer), randomShard()])
}

// A trigger subtracts the bytes of deleted answers from the counters.
const removeNaming: Statement = {
  name: 'delete-answers',
  text: `delete from idempotency_keys where session_ids && $1::text[] and session_ids <> '{}'`,
}

/** Deletes the answers that name one of the given sessions and budgets. */
export const deleteAnswers = (db: Db, ids: readonly string[]) => db.run(removeNaming, [ids])

const batchSize = 1_000
const batchesMax = 1_000

const sweep: Statement = {
  name: 'sweep-idempotency-keys',
  text: `
delete from idempotency_keys where ctid = any(array(
  select ctid from idempotency_keys where created_at < now() - interval '${lifetimeHours} hours' limit ${batchSize}
  for update skip locked
)) returning 1`,
}

/** Deletes expired keys in batches. */
export async function sweepKeys(db: Db): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const deleted = await db.run(sweep, [])
    if (deleted.length < batchSize) return
  }
}
