import type { Api } from './api.ts'

/** What a browser sees at `/` until there is a console. */
export function pageRoutes({ app }: Api): void {
  app.route({
    method: 'GET',
    url: '/',
    schema: { hide: true },
    handler: (_request, reply) =>
      reply
        .header('content-type', 'text/html; charset=utf-8')
        .send('<!doctype html><title>Outlast</title>'),
  })
}
