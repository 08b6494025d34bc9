import { type Event, liveEventTypes } from '@outlast/contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'
import { findSequence } from '../../store/sessions/messages.ts'
import type { Api } from '../core/api.ts'
import { checkTokenOf } from '../security/principal.ts'
import { eventView, hiddenTypes } from '../security/token-view.ts'
import type { FrameListener, Frames } from '../streams/event-stream.ts'
import type { Streams } from '../streams/open-streams.ts'
import { followSession } from '../streams/session-stream.ts'
import type { Framed, ShownEvent } from '../streams/session-writer.ts'

export type TurnStream = {
  sessionId: string
  /** `sequence` of the last event before those of the stream. */
  after: number
  /** UTF-16 units of the message running there that the client has. Default: 0. */
  offset?: number
  /** Frames before the first event. Default: none. */
  greeting?: string
  /**
   * Converts an event, as the caller sees it, to frames of the protocol. Called in log order.
   * `place`: id of the position after the event, for a resume.
   */
  fold: (event: Event, place: string) => Framed
  /** Frames before an end that the fold did not ask for, such as a shutdown. Default: none. */
  interrupted?: (reason: string) => string
  headers?: Record<string, string>
  /** Length of texts that the fold keeps in memory. Default: 0. */
  keptLength?: number | undefined
}

/** Operation that the caller of an adapter must be allowed to do, to read a session. */
export type ReadOperation = 'stream_sse' | 'list_events'

type Reading = Pick<TurnStream, 'sessionId' | 'after' | 'offset' | 'fold'> & {
  /** `sequence` of the session's last event. */
  last: number
  failed: () => string
}

/**
 * Responds with the events of a session in another protocol, stored and live, until the fold ends
 * the stream. It has no frames of our own but comments as heartbeats.
 * Contract: throws 404 for a session that the caller may not read.
 */
export async function streamTurn(
  api: Pick<Api, 'node'>,
  streams: Streams,
  request: FastifyRequest,
  reply: FastifyReply,
  { interrupted = () => '', greeting = '', headers = {}, keptLength, ...turn }: TurnStream,
): Promise<void> {
  const last = await checkReader(api, request, turn.sessionId)
  const envelope = { headers, greeting, farewell: interrupted }
  const frames = streams.open(request, reply, { envelope, keptLength })
  const failed = () => interrupted('internal_error')
  followAsCaller(api, streams, request, { ...turn, last, failed }, frames)
}

/**
 * Waits until the fold ends, as a stream does, for a request that then responds in one piece.
 * Returns the reason if the wait ended earlier, as when the server stops or the client has left.
 * Contract: as `streamTurn`.
 */
export async function waitForTurn(
  api: Pick<Api, 'node'>,
  streams: Streams,
  request: FastifyRequest,
  turn: Pick<TurnStream, 'sessionId' | 'after' | 'fold'>,
): Promise<string | undefined> {
  const last = await checkReader(api, request, turn.sessionId)
  const { socket } = request.raw
  return new Promise((resolve, reject) => {
    let listener: FrameListener | undefined
    let isOver = false
    const end = (reason?: string) => {
      if (isOver) return
      isOver = true
      socket.off('close', left)
      leave()
      listener?.ended()
      resolve(reason)
    }
    const left = () => end('client_left')
    const frames: Frames = {
      listen(given) {
        listener = given
        if (isOver) given.ended()
      },
      write() {},
      together: (work) => work(),
      isFull: () => false,
      isOver: () => isOver,
      close: end,
      finish: end,
    }
    let leave = () => {}
    try {
      leave = streams.hold(request, frames)
    } catch (error) {
      return reject(error)
    }
    socket.once('close', left)
    // The client may have disconnected before there was a listener.
    if (socket.destroyed) return left()
    followAsCaller(api, streams, request, { ...turn, last, failed: () => '' }, frames)
  })
}

/**
 * Returns the last `sequence` of the session.
 * Contract: throws 404 as `streamTurn` does, and 403 if the token does not grant the operation.
 */
export async function checkReader(
  { node }: Pick<Api, 'node'>,
  { principal, db }: Pick<FastifyRequest, 'principal' | 'db'>,
  sessionId: string,
  operation: ReadOperation = 'stream_sse',
): Promise<number> {
  const reading = { operation, level: 'read', need: undefined } as const
  await checkTokenOf(sessionId, principal, reading, node.shares)
  const sequence = await findSequence(db, principal.orgId, sessionId)
  if (sequence === undefined) throw new ApiError('not_found', 'Session')
  return sequence
}

function followAsCaller(
  { node }: Pick<Api, 'node'>,
  streams: Streams,
  { principal }: FastifyRequest,
  { sessionId, after, offset = 0, last, fold, failed }: Reading,
  frames: Frames,
): void {
  const hidden = hiddenTypes(principal)
  const format = ({ type, id, json }: ShownEvent): Framed => {
    try {
      return fold(JSON.parse(json) as Event, id)
    } catch (error) {
      node.log.error('an event could not be converted', { session: sessionId, type, error })
      return { frames: failed(), isLast: true }
    }
  }
  followSession(node, frames, {
    orgId: principal.orgId,
    sessionId,
    position: { sequence: after, offset },
    storedAt: undefined,
    last,
    types: undefined,
    exclude: [...hidden],
    view: eventView(principal),
    deltas: liveEventTypes.filter((type) => !hidden.includes(type)),
    accumulated: false,
    format,
    reads: streams.reads,
  })
}
