import type { FastifyRequest } from 'fastify'
import { hashOf } from '../../adapters/hash.ts'
import type { Client } from './reading.ts'
import { type RepeatedRequest, repeatOf } from './repeat.ts'

export type Begin = {
  calls: Client
  /** Idempotency-Key of the inner calls; undefined without one. */
  key: string | undefined
  repeat: RepeatedRequest
}

/** The key that the client gave its request. */
const keyOf = ({ headers }: FastifyRequest) => {
  const given = headers['idempotency-key']
  return given === undefined ? undefined : `openai:${hashOf(given)}`
}

export const withKey = ({ key }: Begin, step: string): Record<string, string> =>
  key === undefined ? {} : { 'idempotency-key': `${key}:${step}` }

/** The steps of another try, to which no stored answer of the try before belongs. */
export const inTry = (begin: Begin, tries: number): Begin => ({
  ...begin,
  key: begin.key === undefined ? undefined : `${begin.key}:${tries}`,
})

/** `calls`: as the client of the request. */
export const beginFor = (request: FastifyRequest, calls: Client): Begin => ({
  calls,
  key: keyOf(request),
  repeat: repeatOf(request),
})
