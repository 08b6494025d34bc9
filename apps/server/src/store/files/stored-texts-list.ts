import { batchesOf, type RowRange } from '../batches.ts'
import type { Db } from '../database.ts'
import type { StoredName } from './tool-access.ts'

type Kind = 'value' | 'secret'
export type TextsOf = { orgId: string; sessionId: string; kind: Kind }

/** Values of 64 KiB that are in memory at once. */
const batchSize = 20

/** Lists the stored texts of one kind by name, in batches. Secrets are listed sealed. */
export function storedTextBatches(
  db: Db,
  of: TextsOf,
  range: RowRange,
): AsyncGenerator<(StoredName & { body: string })[]> {
  return batchesOf<StoredName & { body: string }>(range, batchSize, ({ after, offset, limit }) =>
    selectTexts(db, of)
      .select(['name', 'body', 'created_at', 'updated_at'])
      .$if(after !== undefined, (q) => q.where('name', '>', after!.name))
      .orderBy('name')
      .offset(offset)
      .limit(limit)
      .execute(),
  )
}

/** Lists the names of the stored texts of one kind. */
export function listStoredTextNames(db: Db, of: TextsOf, { offset, limit }: RowRange) {
  return selectTexts(db, of)
    .select(['name', 'created_at', 'updated_at'])
    .orderBy('name')
    .offset(offset)
    .limit(limit)
    .execute()
}

export async function countStoredTexts(db: Db, of: TextsOf): Promise<number> {
  const { count } = await selectTexts(db, of)
    .select((q) => q.fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

const selectTexts = (db: Db, { orgId, sessionId, kind }: TextsOf) =>
  db.kysely
    .selectFrom('session_storage')
    .where('org_id', '=', orgId)
    .where('session_id', '=', sessionId)
    .where('kind', '=', kind)
