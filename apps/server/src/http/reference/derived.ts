import type { RouteOptions } from 'fastify'
import type { ErrorCode } from '../../errors.ts'
import { isAuditedRoute } from '../core/audit-entry.ts'
import { isWrite } from '../core/change-reason.ts'
import { keyReusedStatus } from '../core/channel-conflicts.ts'
import { takesKey } from '../core/idempotency.ts'

/** Errors of one status that follow from a route, under a name that routes share. */
export type SharedErrors = { name: string; codes: readonly ErrorCode[] }

const isAdapter = ({ config }: RouteOptions) => config?.access === 'adapter'

export const isPublic = ({ url, config }: RouteOptions) =>
  (!url.startsWith('/v1/') && config?.access !== 'adapter') || config?.access === 'public'

const levels = ['read', 'write', 'admin']

/** The access level that a route requires; undefined where another rule applies. */
function requiredLevel({ config, method }: RouteOptions): string | undefined {
  const level = config?.access ?? (method === 'GET' ? 'read' : 'write')
  return levels.includes(level) ? level : undefined
}

/** Bodies are parsed for every method but GET, also where none is expected. */
const parsesBody = ({ method }: RouteOptions) => method !== 'GET'

/** The errors that any route with the same settings can answer with, by status. */
export function sharedErrorsOf(route: RouteOptions): Record<string, SharedErrors> {
  const { config } = route
  const isOpen = isPublic(route)
  const hasBody = parsesBody(route)
  const shared: Record<string, SharedErrors> = {
    400: invalid(route),
    403: refused(route),
    429: {
      name: hasBody ? 'TooManyRequestsWithBody' : 'TooManyRequests',
      codes: ['rate_limited', 'too_many_connections', ...(hasBody ? uploads : [])],
    },
    431: { name: 'HeadersTooLarge', codes: ['headers_too_large'] },
    500: { name: 'InternalError', codes: ['internal_error'] },
    503: { name: 'Unavailable', codes: ['database_unavailable', 'shutting_down'] },
  }
  if (isChannel(route)) addChannelErrors(shared, route)
  else if (!isOpen) {
    shared[401] = unauthenticated(route)
    shared[404] = { name: 'NotFound', codes: ['not_found'] }
  }
  if (takesKey(route) && !isChannel(route)) {
    shared[409] = {
      name: 'KeyConflict',
      codes: ['idempotency_key_reused', 'idempotency_in_progress'],
    }
  }
  if (config?.ifMatch) shared[412] = { name: 'Changed', codes: ['changed_meanwhile'] }
  if (hasBody) {
    shared[413] = { name: 'BodyTooLarge', codes: ['body_too_large', 'body_too_complex'] }
    shared[415] = { name: 'UnsupportedMediaType', codes: ['unsupported_media_type'] }
  }
  return shared
}

const isChannel = ({ config }: RouteOptions) => config?.access === 'channel'

function addChannelErrors(shared: Record<string, SharedErrors>, route: RouteOptions) {
  const inQuery: ErrorCode[] = route.config?.tokenInQuery ? ['key_in_query'] : []
  shared[401] = {
    name: `UnauthenticatedChannel${inQuery.length > 0 ? 'Stream' : ''}`,
    codes: ['unauthenticated', 'invalid_token', 'invalid_api_key_format', ...inQuery],
  }
  shared[404] = { name: 'NotFound', codes: ['not_found'] }
  const away: ErrorCode[] = ['identity_provider_unavailable']
  shared[503] = { name: 'UnavailableChannel', codes: [...shared[503]!.codes, ...away] }
  if (!takesKey(route)) return
  shared[409] = { name: 'ChannelKeyInProgress', codes: ['idempotency_key_in_progress'] }
  shared[keyReusedStatus] = { name: 'ChannelKeyReused', codes: ['idempotency_key_reused'] }
}

const uploads: readonly ErrorCode[] = ['too_many_uploads']

function invalid(route: RouteOptions): SharedErrors {
  const codes: ErrorCode[] = ['invalid_request', 'too_many_parameters']
  const parts: string[] = []
  const add = (part: string, code: ErrorCode) => {
    parts.push(part)
    codes.push(code)
  }
  if (route.url.includes(':')) add('Id', 'invalid_id')
  if (parsesBody(route)) add('Body', 'invalid_json')
  if (route.schema?.body) add('Fields', 'unknown_field')
  if (isWrite(route)) add('Change', 'invalid_change_reason')
  return { name: `Invalid${parts.join('')}Request`, codes }
}

