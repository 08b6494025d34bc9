import { readFileSync } from 'node:fs'
import type { Api } from './api.ts'

const folder = new URL('../../page/', import.meta.url)

const html = 'text/html; charset=utf-8'
const css = 'text/css; charset=utf-8'
const script = 'text/javascript; charset=utf-8'

/** Every file of the page: its address, its name in the folder, its type. */
const files = [
  ['/', 'index.html', html],
  ['/page.css', 'page.css', css],
  ['/live.css', 'live.css', css],
  ['/sign-in.css', 'sign-in.css', css],
  ['/page.js', 'page.js', script],
  ['/api.js', 'api.js', script],
  ['/calls.js', 'calls.js', script],
  ['/conversation.js', 'conversation.js', script],
  ['/element.js', 'element.js', script],
  ['/event-list.js', 'event-list.js', script],
  ['/login.js', 'login.js', script],
  ['/sign-in.js', 'sign-in.js', script],
  ['/stream.js', 'stream.js', script],
  ['/favicon.svg', 'favicon.svg', 'image/svg+xml; charset=utf-8'],
] as const

/** The page loads and calls nothing but this server, runs no inline code and stands in no frame. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headers = {
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** What a browser sees at `/` until there is a console. The files are read once, at the start. */
export function pageRoutes({ app }: Api): void {
  for (const [url, file, type] of files) {
    const content = readFileSync(new URL(file, folder))
    app.route({
      method: 'GET',
      url,
      schema: { hide: true },
      handler: (_request, reply) =>
        reply.headers({ ...headers, 'content-type': type }).send(content),
    })
  }
}
