import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { Api } from './api.ts'
import { createOpenApi } from './openapi.ts'

/** The docs page runs no inline code; images are `data:`, its inline style is allowed by hash. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * The OpenAPI document and a page to read and try it. Call before the routes that it should hold;
 * `complete` after them.
 */
export async function documentRoutes({ app, version }: Api): Promise<{ complete: () => void }> {
  const { document, add } = createOpenApi(version)
  app.addHook('onRoute', add)
  let text = ''
  const complete = () => {
    text = JSON.stringify(document)
  }

  app.route({
    method: 'GET',
    url: '/api-doc/openapi.json',
    schema: { hide: true },
    handler: (_request, reply) =>
      reply.header('content-type', 'application/json; charset=utf-8').send(text),
  })
  app.route({
    method: 'GET',
    url: '/swagger-ui',
    schema: { hide: true },
    handler: (_request, reply) => reply.redirect('/docs/'),
  })
  await app.register(swagger, {
    mode: 'static',
    specification: { document: document as never },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: policy,
    uiConfig: { docExpansion: 'list', tryItOutEnabled: true },
    theme: { title: 'Outlast API' },
  })
  return { complete }
}
