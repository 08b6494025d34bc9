import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import { ApiError } from '../../errors.ts'

const mebibyte = 1024 * 1024
/** Limits of the bytes of request bodies whose requests are not answered yet. */
const bytesMax = { caller: 96 * mebibyte, organization: 192 * mebibyte, node: 512 * mebibyte }
/** Smaller bodies are bounded by the limits for requests and connections. */
const smallBytes = 64 * 1024

/** Methods whose bodies are refused: a declared length would count while a stream is open. */
const withoutBody = new Set(['GET', 'HEAD'])
const node = 'node'

type Owner = { name: string; max: number }

/**
 * Limits the bodies that callers send concurrently: by their declared size until they are read.
 * Contract: never refuses a single body, nor the first one of an organization; answers 429
 * `too_many_uploads` before the body is read.
 */
export function boundUploads(app: FastifyInstance, config: Config): void {
  const held = new Map<string, number>()
  app.decorateRequest('bodyHolds')
  app.addHook('preParsing', (request, reply, payload, done) => {
    const bytes = declaredBytes(request)
    if (bytes <= smallBytes || withoutBody.has(request.method)) return done(null, payload)
    // No route for callers without a principal takes large bodies, and the accounts of others are
    // not theirs to use.
    if (!request.principal && !request.routeOptions.config.own)
      return done(refusalOf(request), payload)
    // The client may have left during authentication: `close` was emitted, and not again.
    if (reply.raw.destroyed) return done(null, payload)
    const owners = ownersOf(request, config)
    const isFull = ({ name, max }: Owner) => held.has(name) && held.get(name)! + bytes > max
    const isFirst = owners.some(({ name }) => name !== node && !held.has(name))
    const full = owners.filter(isFull).filter(({ name }) => name !== node || !isFirst)
    if (full.length > 0) return done(new ApiError('too_many_uploads'), payload)
    let counted = 0
    const count = (size: number) => {
      for (const { name } of owners) {
        const total = (held.get(name) ?? 0) + size - counted
        if (total > 0) held.set(name, total)
        else held.delete(name)
      }
      counted = size
    }
    count(bytes)
    // The client may leave first: then nothing counts.
    request.bodyHolds = (size) => count(Math.min(counted, size <= smallBytes ? 0 : size))
    reply.raw.once('close', () => count(0))
    done(null, payload)
  })
}

/** The declared length of a body, else the limit of its route. */
function declaredBytes({ headers, routeOptions }: FastifyRequest): number {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers
  if (encoding !== undefined) return routeOptions.bodyLimit
  return Math.min(Number(length ?? 0), routeOptions.bodyLimit)
}

function refusalOf({ is404, url }: FastifyRequest) {
  if (is404) return new ApiError('route_not_found', url.split('?')[0]!.slice(0, 200))
  return new ApiError('body_too_large', String(smallBytes))
}

function ownersOf({ principal }: FastifyRequest, { AUTH_MODE: mode }: Config): Owner[] {
  const all = { name: node, max: bytesMax.node }
  if (mode === 'none') return [all]
  if (!principal) return [all, { name: 'own routes', max: bytesMax.organization }]
  const { kind, id, sessionId, orgId } = principal
  const caller = { name: `${kind} ${sessionId ?? id}`, max: bytesMax.caller }
  return [all, { name: orgId, max: bytesMax.organization }, caller]
}
