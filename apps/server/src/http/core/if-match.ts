import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It heeds `If-Match`. */
    ifMatch?: boolean
  }
}

/** A resource with a version: the time of its last change, unique per change. */
type Versioned = { updated_at: string }

const tagOf = ({ updated_at }: Versioned) => `"${updated_at}"`

/** Tells the version of what is answered. */
export const tell = (reply: FastifyReply, versioned: Versioned) =>
  reply.header('etag', tagOf(versioned))

/**
 * Refuses to change what is not as the client read it.
 * Contract: `stored` is locked, so that it stays as it is until the change; throws 412
 * `changed_meanwhile`.
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
