import { Readable } from 'node:stream'
import type { Page, PageQuery } from '@outlast/contract'
import type { FastifyReply } from 'fastify'

export const pageDefault = 20
export const pageMax = 100

/** Offset and size of a page. */
export type PageRange = { offset: number; limit: number }

/** Range of a list that is always paginated. */
export function rangeOf({ offset = 0, limit = pageDefault }: PageQuery): PageRange {
  return { offset, limit: Math.min(limit, pageMax) }
}

/** Adds offset and limit to a page. */
export function listed<T>({ data, ...rest }: Page<T>, { offset, limit }: PageRange) {
  return { data, ...rest, offset, limit }
}

/** Items of a list as comma-separated JSON, and their number. */
export type Chunk = { json: string | Buffer; count: number }

type ListedPart = {
  /** Set when only a part of the list is streamed; otherwise the streamed items are counted. */
  total?: number
  offset?: number
}
export type StreamedList = ListedPart & { batches: AsyncIterable<string[]> }

/**
 * Streams a list of serialized items in batches, so that no list is built in memory. The next batch
 * is read when the client has read the last.
 */
export function streamList(reply: FastifyReply, { batches, ...listed }: StreamedList) {
  async function* chunks() {
    for await (const batch of batches) yield { json: batch.join(','), count: batch.length }
  }
  return streamChunks(reply, listed, chunks())
}

export function streamChunks(
  reply: FastifyReply,
  { total, offset = 0 }: ListedPart,
  chunks: AsyncIterable<Chunk>,
) {
  async function* parts() {
    let count = 0
    yield '{"data":['
    for await (const chunk of chunks) {
      if (chunk.count > 0 && count > 0) yield ','
      if (chunk.count > 0) yield chunk.json
      count += chunk.count
    }
    yield `],"total":${total ?? count},"offset":${offset},"limit":${Math.max(count, 1)}}`
  }
  reply.header('content-type', 'application/json; charset=utf-8')
  return reply.send(Readable.from(parts(), { objectMode: false }))
}
