import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Api } from '../../core/api.ts'

const folder = fileURLToPath(new URL('../../../../../console/dist/', import.meta.url))

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.woff2': 'font/woff2',
}

/** Paths of the console. All return one page, which chooses the screen by its path. */
const screens = [
  '/',
  '/sessions/*',
  '/agents',
  '/agents/*',
  '/capabilities',
  '/capabilities/*',
  '/providers',
  '/providers/*',
  '/waiting',
  '/mcp-servers',
  '/mcp-servers/*',
  '/budgets',
  '/schedules',
  '/schedules/*',
  '/operations',
  '/settings',
  '/settings/*',
]

/** First parts of the paths of the console and of its files. */
export const consolePaths = (): string[] =>
  [...screens, ...filesOfConsole().map((name) => `/${name}`)].map((url) => url.split('/')[1]!)

/** Names of the files of the built console; none without a build. */
const filesOfConsole = () =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll('\\', '/'))
    : []

/**
 * The page loads and calls this server only, runs no inline code and refuses to be framed. Styles
 * of its components carry the nonce of the page.
 */
const policyOf = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data: blob: https:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** Placeholder of the nonce in the page. */
const noncePlace = '__NONCE__'

const headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** Their names contain a hash of their content, so they never change. */
const forGood = 'public, max-age=31536000, immutable'

type Encoding = 'br' | 'gzip' | 'identity'

const suffixes: Record<Encoding, string> = { br: '.br', gzip: '.gz', identity: '' }

/** Serves the built console from memory. Contract: does nothing without a build. */
export function consoleRoutes({ app }: Api): void {
  if (!existsSync(path.join(folder, 'index.html'))) return
  const names = filesOfConsole()
  const known = new Set(names)
  const kept = new Map<string, Buffer>()

  function content(name: string) {
    const found = kept.get(name) ?? readFileSync(path.join(folder, name))
    kept.set(name, found)
    return found
  }

  function send(name: string, { headers: given }: FastifyRequest, reply: FastifyReply) {
    const accepted = given['accept-encoding'] ?? ''
    const encoding = (['br', 'gzip'] as const).find(
      (one) => accepted.includes(one) && known.has(name + suffixes[one]),
    )
    return reply
      .headers({
        ...headers,
        vary: 'accept-encoding',
        'content-type': types[path.extname(name)],
        'cache-control': name.startsWith('assets/') ? forGood : 'no-cache',
        ...(encoding && { 'content-encoding': encoding }),
      })
      .send(content(name + suffixes[encoding ?? 'identity']))
  }

  const serve = (url: string, name: string) =>
    app.route({
      method: 'GET',
      url,
      schema: { hide: true },
      handler: (request, reply) => send(name, request, reply),
    })

  const page = content('index.html').toString()
  for (const url of screens) {
    app.route({
      method: 'GET',
      url,
      schema: { hide: true },
      handler(_request, reply) {
        const nonce = randomBytes(16).toString('base64url')
        const own = { 'content-security-policy': policyOf(nonce), 'cache-control': 'no-store' }
        reply.headers({ ...headers, ...own, 'content-type': types['.html'] })
        return reply.send(page.replaceAll(noncePlace, nonce))
      },
    })
  }
  for (const name of names) {
    if (types[path.extname(name)] && name !== 'index.html') serve(`/${name}`, name)
  }
}
