import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'

/** True for a request of the execution API. */
export const isOfChannel = ({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>) =>
  routeOptions.config.access === 'channel'

/** The header of a response that was stored for an Idempotency-Key. */
export const replayHeader = (request: FastifyRequest) =>
  isOfChannel(request) ? 'idempotent-replayed' : 'idempotency-replayed'

export const keyReusedStatus = 422

/** Converts a conflict of Idempotency-Keys to the status or code that clients expect here. */
export function channelConflict(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error
  if (error.code === 'idempotency_in_progress') return new ApiError('idempotency_key_in_progress')
  if (error.code !== 'idempotency_key_reused') return error
  return Object.assign(new ApiError(error.code), { status: keyReusedStatus })
}
