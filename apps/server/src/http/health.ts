import { ErrorResponse, Health } from '@outlast/contract'
import type { Api } from './api.ts'

export function healthRoutes({ app, node, version, stopping }: Api): void {
  const { config, db } = node

  async function health(): Promise<Health> {
    const reachable = await db.pool.query('select 1').then(
      () => true,
      () => false,
    )
    return {
      status: reachable ? 'ok' : 'degraded',
      version,
      auth_mode: config.AUTH_MODE.replace(/^./, (letter) => letter.toUpperCase()),
      database: reachable ? 'ok' : 'unreachable',
    }
  }

  app.route({
    method: 'GET',
    url: '/health',
    config: { always: true },
    schema: {
      operationId: 'health',
      summary: 'Whether the server runs, and how.',
      tags: ['health'],
      response: { 200: Health, '4xx': ErrorResponse },
    },
    handler: health,
  })

  app.route({
    method: 'GET',
    url: '/health/ready',
    config: { always: true },
    schema: {
      operationId: 'ready',
      summary: 'Whether the server takes requests now: 200, else 503.',
      tags: ['health'],
      response: { 200: Health, 503: Health },
    },
    async handler(_request, reply) {
      const state = await health()
      return reply.code(state.status === 'ok' && !stopping() ? 200 : 503).send(state)
    },
  })
}
