import { randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * The credential of clients that run in this process. It is random, exists in memory only, and is
 * of no use to another process.
 */
export type ProcessKey = {
  text: string
  /** True for an Authorization header with the key, in a time that depends on its length only. */
  isIn: (authorization: string | undefined) => boolean
}

export function createProcessKey(): ProcessKey {
  const text = `process_${randomBytes(32).toString('base64url')}`
  const header = Buffer.from(`Bearer ${text}`)
  return {
    text,
    isIn(authorization) {
      if (authorization?.length !== header.length) return false
      const given = Buffer.from(authorization)
      return given.length === header.length && timingSafeEqual(given, header)
    },
  }
}
