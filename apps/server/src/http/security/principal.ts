import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { inProcessAddress, networkOf } from '../../access/address.ts'
import { type Credentials, keyStart, type SignedIn } from '../../access/credentials.ts'
import { checkGrants, type TokenLevel, type TokenNeed } from '../../access/grants.ts'
import type { LimitedCaller } from '../../access/limits.ts'
import {
  allows,
  anonymous,
  isOperator,
  type Level,
  levelOf,
  limitedId,
  ownProcess,
  type Principal,
} from '../../access/principal.ts'
import { ApiError, invalidId } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { findOrganization } from '../../store/access/organizations.ts'
import { type ConnectionShares as Shares, unknownCallers } from '../../store/connection-shares.ts'
import type { Db } from '../../store/database.ts'
import { isReached, type ScopedSession } from '../../store/scope.ts'
import { addressOf } from '../core/audit-entry.ts'
import { isOfChannel } from '../core/channel-conflicts.ts'
import { createChannelCallers } from './channel-caller.ts'
import { readCookie } from './cookies.ts'
import { credentialOf, safeMethods } from './credential.ts'
import { createVerification } from './verification.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The credential of the request, which open streams check again. */
    credential: string
  }
  interface FastifyInstance {
    /** Ids of the operations that are open to tokens. */
    tokenOperations: Set<string>
  }
  interface FastifyContextConfig {
    /**
     * Required access: none (`public`), an authenticated caller (`signed-in`, without an
     * organization), a level in an organization, or admin access in the default organization
     * (`operator`), or the caller of the channel in the path (`channel`). `adapter`: a caller in an
     * organization, tokens included; the operations that the route calls check the rest. Default:
     * `read` for GET, else `write`; outside /v1 none.
     */
    access?: 'public' | 'signed-in' | 'operator' | 'channel' | 'adapter' | Level
    /**
     * Access that a token needs for the session in the path. Absent: tokens are refused. Without a
     * session in the path the route needs `forEndUser` too.
     */
    forToken?: TokenLevel
    /**
     * Tokens of one session are refused: the handler creates sessions, or lists those in the scope
     * of `principal.endUser`.
     */
    forEndUser?: true
    /** Grant that a token needs in addition; tokens do not have it by default. */
    tokenNeeds?: TokenNeed
    /** Fields of the body, or parameters of the query, that a token may send. Absent: all. */
    tokenFields?: readonly string[]
    /** Accepts the token in `?access_token=`, for browsers that cannot send headers. */
    tokenInQuery?: boolean
  }
}

const minute = 60
/** A channel that is unknown or closed, a wrong credential, a user that it may not name. */
const channelFailures = [401, 403, 404]
const organizationId = /^org_[0-9a-f]{32}$/