function unauthenticated({ config }: RouteOptions): SharedErrors {
  const codes: ErrorCode[] = [
    'unauthenticated',
    'invalid_token',
    'invalid_api_key_format',
    'invalid_api_key',
    'api_key_expired',
    'api_key_without_user',
    'invalid_organization_id',
  ]
  if (config?.access !== 'signed-in') codes.push('organization_missing')
  if (config?.tokenInQuery) codes.push('key_in_query')
  const kind = config?.tokenInQuery ? 'Stream' : config?.access === 'signed-in' ? 'User' : ''
  return { name: `Unauthenticated${kind}`, codes }
}

function refused(route: RouteOptions): SharedErrors {
  const { config } = route
  const codes: ErrorCode[] = ['host_not_allowed', 'origin_not_allowed']
  if (isChannel(route)) {
    codes.push('channel_closed', 'end_user_not_allowed')
    const hasQuota = takesKey(route) && !config?.whenFull
    if (hasQuota) codes.push('quota_exceeded')
    return { name: `ForbiddenChannel${hasQuota ? 'Quota' : ''}`, codes }
  }
  if (isAdapter(route)) {
    codes.push('user_mismatch', 'forbidden', 'users_only', 'not_granted', 'quota_exceeded')
    return { name: 'ForbiddenAdapter', codes }
  }
  const parts: string[] = []
  const add = (part: string, code: ErrorCode) => {
    parts.push(part)
    codes.push(code)
  }
  if (!isPublic(route)) {
    codes.push('user_mismatch')
    const needsLevel =
      config?.access === 'operator' || !['read', undefined].includes(requiredLevel(route))
    if (needsLevel) add('Level', 'forbidden')
    if (config?.forToken === undefined || config.forEndUser) add('Token', 'users_only')
    if (config?.forToken) add('Grant', 'not_granted')
    if (takesKey(route) && !config?.whenFull) add('Quota', 'quota_exceeded')
  } else parts.push('Public')
  return { name: `Forbidden${parts.join('')}`, codes }
}

const rolesOf: Record<string, string> = {
  read: 'any role, or an API key',
  write: 'the role member, admin or owner, or an API key with the scope `write`',
  admin: 'the role admin or owner, or an API key with the scope `admin`',
}

function accessLine(route: RouteOptions): string {
  const { access } = route.config ?? {}
  if (isPublic(route)) return '**Access:** public, without credentials.'
  if (access === 'signed-in') return '**Access:** a signed-in user or an API key.'
  if (access === 'adapter') return '**Access:** that of the operations that it calls.'
  if (access === 'channel') {
    return '**Access:** a key of the channel, a runtime token, or a token of an identity provider of the channel, in every `AUTH_MODE`. With the header `End-User` a key acts for that user.'
  }
  if (access === 'operator') {
    return '**Access:** the operator of the server: `admin` in the default organization.'
  }
  const level = requiredLevel(route)!
  return `**Access:** \`${level}\` (${rolesOf[level]}).`
}

const grantOf = {
  files: (level: string) => ` and the grant \`files: ${level}\``,
  tool_results: () => ' and a tool in `tool_results`',
  operation: (_: string, operation = '') => ` and \`${operation}\` in \`operations\``,
}

function tokenLine({ config, schema }: RouteOptions): string {
  const { forToken, forEndUser, tokenNeeds } = config ?? {}
  if (config?.access === 'channel') return '**Other credentials:** refused with 401.'
  if (config?.access === 'adapter') {
    return '**Tokens:** accepted where the operations that it calls accept them.'
  }
  if (forToken === undefined) return '**Tokens:** refused with 403 `users_only`.'
  const whose = forEndUser ? 'of end users accepted' : 'accepted for their sessions'
  const grant = tokenNeeds ? grantOf[tokenNeeds](forToken, schema?.operationId) : ''
  return `**Tokens:** ${whose} with \`access: ${forToken}\`${grant}.`
}

function retryLine(route: RouteOptions): string[] {
  if (takesKey(route)) {
    const freed = isChannel(route) ? ' A failure frees the key.' : ''
    return [`**Retries:** safe with an \`Idempotency-Key\`.${freed}`]
  }
  if (route.method !== 'POST' || isPublic(route) || isAdapter(route)) return []
  const { answersSecret, callsOut } = route.config ?? {}
  const reason = answersSecret
    ? 'because the response must not be stored'
    : callsOut
      ? 'and a retry calls the other server again'
      : 'because nothing changes'
  return [`**Retries:** \`Idempotency-Key\` is ignored, ${reason}.`]
}

/** The part of a description that follows from the settings of the route, as a Markdown list. */
export function derivedText(route: RouteOptions): string {
  const lines = [
    accessLine(route),
    ...(isPublic(route) ? [] : [tokenLine(route)]),
    ...retryLine(route),
    ...(route.config?.ifMatch
      ? ['**Concurrent changes:** send `If-Match` to refuse a change of a newer version.']
      : []),
    ...(isAuditedRoute(route) ? ['**Audit log:** records the change.'] : []),
  ]
  return lines.map((line) => `- ${line}`).join('\n')
}
