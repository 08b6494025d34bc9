import type { Session } from '@outlast/contract'
import { batchesOf } from '../batches.ts'
import type { Db } from '../database.ts'
import { columns, type SessionRow, toSession } from './sessions.ts'

const batchSize = 100

/** Lists all sessions of an end user in batches, oldest first. */
export function sessionsOfEndUser(
  { kysely }: Db,
  { orgId, user }: { orgId: string; user: string },
): AsyncGenerator<Session[]> {
  const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
  return batchesOf(all, batchSize, async ({ after, limit }) => {
    const rows = await kysely
      .selectFrom('sessions')
      .select(columns)
      .where('org_id', '=', orgId)
      .where('user_id', '=', user)
      .$if(after !== undefined, (query) =>
        query.where((eb) =>
          eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(after!.created_at, after!.id)),
        ),
      )
      .orderBy('created_at')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map((row) => toSession(row as unknown as SessionRow))
  })
}
