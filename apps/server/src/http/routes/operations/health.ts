import { ErrorResponse, Health } from '@outlast/contract'
import type { Api } from '../../core/api.ts'

export function healthRoutes({ app, node, version, stopping, codeProblems }: Api): void {
  const { config } = node

  /** Contract: reads nothing from the database, so that it answers at once during an outage. */
  function health(): Health {
    const reason = stopping() ? 'The node is stopping.' : node.problem()
    return {
      status: reason === undefined ? 'ok' : 'degraded',
      version,
      auth_mode: config.AUTH_MODE.replace(/^./, (letter) => letter.toUpperCase()),
      database: node.reachesDatabase() ? 'ok' : 'unreachable',
      ...(codeProblems && { development: true }),
      ...(reason !== undefined && { reason }),
    }
  }

  app.route({
    method: 'GET',
    url: '/health',
    config: { always: true },
    schema: {
      operationId: 'health',
      response: { 200: Health, '4xx': ErrorResponse },
    },
    handler: async () => health(),
  })

  app.route({
    method: 'GET',
    url: '/health/ready',
    config: { always: true },
    schema: {
      operationId: 'ready',
      response: { 200: Health, 503: Health },
    },
    async handler(_request, reply) {
      const state = health()
      return reply.code(state.status === 'ok' ? 200 : 503).send(state)
    },
  })
}
