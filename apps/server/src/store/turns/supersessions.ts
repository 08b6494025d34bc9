import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'

const lock: Statement = {
  name: 'lock-session',
  text: 'select from sessions where org_id = $1 and id = $2 for no key update',
}

/**
 * Locks a session until the end of the transaction. The statements after it see what earlier
 * transactions have stored.
 * Contract: `db` is a transaction; throws 404.
 */
export async function lockSession(db: Db, orgId: string, sessionId: string): Promise<void> {
  const found = await db.run(lock, [orgId, sessionId])
  if (found.length === 0) throw new ApiError('not_found', 'Session')
}

/** `is_done` is false if the session does not meet the condition of the kind. */
const superseding = statement(
  'supersede-session',
  `
with o as (
  select id, key, turn_id, (select n.id from sessions n where n.org_id = :orgId and n.id = s.superseded_by) as by
  from sessions s where org_id = :orgId and id = :sessionId
), u as (
  update sessions s set key = null, superseded_by = :by, updated_at = clock_timestamp()
  from o where s.org_id = :orgId and s.id = o.id
    and case when :isRetake::boolean then o.turn_id is null and o.by is null else o.key is not null end
  returning s.id
), held as (
  select b.id from u join budgets b on b.org_id = :orgId and b.subject_type = 'session' and b.subject_id = u.id
  order by b.id for no key update of b
), moved as (
  update budgets b set subject_id = :by, updated_at = clock_timestamp() from held where b.id = held.id
)
select o.key, o.by, u.id is not null as is_done from o left join u on true`,
)

export type Supersession = {
  /** False if nothing was changed. */
  isDone: boolean
  /** The key before. */
  key: string | null
  /** The session that superseded it before, if that still exists. */
  by: string | null
}

export type Superseding = {
  orgId: string
  sessionId: string
  /** The id of the session that takes its place. */
  by: string
  /** A `retake` needs an idle session that was not superseded, a `fork` a session with a key. */
  kind: 'retake' | 'fork'
}

/**
 * Removes the key of a session and names the session that takes its place, which gets its budgets.
 * Contract: runs in a transaction, which also creates that session. Throws 404.
 */
export async function supersede(db: Db, { kind, ...asked }: Superseding): Promise<Supersession> {
  // So that the key moves once.
  await lockSession(db, asked.orgId, asked.sessionId)
  const values = valuesOf(superseding, { ...asked, isRetake: kind === 'retake' })
  type Row = { key: string | null; by: string | null; is_done: boolean }
  const [row] = await db.run<Row>(superseding, values)
  if (!row) throw new ApiError('not_found', 'Session')
  return { isDone: row.is_done, key: row.key, by: row.by }
}
