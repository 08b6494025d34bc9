import { ApiError } from '../errors.ts'
import type { Db, Statement } from './database.ts'

export type IdempotencyKey = {
  orgId: string
  principal: string
  method: string
  path: string
  key: string
  bodyHash: string
}

export type StoredAnswer = { body_hash: string; status: number; answer: string | null }

const lifetimeHours = 24
const lockTimeoutMs = 5_000
const lockNotAvailable = '55P03'

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
 * Claims a key for the transaction that it is called in. Gives the first answer when there is one already.
 * Contract: waits for another transaction that has the key, 409 after 5 s. The lock timeout stays for the transaction
 * until its mark.
 */
export async function claimKey(db: Db, key: IdempotencyKey): Promise<StoredAnswer | undefined> {
  const { orgId, principal, method, path, key: name, bodyHash } = key
  try {
    await db.run({ name: 'lock-timeout', text: `set local lock_timeout = ${lockTimeoutMs}` }, [])
    const claimed = await db.run(claim, [orgId, principal, method, path, name, bodyHash])
    if (claimed.length > 0) return undefined
    const [answer] = await db.run<StoredAnswer>(read, [orgId, principal, method, path, name])
    return answer
  } catch (error) {
    if ((error as { code?: string }).code === lockNotAvailable) {
      throw new ApiError('idempotency_in_progress')
    }
    throw error
  }
}

/** Sessions that a key is for, or that its answer shows. */
function sessionsOf({ path, principal }: IdempotencyKey, answer: string | null): string[] {
  const inKey = `${path} ${principal}`.match(/session_[0-9a-f]{32}/g) ?? []
  const inAnswer = (answer ?? '').matchAll(/"(?:id|session_id)":"(session_[0-9a-f]{32})"/g)
  return [...new Set([...inKey, ...[...inAnswer].map(([, id]) => id!)])]
}

/** Stores the answer beside its key, and the sessions that it is deleted with. */
export async function saveAnswer(
  db: Db,
  key: IdempotencyKey,
  answer: Pick<StoredAnswer, 'status' | 'answer'>,
): Promise<void> {
  await db.kysely
    .updateTable('idempotency_keys')
    .set({ ...answer, session_ids: sessionsOf(key, answer.answer) })
    .where('org_id', '=', key.orgId)
    .where('principal', '=', key.principal)
    .where('method', '=', key.method)
    .where('path', '=', key.path)
    .where('key', '=', key.key)
    .execute()
}

const batchSize = 1_000
const batchesMax = 1_000

const sweep: Statement = {
  name: 'sweep-idempotency-keys',
  text: `
delete from idempotency_keys where ctid = any(array(
  select ctid from idempotency_keys where created_at < now() - interval '${lifetimeHours} hours' limit ${batchSize}
)) returning 1`,
}

/** Deletes the keys that are past their time, a batch at a time. */
export async function sweepKeys(db: Db): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const deleted = await db.run(sweep, [])
    if (deleted.length < batchSize) return
  }
}
