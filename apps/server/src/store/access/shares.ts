import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db } from '../database.ts'
import { recordChange, subjectOf } from './access-changes.ts'

type SharesOf = { orgId: string; sessionId: string }

const living = ({ kysely }: Db, { orgId, sessionId }: SharesOf) =>
  kysely
    .selectFrom('session_tokens')
    .where('org_id', '=', orgId)
    .where('session_id', '=', sessionId)
    .where('share_name', 'is not', null)
    .where('expires_at', '>', sql<string>`now()`)

/** Lists links that have not expired, newest first. */
export const listShares = (db: Db, of: SharesOf, { offset, limit }: RowRange) =>
  living(db, of)
    .select(['id', 'session_id', 'share_name as name', 'view'])
    .select(['expires_at', 'created_at', 'user_id', 'key_id'])
    .$narrowType<{ session_id: string; name: string }>()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .execute()

export function countShares(db: Db, of: SharesOf): Promise<number> {
  return countRows(living(db, of))
}

/** Revokes a link on all nodes. Contract: `db` is a transaction; throws 404. */
export async function deleteShare(db: Db, of: SharesOf, id: string): Promise<void> {
  const gone = await db.kysely
    .deleteFrom('session_tokens')
    .where('org_id', '=', of.orgId)
    .where('session_id', '=', of.sessionId)
    .where('id', '=', id)
    .where('share_name', 'is not', null)
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'Share')
  await recordChange(db, subjectOf.token(id))
}
