import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../../config.ts'
import type { Api } from '../../core/api.ts'
import { acceptedEncoding } from '../../core/encoding.ts'

const folder = fileURLToPath(new URL('../../../../../console/dist/', import.meta.url))

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.woff2': 'font/woff2',
}

/** The page of a link to a session, for readers without an account. */
const linkPage = '/shared/*'

/** Paths of the console. All return one page, which chooses the screen by its path. */
const screens = [
  '/',
  '/sessions',
  '/sessions/*',
  '/agents',
  '/agents/*',
  '/capabilities',
  '/capabilities/*',
  '/models',
  '/providers',
  '/providers/*',
  '/waiting',
  '/mcp-servers',
  '/mcp-servers/*',
  '/budgets',
  '/usage',
  '/schedules',
  '/schedules/*',
  '/operations',
  '/settings',
  '/settings/*',
  linkPage,
]

/** First parts of the paths of the console and of its files. */
export const consolePaths = (): string[] =>
  [...screens, ...filesOfConsole().map((name) => `/${name}`)].map((url) => url.split('/')[1]!)

/** Names of the files of the built console; none without a build. */
const filesOfConsole = () =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true }).map(({ parentPath, name }) =>
        path.relative(folder, path.join(parentPath, name)).replaceAll('\\', '/'),
      )
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

/** Search engines do not index the page of a link. */
const noIndex = { 'x-robots-tag': 'noindex, nofollow' }

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

function sendPage(page: string, reply: FastifyReply): FastifyReply {
  const nonce = randomBytes(16).toString('base64url')
  const own = { 'content-security-policy': policyOf(nonce), 'cache-control': 'no-store' }
  reply.headers({ ...headers, ...own, 'content-type': types['.html'] })
  return reply.send(page.replaceAll(noncePlace, nonce))
}

/** First parts of paths that programs use. Their unknown paths are JSON in browsers too. */
const forPrograms =
  /^\/(?:v\d+|\.well-known|a2a|api|api-doc|assets|docs|health|mcp|metrics|openai|swagger-ui)(?:\/|$)/i

/**
 * Answers an unknown path that a browser opens with the page of the console, which shows that it
 * does not exist, and status 404. A build that is missing and a worker have no page.
 */
export function showUnknownPage(role: Config['ROLE']) {
  const page = role === 'worker' ? undefined : readConsolePage()
  return ({ method, url, headers: { accept = '' } }: FastifyRequest, reply: FastifyReply) => {
    const isOpened = method === 'GET' && /\btext\/html\b/i.test(accept)
    if (!page || !isOpened || forPrograms.test(url.split('?')[0]!)) return undefined
    return sendPage(page, reply.code(404))
  }
}

/** The page of the console; none without a build. */
function readConsolePage(): string | undefined {
  const file = path.join(folder, 'index.html')
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** Serves the built console from memory. Contract: does nothing without a build. */
export function consoleRoutes({ app }: Api): void {
  const page = readConsolePage()
  if (page === undefined) return
  const names = filesOfConsole()
  const known = new Set(names)
  const kept = new Map<string, Buffer>()

  function content(name: string) {
    const found = kept.get(name) ?? readFileSync(path.join(folder, name))
    kept.set(name, found)
    return found
  }

  function send(name: string, { headers: given }: FastifyRequest, reply: FastifyReply) {
    const compressed = (['br', 'gzip'] as const).filter((one) => known.has(name + suffixes[one]))
    const encoding = acceptedEncoding(given['accept-encoding'], compressed)
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

  const serve = (url: string, nameOf: (request: FastifyRequest) => string | undefined) =>
    app.route({
      method: 'GET',
      url,
      schema: { hide: true },
      handler(request, reply) {
        const name = nameOf(request)
        return name === undefined ? reply.callNotFound() : send(name, request, reply)
      },
    })

  for (const url of screens) {
    app.route({
      method: 'GET',
      url,
      schema: { hide: true },
      handler: (_request, reply) =>
        sendPage(page, url === linkPage ? reply.headers(noIndex) : reply),
    })
  }
  const served = names.filter((name) => types[path.extname(name)] && name !== 'index.html')
  const isAsset = (name: string) => path.dirname(name) === 'assets'
  for (const name of served.filter((name) => !isAsset(name))) serve(`/${name}`, () => name)
  // One route for more than 100 files: a route takes time at each start, and a label in metrics.
  const assets = new Map(served.filter(isAsset).map((name) => [path.basename(name), name]))
  serve('/assets/:file', ({ params }) => assets.get((params as { file: string }).file))
}
