import { ErrorResponse, liveEventTypes, StreamQuery } from '@outlast/contract'
import { parseId } from '../../../ids.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { contextView, eventView } from '../../security/token-view.ts'
import type { Streams } from '../../streams/open-streams.ts'
import { resumeFrom } from '../../streams/resume.ts'
import { followSession } from '../../streams/session-stream.ts'
import { filterOf, visibleTo } from './events.ts'

type Params = { session_id: string }

export function streamRoutes({ app, node }: Api, streams: Streams): void {
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
      const { params, principal, query, headers, db } = request
      const sessionId = parseId('session', params.session_id)
      const { types, exclude } = visibleTo(principal, filterOf(query))
      const last = await getSequence(db, principal.orgId, sessionId)
      const last_event_id = headers['last-event-id']
      const resumed = await resumeFrom(db, sessionId, { ...query, last_event_id })
      const wants = (type: string) =>
        (types === undefined || types.includes(type)) && !exclude?.includes(type)
      const frames = streams.open(request, reply, { signOfLife: query.heartbeat })
      followSession(node, frames, {
        orgId: principal.orgId,
        sessionId,
        ...resumed,
        last,
        types,
        exclude,
        view: eventView(principal),
        deltas: liveEventTypes.filter(wants),
        contextView: contextView(principal),
        accumulated: query.accumulated ?? true,
        reads: streams.reads,
      })
    },
  })
}
