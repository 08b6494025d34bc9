import type { PageQuery } from '@outlast/contract'
import type { FastifyReply } from 'fastify'
import { listed, type PageRange, rangeOf, streamList } from './page.ts'

export type ListSource<T> = {
  batches: (range: PageRange) => AsyncIterable<T[]>
  count: () => Promise<number>
}

const batchSize = 500

/** Reads a short list in batches by offset. */
export function inBatches<T>(read: (range: PageRange) => Promise<T[]>): ListSource<T>['batches'] {
  return async function* ({ offset, limit }) {
    for (let at = 0; at < limit; at += batchSize) {
      const span = { offset: offset + at, limit: Math.min(batchSize, limit - at) }
      const rows = await read(span)
      yield rows
      if (rows.length < span.limit) return
    }
  }
}

/** Sends a page if the query has `limit`, otherwise streams the whole list. */
export async function sendList<T>(
  reply: FastifyReply,
  query: PageQuery,
  { batches, count }: ListSource<T>,
) {
  if (query.limit !== undefined) {
    const range = rangeOf(query)
    const data: T[] = []
    for await (const batch of batches(range)) data.push(...batch)
    return listed({ data, total: await count() }, range)
  }
  const { offset = 0 } = query
  const all = batches({ offset, limit: Number.MAX_SAFE_INTEGER })
  const total = offset > 0 ? await count() : undefined
  return streamList(reply, {
    offset,
    ...(total !== undefined && { total }),
    batches: await begun(all),
  })
}

/** Reads the first batch before the response starts, so that an early failure is an error. */
export async function begun<T>(batches: AsyncIterable<T[]>): Promise<AsyncIterable<string[]>> {
  const iterator = batches[Symbol.asyncIterator]()
  let step = await iterator.next()
  return (async function* () {
    for (; !step.done; step = await iterator.next()) {
      yield step.value.map((item) => JSON.stringify(item))
    }
  })()
}
