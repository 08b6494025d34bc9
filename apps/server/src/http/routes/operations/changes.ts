import { ChangesQuery, ErrorResponse } from '@outlast/contract'
import type { Api } from '../../core/api.ts'
import { createChangeFeed } from '../../streams/change-feed.ts'
import { followChanges } from '../../streams/change-stream.ts'
import type { Streams } from '../../streams/open-streams.ts'

export function changeRoutes({ app, node }: Api, streams: Streams): void {
  const feed = createChangeFeed(node)

  app.route<{ Querystring: ChangesQuery }>({
    method: 'GET',
    url: '/v1/changes',
    exposeHeadRoute: false,
    config: { tokenInQuery: true },
    schema: {
      operationId: 'stream_changes',
      querystring: ChangesQuery,
      produces: ['text/event-stream'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { principal, query } = request
      const { level } = principal
      const frames = streams.open(request, reply, { signOfLife: query.heartbeat, level })
      followChanges(feed, frames, principal)
    },
  })
}
