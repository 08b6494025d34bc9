import { type SelectQueryBuilder, type SqlBool, sql } from 'kysely'
import type { Db } from './database.ts'
import type { Tables } from './tables/tables.ts'

/** The first row and the maximum number of rows of a list. */
export type RowRange = { offset: number; limit: number }

/** One read of a list: the rows after the last one read, or from `offset`. */
export type BatchRead<Row> = { after: Row | undefined; offset: number; limit: number }

/** Reads a list in batches, on demand. Contract: `read` orders by a unique key, up to `limit`. */
export async function* batchesOf<Row>(
  { offset, limit }: RowRange,
  size: number,
  read: (read: BatchRead<Row>) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  let after: Row | undefined
  for (let left = limit; left > 0; ) {
    const wanted = Math.min(size, left)
    const rows = await read({ after, offset: after ? 0 : offset, limit: wanted })
    if (rows.length > 0) yield rows
    if (rows.length < wanted) return
    after = rows.at(-1)
    left -= rows.length
  }
}

/** SQL: true for rows after the given one in a list that begins with the newest. */
export const olderThan = ({ created_at, id }: { created_at: string | Date; id: string }) =>
  sql<SqlBool>`(created_at, id) < (${created_at}, ${id})`

/** Counts the rows of a query that selects no columns. */
export async function countRows<DB, TB extends keyof DB>(
  query: SelectQueryBuilder<DB, TB, object>,
): Promise<number> {
  const counting = query.select(sql`count(*)`.as('total')).$castTo<{ total: number }>()
  return (await counting.executeTakeFirstOrThrow()).total
}

/** Lists that may be long count at most so many rows. */
export const countedMax = 10_000

type CappedTotal = { total: number; total_capped?: boolean }

/** The total of a list of which at most one row more than `countedMax` was counted. */
export const cappedTotal = (count: number): CappedTotal =>
  count > countedMax ? { total: countedMax, total_capped: true } : { total: count }

/** Counts the rows of a query for the total of its list. */
export async function countUpToMax<TB extends keyof Tables, Row>(
  { kysely }: Db,
  query: SelectQueryBuilder<Tables, TB, Row>,
): Promise<CappedTotal> {
  const limited = query.limit(countedMax + 1).as('matching')
  return cappedTotal(await countRows(kysely.selectFrom(limited)))
}
