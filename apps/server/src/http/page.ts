import { Readable } from 'node:stream'
import type { Page, PageQuery } from '@outlast/contract'
import type { FastifyReply } from 'fastify'

export const pageDefault = 20
export const pageMax = 100

/** Where a page begins and how long it is. */
export type Range = { offset: number; limit: number }

/** A page of a list that is always paginated. */
export function rangeOf({ offset = 0, limit = pageDefault }: PageQuery): Range {
  return { offset, limit: Math.min(limit, pageMax) }
}

/** A list as clients get it. */
export function listed<T>({ data, ...rest }: Page<T>, { offset, limit }: Range) {
  return { data, ...rest, offset, limit }
}

export type Streamed = {
  /** Known beforehand when the list is only a part; else what is streamed is all there is. */
  total?: number
  offset?: number
  batches: AsyncIterable<string[]>
}

/**
 * Streams a list whose items are JSON already, a batch at a time, so that no list is ever built in memory.
 * The next batch is read when the client has taken the last.
 */
export function streamList(reply: FastifyReply, { total, offset = 0, batches }: Streamed) {
  async function* chunks() {
    let count = 0
    yield '{"data":['
    for await (const batch of batches) {
      if (batch.length > 0) yield `${count > 0 ? ',' : ''}${batch.join(',')}`
      count += batch.length
    }
    yield `],"total":${total ?? count},"offset":${offset},"limit":${Math.max(count, 1)}}`
  }
  reply.header('content-type', 'application/json; charset=utf-8')
  return reply.send(Readable.from(chunks(), { objectMode: false }))
}
