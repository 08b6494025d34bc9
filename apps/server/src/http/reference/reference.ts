import { randomBytes } from 'node:crypto'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Api } from '../core/api.ts'
import { acceptedEncoding } from '../core/encoding.ts'

const folder = fileURLToPath(new URL('../../../reference/', import.meta.url))

/** The placeholder of the nonce in the page. */
const noncePlace = '__NONCE__'

/**
 * The page loads and calls this server only and runs no inline code. Scalar adds its styles with
 * the nonce of the page.
 */
const policyOf = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** Policy of files that a browser may open as a page. */
const filePolicy = policyOf('none').replace(" 'nonce-none'", '')

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
}

/** Files of the reference by their name under `/docs/`. */
const files: Record<string, string> = {
  'reference.css': 'reference.css',
  'policy.js': 'policy.js',
  'start.js': 'start.js',
  'favicon.svg': 'dist/favicon.svg',
}

/**
 * Serves the OpenAPI document and the API reference that Scalar renders from it.
 * Contract: call before the routes that the document must contain. Descriptions and files are
 * loaded at the first request for them, so that they cost neither start time nor memory.
 */
export function referenceRoutes({ app, version }: Api): void {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    if (route.config?.own) return
    if (route.schema?.operationId && !route.schema.hide && route.method !== 'HEAD') {
      routes.push(route)
    }
  })
  let written: Promise<string> | undefined

  /** The document as JSON, made once. */
  function json(): Promise<string> {
    written ??= (async () => {
      const { documentOf } = await import('./document.ts')
      return JSON.stringify(documentOf(routes, version))
    })()
    return written
  }

  let converted: Promise<string> | undefined

  /** The document as YAML, made once, because it takes half a second. */
  function yaml(): Promise<string> {
    converted ??= (async () => {
      const { stringify } = await import('yaml')
      return stringify(JSON.parse(await json()), { aliasDuplicateObjects: false })
    })()
    return converted
  }

  const serve = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown) =>
    app.route({ method: 'GET', url, schema: { hide: true }, handler })

  async function sendJson(_request: FastifyRequest, reply: FastifyReply) {
    return reply.header('content-type', 'application/json; charset=utf-8').send(await json())
  }

  serve('/api-doc/openapi.json', sendJson)
  serve('/docs/json', sendJson)
  serve('/docs/yaml', async (_request, reply) =>
    reply.header('content-type', 'application/yaml; charset=utf-8').send(await yaml()),
  )
  serve('/docs', sendPage)
  serve('/docs/', sendPage)
  serve('/docs/scalar.js', sendScript)
  for (const [name, file] of Object.entries(files)) {
    serve(`/docs/${name}`, (request, reply) => sendFile(request, reply, file))
  }
  for (const url of ['/swagger-ui', '/swagger-ui/*']) {
    serve(url, (_request, reply) => reply.redirect('/docs'))
  }
}

let pageText: string | undefined

function sendPage(_request: FastifyRequest, reply: FastifyReply) {
  const nonce = randomBytes(16).toString('base64url')
  pageText ??= readFileSync(path.join(folder, 'page.html'), 'utf8')
  return reply
    .headers({
      'content-security-policy': policyOf(nonce),
      'cache-control': 'no-store',
      'content-type': 'text/html; charset=utf-8',
    })
    .send(pageText.replaceAll(noncePlace, nonce))
}

/** Sends a file of the reference, or 304 if the client has it. */
function sendFile({ headers }: FastifyRequest, reply: FastifyReply, file: string) {
  const place = path.join(folder, file)
  const found = statSync(place, { throwIfNoEntry: false })
  if (!found) return reply.callNotFound()
  const etag = `"${found.size.toString(36)}-${Math.floor(found.mtimeMs).toString(36)}"`
  reply.headers({ 'content-security-policy': filePolicy, 'cache-control': 'no-cache', etag })
  if (headers['if-none-match'] === etag) return reply.code(304).send()
  const [, type] = /^.*?(\.\w+)(?:\.\w+)?$/.exec(path.basename(file))!
  return reply.header('content-type', types[type!]).send(createReadStream(place))
}

/** Sends Scalar's script from the disk, as the client accepts it. The server keeps no copy. */
function sendScript(request: FastifyRequest, reply: FastifyReply) {
  const encoding = acceptedEncoding(request.headers['accept-encoding'], ['br', 'gzip'])
  reply.header('vary', 'accept-encoding')
  if (encoding === 'br') {
    return sendFile(request, reply.header('content-encoding', 'br'), 'dist/scalar.js.br')
  }
  if (encoding === 'gzip') {
    return sendFile(request, reply.header('content-encoding', 'gzip'), 'dist/scalar.js.gz')
  }
  const place = path.join(folder, 'dist/scalar.js.gz')
  if (!statSync(place, { throwIfNoEntry: false })) return reply.callNotFound()
  reply.headers({ 'content-security-policy': filePolicy, 'content-type': types['.js'] })
  // Unlike `pipe`, this closes the file when the client disconnects.
  return reply.send(pipeline(createReadStream(place), createGunzip(), () => {}))
}
