import type { FastifyInstance, RouteOptions } from 'fastify'
import { ConfigError } from '../../config.ts'
import { consolePaths } from '../routes/operations/console.ts'

/** First parts of paths that belong to this server, also where it has no route yet. */
const reserved = [
  'v1',
  'openai',
  'mcp',
  'a2a',
  'metrics',
  '.well-known',
  'docs',
  'api-doc',
  'swagger-ui',
]

/** The path of the API under a prefix; the rest of `/api` is free. */
const apiPath = '/api/v1'

/**
 * Checks and marks the routes that are added after the returned function was called: those of the
 * project.
 * Contract: call before other hooks for routes, which read the mark.
 */
export function watchOwnRoutes(app: FastifyInstance): () => void {
  let isComplete = false
  app.addHook('onRoute', (route) => {
    if (!isComplete) return
    checkOwnRoute(route)
    route.config = { ...route.config, own: true }
  })
  return () => {
    isComplete = true
  }
}

/** Contract: throws for a route that has, or could match, a path of this server. */
function checkOwnRoute({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
  const prefix = reservedPart(url)
  if (prefix === undefined) return
  const name = `${[method].flat().join(', ')} ${url}`
  throw new ConfigError(`The route ${name} is not allowed: ${prefix}. Choose another path.`)
}

function reservedPart(url: string): string | undefined {
  const path = decoded(url)
  const [, first = '', second = ''] = path.split('/')
  if (/[*:]/.test(first)) return 'its path must begin with a fixed name'
  if (first === 'api' && /[*:]/.test(second)) return `it could match ${apiPath}, which is reserved`
  if (first === 'api' && second === 'v1') return `${apiPath} is reserved`
  if (first.startsWith('health')) return '/health is reserved'
  const names = [...reserved, ...consolePaths()]
  return names.includes(first) ? `/${first} is reserved` : undefined
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url).toLowerCase()
  } catch {
    return url.toLowerCase()
  }
}
