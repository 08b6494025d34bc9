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
