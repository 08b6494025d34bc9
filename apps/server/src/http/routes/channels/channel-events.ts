import { Readable } from 'node:stream'
import { AgentEventList, AgentEventQuery, AgentStreamQuery, ErrorResponse } from '@outlast/contract'
import type { Db } from '../../../store/database.ts'
import { readPage } from '../../../store/log/events.ts'
import { presentEvents } from '../../../store/log/present-events.ts'
import { jsonBatches } from '../../adapters/event-json.ts'
import type { Api } from '../../core/api.ts'
import { channelView, hiddenFrom, liveTypesFor } from '../../security/channel-view.ts'
import type { Streams } from '../../streams/open-streams.ts'
import { resumeFrom } from '../../streams/resume.ts'
import { followSession } from '../../streams/session-stream.ts'
import { base, ownSession, type SessionParams, viewerIn } from './caller.ts'

const limitDefault = 100
const batchSize = 200

/** The events of a session as its caller sees them. */
export function channelEventRoutes(api: Api, streams: Streams): void {
  listRoute(api)
  streamRoute(api, streams)
}

function listRoute({ app }: Api): void {
  app.route<{ Params: SessionParams; Querystring: AgentEventQuery }>({
    method: 'GET',
    url: `${base}/sessions/:session_id/events`,
    config: { access: 'channel' },
    schema: {
      operationId: 'list_agent_events',
      querystring: AgentEventQuery,
      response: { 200: AgentEventList, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { after_sequence: after = 0, limit = limitDefault } = request.query
      const { id: sessionId, sequence: upTo } = await ownSession(request, request.params)
      const viewer = viewerIn(request)
      const about = { orgId: request.principal.orgId, sessionId, view: channelView(viewer) }
      const read = { after, upTo, limit, exclude: hiddenFrom(viewer) }
      reply.header('content-type', 'application/json; charset=utf-8')
      const events = listOf(shownEvents(request.db, about, read))
      return reply.send(Readable.from(events, { objectMode: false }))
    },
  })
}

type About = { orgId: string; sessionId: string; view: ReturnType<typeof channelView> }
type Wanted = { after: number; upTo: number; limit: number; exclude: string[] }

/**
 * Events of a caller. A page has `limit` events if there are so many: one that ends earlier is the
 * last, also if stored events between are hidden by their content.
 */
async function* shownEvents(db: Db, { view, ...about }: About, { limit, ...wanted }: Wanted) {
  let { after } = wanted
  for (let left = limit; left > 0; ) {
    const read = { ...wanted, after, limit: Math.min(batchSize, left) }
    const { rows, more } = await readPage(db, about.sessionId, read)
    for await (const batch of jsonBatches(presentEvents(db, about, rows), view)) {
      yield batch
      left -= batch.length
    }
    if (!more) return
    after = rows.at(-1)!.sequence
  }
}

async function* listOf(batches: AsyncIterable<string[]>) {
  let isFirst = true
  yield '{"data":['
  for await (const batch of batches) {
    if (batch.length === 0) continue
    yield `${isFirst ? '' : ','}${batch.join(',')}`
    isFirst = false
  }
  yield ']}'
}

function streamRoute({ app, node }: Api, streams: Streams): void {
  app.route<{ Params: SessionParams; Querystring: AgentStreamQuery }>({
    method: 'GET',
    url: `${base}/sessions/:session_id/sse`,
    exposeHeadRoute: false,
    config: { access: 'channel', tokenInQuery: true },
    schema: {
      operationId: 'stream_agent_events',
      querystring: AgentStreamQuery,
      produces: ['text/event-stream'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { query, headers, db, principal } = request
      const { id: sessionId, sequence: last } = await ownSession(request, request.params)
      const last_event_id = headers['last-event-id']
      const resumed = await resumeFrom(db, sessionId, { ...query, last_event_id })
      const viewer = viewerIn(request)
      const frames = streams.open(request, reply, {})
      followSession(node, frames, {
        orgId: principal.orgId,
        sessionId,
        ...resumed,
        last,
        types: undefined,
        exclude: hiddenFrom(viewer),
        view: channelView(viewer),
        deltas: liveTypesFor(viewer),
        accumulated: true,
        reads: streams.reads,
      })
    },
  })
}
