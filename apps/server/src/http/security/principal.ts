import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { networkOf } from '../../access/address.ts'
import type { Credentials } from '../../access/credentials.ts'
import { keyStart, type SignedIn } from '../../access/credentials.ts'
import { checkNeed, type TokenNeed } from '../../access/grants.ts'
import type { LimitedCaller } from '../../access/limits.ts'
import {
  allows,
  anonymous,
  isOperator,
  type Level,
  levelOf,
  type Principal,
} from '../../access/principal.ts'
import { ApiError, invalidId } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { findOrganization } from '../../store/access/organizations.ts'
import { unknownCallers } from '../../store/connection-shares.ts'
import { readCookie } from './cookies.ts'
import { isSameOrigin } from './guard.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The credential of the request, which open streams check again. */
    credential: string
  }
  interface FastifyContextConfig {
    /**
     * Required access: none (`public`), an authenticated caller (`signed-in`, without an
     * organization), a level in an organization, or admin access in the default organization
     * (`operator`). Default: `read` for GET, else `write`; outside /v1 none.
     */
    access?: 'public' | 'signed-in' | 'operator' | Level
    /** Access that a token needs for the session in the path. Absent: tokens are refused. */
    forToken?: 'read' | 'write'
    /** Grant that a session token needs in addition; tokens do not have it by default. */
    tokenNeeds?: TokenNeed
    /** Accepts the token in `?access_token=`, for browsers that cannot send headers. */
    tokenInQuery?: boolean
  }
}

const minute = 60
const organizationId = /^org_[0-9a-f]{32}$/

/** Authenticates and authorizes. All of /v1 needs a principal unless a route is public. */
export function authenticate(app: FastifyInstance, node: Node, signedIn: SignedInSockets): void {
  const find = node.config.AUTH_MODE === 'none' ? openTo(node) : guarded(node, signedIn)
  app.addHook('onRequest', (request, _reply, done) => {
    let found: Promise<void> | undefined
    try {
      found = find(request)
    } catch (error) {
      return done(error as Error)
    }
    if (found === undefined) return done()
    found.then(() => done(), done)
  })
}

/** Authenticated connections. */
export type SignedInSockets = { add: (socket: FastifyRequest['raw']['socket']) => void }

const isOurs = ({ routeOptions }: FastifyRequest) => routeOptions.url?.startsWith('/v1/') ?? false

/** Identifies callers without authentication: one principal, and the named organization. */
function openTo({ shares }: Node) {
  const db = shares(unknownCallers)
  return (request: FastifyRequest): Promise<void> | undefined => {
    request.principal = anonymous
    if (!isOurs(request) || request.routeOptions.config.access === 'public') return undefined
    const orgId = wantedOrganization(request)
    checkUser(request, anonymous)
    if (orgId === undefined || orgId === anonymous.orgId) return undefined
    return findOrganization(db, orgId).then((found) => {
      if (!found) throw new ApiError('not_found', 'Organization')
      request.principal = { ...anonymous, orgId }
    })
  }
}

function guarded({ config, access }: Node, signedIn: SignedInSockets) {
  const { credentials, limits } = access
  const perMinute = (subject: string, capacity: number) =>
    capacity === 0 ? [] : [limits.bucket({ subject, capacity, seconds: minute })]
  const ofSockets = new WeakMap<Socket, LimitedCaller>()
  const hasProxies = config.TRUST_PROXY.length > 0

  function takeOfAddress(request: FastifyRequest) {
    const find = () => perMinute(`address:${networkOf(request.ip)}`, config.RATE_LIMIT_ADDRESS)
    if (hasProxies) return limits.take(find())
    const { socket } = request.raw
    const counted = limits.kept(ofSockets.get(socket), find)
    ofSockets.set(socket, counted)
    limits.take(counted.buckets)
  }

  /** Rate-limit buckets of the caller and of its organization. */
  function bucketsOf({ kind, id, orgId, sessionId }: Principal) {
    const own =
      kind === 'key'
        ? perMinute(`key:${id}`, config.RATE_LIMIT_KEY)
        : perMinute(sessionId ?? `user:${id}`, config.RATE_LIMIT_USER)
    return orgId === '' ? own : [...own, ...perMinute(orgId, config.RATE_LIMIT_ORG)]
  }

  function admit(request: FastifyRequest, principal: Principal) {
    signedIn.add(request.raw.socket)
    principal.counted = limits.kept(principal.counted, () => bucketsOf(principal))
    limits.take(principal.counted.buckets)
    checkUser(request, principal)
    request.principal = principal
    checkAccess(request, principal)
  }

  return (request: FastifyRequest): Promise<void> | undefined => {
    takeOfAddress(request)
    const { access: wanted } = request.routeOptions.config
    if (!isOurs(request) || wanted === 'public') return undefined
    const credential = credentialOf(request)
    request.credential = credential
    const known = credentials.known(credential, request.raw.socket)
    if (known && 'principal' in known) {
      checkOrganization(request, known.principal)
      return admit(request, known.principal) as undefined
    }
    return (async () => {
      const bearer = known ?? (await credentials.find(credential))
      if ('principal' in bearer) {
        checkOrganization(request, bearer.principal)
        return admit(request, bearer.principal)
      }
      admit(request, await principalOf(credentials, request, bearer.user))
    })()
  }
}

