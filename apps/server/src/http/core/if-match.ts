import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Supports `If-Match`. */
    ifMatch?: boolean
  }
}

/** A resource with a version: the time of its last change, unique per change. */
type Versioned = { updated_at: string }

const tagOf = ({ updated_at }: Versioned) => `"${updated_at}"`

/** Adds the version of the resource to the response, as `ETag`. */
export const tell = (reply: FastifyReply, versioned: Versioned) =>
  reply.header('etag', tagOf(versioned))

/**
 * Refuses a change to another version than the one that the client read.
 * Contract: `stored` is locked until the change; throws 412 `changed_meanwhile`.
 */
export function checkMatch(
  { headers }: Pick<FastifyRequest, 'headers'>,
  what: string,
  stored: Versioned | undefined,
): void {
  const given = headers['if-match']
  if (given === undefined) return
  const tags = given.split(',').map((tag) => tag.trim())
  if (stored && (tags.includes('*') || tags.includes(tagOf(stored)))) return
  throw new ApiError('changed_meanwhile', what)
}
