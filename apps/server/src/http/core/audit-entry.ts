import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import { inProcessAddress, ipIn } from '../../access/address.ts'
import type { Principal } from '../../access/principal.ts'
import type { NewAuditEntry } from '../../store/access/audit-log.ts'

/** Parts of an audit entry that a handler sets in place of those derived from its route. */
export type AuditNote = {
  orgIds?: string[]
  target?: string
  details?: Record<string, unknown>
}

declare module 'fastify' {
  interface FastifyRequest {
    auditNote: AuditNote | undefined
  }
  interface FastifyContextConfig {
    /** Writes no audit entry: the session log records it, or the handler does. */
    unaudited?: boolean
    /** The response contains a secret, so it is never stored. */
    answersSecret?: boolean
    /** Bodies may have secrets in fields named `secret`, of which no hash is stored. */
    hasSecret?: boolean
  }
}

/**
 * True for requests that change something under /v1, unless the route is `unaudited` or an adapter,
 * whose operations have their own entries.
 */
export function isAudited({ routeOptions, method }: FastifyRequest): boolean {
  return isAuditedRoute({ ...routeOptions, method })
}

type Route = { method: unknown; url?: string; config?: FastifyContextConfig | undefined }

export function isAuditedRoute({ method, url, config }: Route): boolean {
  if (method === 'GET' || method === 'HEAD') return false
  const isInner = config?.access === 'adapter'
  return url?.startsWith('/v1/') === true && !config?.unaudited && !isInner
}

const userAgentMax = 300

/**
 * Returns the address of the client, or of its connection if a proxy sends none that can be read.
 * Null if it is unknown, as for a client that has just disconnected.
 */
export function addressOf({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string | null {
  // The framework returns undefined once the connection has ended.
  const shown = (ip as string | undefined) ?? ''
  const address = ipIn(shown) ?? socket.remoteAddress
  return address === undefined || address === inProcessAddress ? null : address
}

/** Origin of a request. */
export function originOf(request: FastifyRequest) {
  const { 'user-agent': agent } = request.headers
  return {
    address: addressOf(request),
    user_agent: agent === undefined ? null : agent.slice(0, userAgentMax),
    request_id: request.id,
  }
}

/** The actor of an audit entry. */
const actorOf = ({ kind, id, name }: Pick<Principal, 'kind' | 'id' | 'name'>) => ({
  actor_type: kind,
  actor_id: id,
  actor_name: name,
})

export function auditEntry(request: FastifyRequest, payload: unknown) {
  const { auditNote: note = {}, routeOptions, principal, params, changeReason } = request
  const last = Object.values((params ?? {}) as Record<string, string>).at(-1)
  const entry: NewAuditEntry = {
    ...actorOf(principal),
    ...originOf(request),
    action: routeOptions.schema?.operationId ?? `${request.method} ${routeOptions.url}`,
    target: note.target ?? idIn(payload) ?? last ?? null,
    details: note.details ?? null,
    reason: changeReason ?? null,
  }
  return { orgIds: note.orgIds ?? [principal.orgId], entry }
}

/** The `id` in a JSON response. */
function idIn(payload: unknown): string | undefined {
  if (typeof payload !== 'string' || !payload.startsWith('{')) return undefined
  const { id } = JSON.parse(payload) as { id?: unknown }
  return typeof id === 'string' ? id : undefined
}

/** A URL without its query, which may contain a secret. */
export function withoutQuery(address: string): string {
  const url = URL.parse(address)
  return url ? `${url.origin}${url.pathname}` : address
}
