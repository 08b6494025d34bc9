import { createHash } from 'node:crypto'

/** 32 hex digits of a SHA-256 of a value as JSON, for keys of repeated requests. */
export const hashOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
