/** Where a list begins and where it ends at the latest. */
export type RowRange = { offset: number; limit: number }

/** One read of a list: after the row that came last, or from `offset` on. */
export type BatchRead<Row> = { after: Row | undefined; offset: number; limit: number }

/** A list in batches, read on demand. Contract: `read` orders by a unique key, up to `limit`. */
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
