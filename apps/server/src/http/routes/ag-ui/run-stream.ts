import type { AgUiEvent } from '@outlast/contract/folds/ag-ui'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkReader, streamTurn } from '../../adapters/turn-stream.ts'
import type { Api } from '../../core/api.ts'
import type { Streams } from '../../streams/open-streams.ts'
import { storeBegun } from './open-run.ts'
import { type AgUiPlace, parsePlace } from './place.ts'
import { foldFrom, fromPlace, fromStart, type OpenedRun, stateBefore } from './run-events.ts'

/**
 * The last event that the client has received; undefined if it has none.
 * Contract: throws 400. Called before the run is opened, so that a refused request sends nothing.
 */
export function lastPlaceOf({ headers }: FastifyRequest): AgUiPlace | undefined {
  const given = headers['last-event-id']
  return typeof given === 'string' && given !== '' ? parsePlace(given) : undefined
}

/** Streams a run from its beginning, or from a place. */
export async function streamRun(
  api: Api,
  streams: Streams,
  request: FastifyRequest,
  reply: FastifyReply,
  { place, ...opened }: OpenedRun & { place: AgUiPlace | undefined },
): Promise<unknown> {
  const { sessionId, historyLength: keptLength } = opened
  const [last, before] = await Promise.all([
    checkReader(api, request, sessionId),
    stateBefore(request, opened),
    opened.isNew && storeBegun(request, opened),
  ])
  const position = place
    ? await fromPlace(request, opened, { before, place })
    : await fromStart(request, opened, { before, last })
  const { state, after, offset, frames: greeting } = position
  if (state.isOver) return sendFrames(reply, greeting)
  const fold = foldFrom(position)
  const turn = { sessionId, after, offset, greeting, fold, interrupted: farewell, keptLength }
  return streamTurn(api, streams, request, reply, turn)
}

const sendFrames = (reply: FastifyReply, frames: string) =>
  reply
    .header('content-type', 'text/event-stream; charset=utf-8')
    .header('cache-control', 'no-cache, no-transform')
    .send(frames)

const frameWithoutId = (event: AgUiEvent) => `data: ${JSON.stringify(event)}\n\n`

/** Sends a run that failed before it began. */
export const sendRunError = (reply: FastifyReply, code: string, message: string) =>
  sendFrames(reply, frameWithoutId({ type: 'RUN_ERROR', message, code }))

/** Ends of a stream that are final. After others, clients that can resume do so. */
const finalReasons = ['access_ended', 'session_deleted', 'history_changed', 'internal_error']

const farewell = (reason: string) =>
  finalReasons.includes(reason)
    ? frameWithoutId({ type: 'RUN_ERROR', message: `The stream ended: ${reason}.`, code: reason })
    : ''
