import { createHash, timingSafeEqual } from 'node:crypto'
import { ErrorResponse } from '@outlast/contract'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isLoopback } from '../../../config/host.ts'
import type { Config } from '../../../config.ts'
import { ApiError } from '../../../errors.ts'
import type { DatabaseCounts, Metrics } from '../../../observe/metrics.ts'
import { readHookDelays } from '../../../store/log/hook-positions.ts'
import { readTurnCounts } from '../../../store/turns/turn-counts.ts'
import type { Api } from '../../core/api.ts'
import { namesLoopback } from '../../security/guard.ts'
import type { Streams } from '../../streams/open-streams.ts'

/** Counts responses by route. URLs would make the number of series unbounded. */
export function countRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request
    const route = routeOptions.url ?? 'unknown'
    metrics.requests.inc({ method, route, status: reply.statusCode })
    if (reply.problem && !reply.isPassedOn) metrics.errors.inc({ code: reply.problem })
    // The duration of a stream is not a response time.
    if (!String(reply.getHeader('content-type')).startsWith('text/event-stream')) {
      metrics.requestSeconds.observe({ route }, reply.elapsedTime / 1_000)
    }
    done()
  })
}

/** `/metrics`, for monitoring. */
export function metricsRoutes({ app, node }: Api, streams: Streams): void {
  const { config, db, metrics } = node
  /** Concurrent readers share the database queries. */
  let looking: Promise<DatabaseCounts | undefined> | undefined

  function look() {
    looking ??= Promise.all([readTurnCounts(db), readHookDelays(db)])
      .then(([turns, hooks]) => ({ turns, hooks }))
      .catch(() => undefined)
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  app.route({
    method: 'GET',
    url: '/metrics',
    config: { always: true },
    schema: {
      operationId: 'metrics',
      produces: ['text/plain'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      checkMetricsReader(request, config)
      const counted = await look()
      const { pool } = db
      const text = await metrics.text({
        counted,
        running: node.local.running(),
        streams: streams.count(),
        pool,
        waitingForDb: node.waitingForDb(),
      })
      return reply.type(metrics.contentType).serializer(String).send(text)
    },
  })
}

const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']

/**
 * Contract: throws unless the request has the token, or comes from this machine to a server without
 * authentication. A proxy on this machine has a loopback address too, so a server behind one asks
 * for the token.
 */
function checkMetricsReader(request: FastifyRequest, config: Config): void {
  const { METRICS_TOKEN: token, AUTH_MODE: mode } = config
  const { headers, raw } = request
  const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
  if (token !== undefined && given !== undefined) {
    if (isSame(given, token)) return
    throw new ApiError('invalid_token')
  }
  if (mode !== 'none') throw new ApiError('metrics_private')
  const address = (raw.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  const isForwarded = forwarding.some((name) => headers[name] !== undefined)
  if (isLoopback(address) && namesLoopback(request) && !isForwarded) return
  throw new ApiError('metrics_private')
}

const digestOf = (text: string) => createHash('sha256').update(text).digest()

const isSame = (one: string, other: string) => timingSafeEqual(digestOf(one), digestOf(other))
