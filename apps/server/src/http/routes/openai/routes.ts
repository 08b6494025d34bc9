import type { FastifyInstance } from 'fastify'
import type { Api } from '../../core/api.ts'
import type { Streams } from '../../streams/open-streams.ts'

/** `scope`: has the prefix and the errors of OpenAI's API. */
export type OpenAI = { api: Api; streams: Streams; scope: FastifyInstance }

/** The reference of OpenAI describes these operations. */
export const hidden = (operationId: string) => ({ operationId, hide: true })