/** Authenticates and authorizes. All of /v1 needs a principal unless a route is public. */
export function authenticate(app: FastifyInstance, node: Node, signedIn: SignedInSockets): void {
  const isOpen = node.config.AUTH_MODE === 'none'
  if (isOpen && node.project.auth) {
    node.log.warn('auth.verify is not used: AUTH_MODE is none, so every caller has full access')
  }
  const find = isOpen ? openTo(node) : guarded(node, signedIn)
  noteTokenOperations(app)
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

function noteTokenOperations(app: FastifyInstance): void {
  const operations = new Set<string>()
  app.decorate('tokenOperations', operations)
  app.addHook('onRoute', ({ config, schema }) => {
    if (config?.forToken && schema?.operationId) operations.add(schema.operationId)
  })
}

/** Authenticated connections. */
export type SignedInSockets = { add: (socket: FastifyRequest['raw']['socket']) => void }

/** Routes that need a caller: those under /v1, and adapters. */
const isOurs = ({ routeOptions: { url, config } }: FastifyRequest) =>
  url?.startsWith('/v1/') || config.access === 'adapter'

/** Identifies callers without authentication: one principal, and the named organization. */
function openTo(node: Node) {
  const db = node.shares(unknownCallers)
  const callerOfChannel = createChannelCallers(node, { admit() {} })
  return (request: FastifyRequest): Promise<void> | undefined => {
    if (isOfChannel(request)) return callerOfChannel(request)
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

/** Counts requests against the limits of addresses, callers and organizations. */
function limiting({ config, access: { limits } }: Node) {
  const perMinute = (subject: string, capacity: number) =>
    capacity === 0 ? [] : [limits.bucket({ subject, capacity, seconds: minute })]
  const ofSockets = new WeakMap<Socket, LimitedCaller>()
  const hasProxies = config.TRUST_PROXY.length > 0

  function takeOfAddress(request: FastifyRequest) {
    const find = () =>
      perMinute(`address:${networkOf(addressOf(request))}`, config.RATE_LIMIT_ADDRESS)
    if (hasProxies) return limits.take(find())
    const { socket } = request.raw
    const counted = limits.kept(ofSockets.get(socket), find)
    ofSockets.set(socket, counted)
    limits.take(counted.buckets)
  }

  /** Rate-limit buckets of the caller and of its organization. */
  function bucketsOf(principal: Principal) {
    const { kind, id, orgId, sessionId, isShare, endUser, channel } = principal
    if (kind === 'server') return []
    const own =
      kind === 'key'
        ? perMinute(`key:${id}`, config.RATE_LIMIT_KEY)
        : perMinute(
            // Readers of a link do not use up the requests of the session's tokens.
            (isShare ? id : sessionId) ?? `user:${limitedId(principal)}`,
            config.RATE_LIMIT_USER,
          )
    // A key that names users itself could name a new one for each request.
    const isNamed = endUser && channel && channel.tokenUser === undefined
    const named = isNamed ? perMinute(`key:${channel.keyId}`, config.RATE_LIMIT_KEY) : []
    const ofOrganization = orgId === '' ? [] : perMinute(orgId, config.RATE_LIMIT_ORG)
    return [...own, ...named, ...ofOrganization]
  }

  function takeOfCaller(principal: Principal) {
    principal.counted = limits.kept(principal.counted, () => bucketsOf(principal))
    limits.take(principal.counted.buckets)
  }

  return { takeOfAddress, takeOfCaller }
}

function guarded(node: Node, signedIn: SignedInSockets) {
  const { credentials, processKey } = node.access
  const { takeOfAddress, takeOfCaller } = limiting(node)
  const verification = verificationOf(node)

  function admit(request: FastifyRequest, principal: Principal) {
    signedIn.add(request.raw.socket)
    takeOfCaller(principal)
    checkUser(request, principal)
    request.principal = principal
    return checkAccess(request, principal, node.shares)
  }

  function admitToOwn(request: FastifyRequest, principal: Principal) {
    checkOrganization(request, principal)
    return admit(request, principal)
  }

  function identify(request: FastifyRequest): Promise<void> | undefined {
    const credential = verification ? verification.ownCredential(request) : credentialOf(request)
    if (credential instanceof ApiError) {
      const found = verification!.identify(request, credential)
      return found.then((principal) => admitToOwn(request, principal))
    }
    request.credential = credential
    const known = credentials.known(credential, request.raw.socket)
    if (known && 'principal' in known) return admitToOwn(request, known.principal)
    return (async () => {
      const bearer = known ?? (await credentials.find(credential))
      if ('principal' in bearer) return admitToOwn(request, bearer.principal)
      return admit(request, await principalOf(credentials, request, bearer.user))
    })()
  }

  /** Clients without an address share one limit: only requests that fail count against it. */
  async function identifyUnknown(request: FastifyRequest, find = identify, failures = [401]) {
    try {
      await find(request)
    } catch (error) {
      if (error instanceof ApiError && failures.includes(error.status)) takeOfAddress(request)
      throw error
    }
  }

  const callerOfChannel = createChannelCallers(node, {
    admit(request, principal) {
      signedIn.add(request.raw.socket)
      takeOfCaller(principal)
    },
  })

  return (request: FastifyRequest): Promise<void> | undefined => {
    if (isOfChannel(request)) {
      if (request.ip === inProcessAddress) {
        return identifyUnknown(request, callerOfChannel, channelFailures)
      }
      takeOfAddress(request)
      return callerOfChannel(request)
    }
    const isClosed = isOurs(request) && request.routeOptions.config.access !== 'public'
    if (isClosed && processKey.isIn(request.headers.authorization)) {
      return admitToOwn(request, ownProcess)
    }
    if (isClosed && request.ip === inProcessAddress) return identifyUnknown(request)
    takeOfAddress(request)
    return isClosed ? identify(request) : undefined
  }
}

/** Returns the project's own authentication; undefined without one. */
function verificationOf({ access, project: { auth }, shares, log }: Node) {
  if (!auth) return undefined
  const { tokens } = access
  const isOwn = (credential: string) =>
    credential.startsWith(keyStart) || (tokens?.isOwn(credential) ?? false)
  return createVerification({ auth, db: shares(unknownCallers), isOwn, log })
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

/** Contract: the promise of a token of an end user is settled before the route runs. */
function checkAccess(request: FastifyRequest, principal: Principal, shares: Shares) {
  const { routeOptions, method } = request
  const { access } = routeOptions.config
  if (principal.kind === 'channel') throw new ApiError('invalid_token')
  if (principal.isShare && access === 'adapter') throw new ApiError('users_only')
  if (access === 'adapter') return undefined
  if (principal.kind === 'token') return checkToken(request, principal, shares)
  if (access === 'signed-in') return undefined
  if (access === 'operator') {
    if (!isOperator(principal)) throw new ApiError('forbidden', 'operator')
    return undefined
  }
  const wanted = (access ?? (safeMethods.has(method) ? 'read' : 'write')) as Level
  if (!allows(principal.level, wanted)) throw new ApiError('forbidden', wanted)
  return undefined
}

/** Contract: a route is refused to tokens unless it declares how it limits them. */
function checkToken(
  { routeOptions, params }: FastifyRequest,
  principal: Principal,
  shares: Shares,
): Promise<void> | undefined {
  const { forToken: level, forEndUser, tokenNeeds: need } = routeOptions.config
  if (level === undefined) throw new ApiError('users_only')
  const { session_id: sessionId } = params as { session_id?: string }
  const required = { operation: routeOptions.schema?.operationId ?? '', level, need }
  const { endUser } = principal
  if (endUser ? sessionId === undefined && !forEndUser : forEndUser) {
    throw new ApiError('users_only')
  }
  if (sessionId !== undefined) return checkTokenOf(sessionId, principal, required, shares)
  if (!endUser) throw new ApiError('not_found', 'Session')
  checkGrants(principal, required)
  return undefined
}

/**
 * Checks that a caller may do an operation with a session. Contract: throws 404 for a session that
 * a token does not reach, and 403 without its grant; other callers are not limited to sessions.
 */
export function checkTokenOf(
  sessionId: string,
  principal: Principal,
  required: Parameters<typeof checkGrants>[1],
  shares: Shares,
): Promise<void> | undefined {
  const { endUser: scope, reached, orgId } = principal
  if (principal.kind !== 'token') return undefined
  if (!scope && sessionId !== principal.sessionId) throw new ApiError('not_found', 'Session')
  if (!scope || reached?.has(sessionId)) return checkGrants(principal, required) as undefined
  const about = { orgId, sessionId, scope }
  return checkReached(shares(orgId), about, reached).then(() => checkGrants(principal, required))
}

/** Few: each token in the cache has its own, and a miss costs one indexed read. */
const reachedMax = 50

/** Contract: throws 404 for a session that is not in the scope of the caller. */
async function checkReached(db: Db, about: ScopedSession, reached: Set<string> | undefined) {
  if (!(await isReached(db, about))) throw new ApiError('not_found', 'Session')
  if (reached && reached.size >= reachedMax) reached.clear()
  reached?.add(about.sessionId)
}

/** Refuses fields and parameters that only the product's server may send. */
export function checkTokenFields(app: FastifyInstance): void {
  app.addHook('preHandler', (request, _reply, done) => {
    const { tokenFields } = request.routeOptions.config
    if (!tokenFields || request.principal?.kind !== 'token') return done()
    const sent = safeMethods.has(request.method) ? request.query : request.body
    const given = Object.entries(sent ?? {}).filter(([, value]) => value != null)
    const [field] = given.find(([name]) => !tokenFields.includes(name)) ?? []
    done(field === undefined ? undefined : new ApiError('not_granted', `the field ${field}`))
  })
}
