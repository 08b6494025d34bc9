import { ErrorResponse, liveEventTypes, StreamQuery } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../errors.ts'
import { parseId } from '../ids.ts'
import { findSequence } from '../store/messages.ts'
import type { Api } from './api.ts'
import { filterOf, startOf, visibleTo } from './events.ts'
import { createHeartbeat } from './heartbeat.ts'
import { openStream, type Stream } from './sse.ts'

type Params = { session_id: string }

/** Closes every stream, after telling each why. */
export type Streams = { close: (reason: string) => void; count: () => number }

export function streamRoutes({ app, node, stopping }: Api): Streams {
  const streams = new Set<Stream>()
  const { SSE_HEARTBEAT_MS: heartbeatMs, SSE_CYCLE_MS: cycleMs } = node.config
  const heartbeat = createHeartbeat(heartbeatMs)

  app.route<{ Params: Params; Querystring: StreamQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/sse',
    exposeHeadRoute: false,
    config: { forToken: 'read', tokenInQuery: true },
    schema: {
      operationId: 'stream_sse',
      querystring: StreamQuery,
      produces: ['text/event-stream'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { params, principal, query, headers, raw } = request
      const sessionId = parseId('session', params.session_id)
      const { types, exclude } = visibleTo(principal, filterOf(query))
      const known = await findSequence(node.db, principal.orgId, sessionId)
      if (known === undefined) throw new ApiError('not_found', 'Session')
      const last_event_id = headers['last-event-id']
      const position = startOf(sessionId, { ...query, last_event_id }, known)
      if (stopping()) throw new ApiError('shutting_down')
      // The framework sends these with its own answers only: what other origins may read is among them.
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      raw.socket.setNoDelay(true)
      const wants = (type: string) =>
        (types === undefined || types.includes(type)) && !exclude?.includes(type)
      const stream = openStream(node, reply.raw, {
        orgId: principal.orgId,
        sessionId,
        position,
        types,
        exclude,
        deltas: liveEventTypes.filter(wants),
        accumulated: query.accumulated ?? true,
        signOfLife: query.heartbeat ?? 'comment',
        heartbeat,
        cycleMs,
      })
      streams.add(stream)
      const unwatch = watchAccess(request, stream)
      reply.raw.on('close', () => {
        unwatch()
        streams.delete(stream)
      })
    },
  })

  /** A stream ends with the credential that opened it. */
  function watchAccess(request: FastifyRequest, stream: Stream) {
    const { kind, orgId } = request.principal
    if (kind === 'anonymous') return () => {}
    const opened = { credential: request.credential, orgId }
    return node.access.credentials.watch(opened, () => stream.close('access_ended'))
  }

  return {
    close(reason) {
      for (const stream of streams) stream.close(reason)
    },
    count: () => streams.size,
  }
}
