import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Level } from '../access/principal.ts'
import { ApiError } from '../errors.ts'
import { createShares, type Shares } from '../shares.ts'
import type { Api } from './api.ts'
import { type Frames, openFrames } from './frames.ts'
import { createHeartbeat } from './heartbeat.ts'

export type StreamTerms = {
  signOfLife?: 'comment' | 'event' | undefined
  /** What the caller may do now; when given, the stream ends once it is not that any more. */
  level?: Level
}

/** The open streams of this node. */
export type Streams = {
  /** Begins to answer a request with a stream. Contract: throws `shutting_down`. */
  open: (request: FastifyRequest, reply: FastifyReply, terms: StreamTerms) => Frames
  /** Closes every stream, after telling each why. */
  close: (reason: string) => void
  count: () => number
  /** Reads of stored events for streams of sessions: few at once, organizations in turn. */
  reads: Shares
}

/** Of the connections of a node to its database, the rest is for requests and turns. */
const readsAtOnce = 2
const readLimits = {
  slots: readsAtOnce,
  slotsEach: readsAtOnce,
  waitingMax: Number.POSITIVE_INFINITY,
  waitingEachMax: Number.POSITIVE_INFINITY,
}

export function createStreams({ node, stopping }: Pick<Api, 'node' | 'stopping'>): Streams {
  const streams = new Set<Frames>()
  const { SSE_HEARTBEAT_MS: heartbeatMs, SSE_CYCLE_MS: cycleMs } = node.config
  const heartbeat = createHeartbeat(heartbeatMs)

  /** A stream ends with the credential that opened it. */
  function watchAccess({ principal, credential }: FastifyRequest, frames: Frames, level?: Level) {
    const { kind, orgId } = principal
    if (kind === 'anonymous') return () => {}
    const opened = { credential, orgId, level }
    return node.access.credentials.watch(opened, () => frames.close('access_ended'))
  }

  return {
    open(request, reply, { signOfLife = 'comment', level }) {
      if (stopping()) throw new ApiError('shutting_down')
      // The framework sends these with its own answers only: what other origins may read is among them.
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      request.raw.socket.setNoDelay(true)
      const frames = openFrames(reply.raw, { signOfLife, heartbeat, cycleMs })
      streams.add(frames)
      const unwatch = watchAccess(request, frames, level)
      reply.raw.on('close', () => {
        unwatch()
        streams.delete(frames)
      })
      return frames
    },
    close(reason) {
      for (const frames of streams) frames.close(reason)
    },
    count: () => streams.size,
    // A stream waits at most once, so that there is a limit: the number of streams.
    reads: createShares(readLimits, () => new Error('Too many streams wait.')),
  }
}