/** The credential of a request: a header wins over a cookie. Contract: throws 401 without one. */
function credentialOf(request: FastifyRequest): string {
  const { authorization } = request.headers
  if (authorization !== undefined && authorization !== '') return fromHeader(authorization)
  if (request.routeOptions.config.tokenInQuery) {
    const { access_token: token } = request.query as { access_token?: unknown }
    if (typeof token === 'string' && token !== '') return fromQuery(token)
  }
  const cookie = readCookie(request, 'access_token')
  if (cookie === undefined || cookie === '') throw new ApiError('unauthenticated')
  checkOriginOfCookie(request)
  return cookie
}

/** Accepts short-lived tokens in a URL, but no API keys, because proxies log URLs. */
function fromQuery(token: string): string {
  if (token.startsWith(keyStart)) throw new ApiError('key_in_query')
  return token
}

/** `<key>`, `ApiKey <key>`, `Bearer <key or token>`. */
function fromHeader(authorization: string): string {
  const [, scheme = '', rest = ''] = /^(\S+)(?: +(\S+))? *$/.exec(authorization) ?? []
  if (rest === '') {
    if (scheme.startsWith(keyStart)) return scheme
    throw new ApiError('invalid_api_key_format')
  }
  if (/^bearer$/i.test(scheme)) return rest
  if (!/^apikey$/i.test(scheme)) throw new ApiError('unauthenticated')
  if (!rest.startsWith(keyStart)) throw new ApiError('invalid_api_key_format')
  return rest
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Refuses a request with an effect that a browser sends with a cookie from another origin. */
function checkOriginOfCookie(request: FastifyRequest) {
  if (safeMethods.has(request.method)) return
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin === undefined ? site === 'same-origin' : isSameOrigin(origin, request)) return
  throw new ApiError('origin_not_allowed')
}

/** The organization that a request names: in its path, a header or its query. */
function wantedOrganization({ params, headers, query }: FastifyRequest): string | undefined {
  const { org_id: inPath } = params as { org_id?: string }
  if (inPath !== undefined) {
    if (organizationId.test(inPath)) return inPath
    throw invalidId('organization', 'org_0123456789abcdef0123456789abcdef')
  }
  const given = headers['x-org-id'] ?? (query as { org_id?: unknown } | undefined)?.org_id
  if (given === undefined || given === '') return undefined
  if (typeof given === 'string' && organizationId.test(given)) return given
  throw new ApiError('invalid_organization_id')
}

/** Refuses a key or token for another organization than its own. */
function checkOrganization(request: FastifyRequest, { orgId }: Principal) {
  const wanted = wantedOrganization(request)
  if (wanted !== undefined && wanted !== orgId) throw new ApiError('not_found', 'Organization')
}

async function principalOf(
  credentials: Credentials,
  request: FastifyRequest,
  user: SignedIn,
): Promise<Principal> {
  const own = { kind: 'user' as const, ...user, userId: user.id }
  const orgId =
    wantedOrganization(request) ?? (await chosenOrganization(credentials, request, user))
  if (orgId !== undefined) {
    const role = await credentials.role(orgId, user.id)
    if (role) return { ...own, orgId, role, level: levelOf(role) }
    if (request.routeOptions.config.access !== 'signed-in' || wantedOrganization(request)) {
      throw new ApiError('not_found', 'Organization')
    }
  }
  if (request.routeOptions.config.access !== 'signed-in') throw new ApiError('organization_missing')
  return { ...own, orgId: '', role: 'viewer', level: 'read' }
}

/** The organization that the user switched to, or the only one of the user. */
async function chosenOrganization(
  credentials: Credentials,
  request: FastifyRequest,
  { id }: SignedIn,
) {
  const cookie = readCookie(request, 'outlast_org')
  if (cookie !== undefined && organizationId.test(cookie)) {
    if (await credentials.role(cookie, id)) return cookie
  }
  return credentials.home(id)
}

/**
 * Refuses a request for another user. Tabs of a browser share one cookie, so a page that still has
 * messages of one user may send them with the cookie of the next user.
 */
function checkUser({ headers }: FastifyRequest, { userId }: Principal) {
  const named = headers['outlast-user']
  if (named !== undefined && named !== userId) throw new ApiError('user_mismatch')
}

function checkAccess({ routeOptions, method, params }: FastifyRequest, principal: Principal) {
  const { access, forToken, tokenNeeds } = routeOptions.config
  if (principal.kind === 'token') {
    if (forToken === undefined) throw new ApiError('users_only')
    const { session_id } = params as { session_id?: string }
    if (session_id !== principal.sessionId) throw new ApiError('not_found', 'Session')
    if (!allows(principal.level, forToken)) throw new ApiError('forbidden', forToken)
    if (tokenNeeds) checkNeed(principal, tokenNeeds, forToken)
    return
  }
  if (access === 'signed-in') return
  if (access === 'operator') {
    if (!isOperator(principal)) throw new ApiError('forbidden', 'operator')
    return
  }
  const wanted = (access ?? (safeMethods.has(method) ? 'read' : 'write')) as Level
  if (!allows(principal.level, wanted)) throw new ApiError('forbidden', wanted)
}
