import { randomBytes } from 'node:crypto'
import {
  AuthConfig,
  ErrorResponse,
  LoginRequest,
  Me,
  PasswordChange,
  RefreshRequest,
  RegisterRequest,
  Tokens,
} from '@outlast/contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { createOAuth } from '../../../access/oauth.ts'
import { checkPassword, hashPassword } from '../../../access/passwords.ts'
import { checkAccount, hasAccount, type Principal } from '../../../access/principal.ts'
import {
  allowsSignUp,
  checkCurrentPassword,
  refreshLogin,
  register,
  signInWithIssuer,
  signInWithPassword,
  signOut,
} from '../../../access/sign-in.ts'
import { secretHash } from '../../../access/tokens.ts'
import { ApiError } from '../../../errors.ts'
import { createLoginState, endLogins, takeLoginState } from '../../../store/access/logins.ts'
import { endTokensOfSignIns } from '../../../store/access/session-tokens.ts'
import { findAccount, setPassword } from '../../../store/access/users.ts'
import { unknownCallers } from '../../../store/connection-shares.ts'
import type { Api } from '../../core/api.ts'
import { originOf } from '../../core/audit-entry.ts'
import { readCookie, setCookie } from '../../security/cookies.ts'
import { isSameOrigin } from '../../security/guard.ts'

const open = { access: 'public', unaudited: true, answersSecret: true } as const

const stateSeconds = 600

/** Dependencies that the sign-in routes share. */
function signingOf({ node }: Api) {
  const { config, access, bus, shares } = node
  const db = shares(unknownCallers)
  const { tokens, limits } = access

  function joined(orgId: string, id: string) {
    bus.changed(orgId, { noun: 'member', id })
    bus.changed(orgId, { noun: 'invitation', id: null })
  }

  return {
    config,
    db,
    oauth: tokens && createOAuth(config, tokens, node.log),
    isOff: config.AUTH_MODE === 'none',
    /** Contract: throws 409 without authentication. */
    signIn() {
      if (config.AUTH_MODE === 'none' || !tokens) throw new ApiError('authentication_off')
      return { config, db, shares, tokens, limits, joined }
    },
    setCookies(request: FastifyRequest, reply: FastifyReply, pair: Tokens) {
      const { access_token, refresh_token, expires_in } = pair
      const longAge = config.AUTH_JWT_REFRESH_TOKEN_LIFETIME
      setCookie(request, reply, config, {
        name: 'access_token',
        value: access_token,
        maxAge: expires_in,
      })
      setCookie(request, reply, config, {
        name: 'refresh_token',
        value: refresh_token,
        maxAge: longAge,
      })
    },
  }
}

type Signing = ReturnType<typeof signingOf>
type ApiServer = Api['app']

export function authRoutes(api: Api): void {
  const signing = signingOf(api)
  signInRoutes(api.app, signing)
  loginRoutes(api.app, signing)
  meRoute(api.app)
  passwordRoute(api.app, signing)
  oauthRoutes(api.app, signing)
}

function signInRoutes(app: ApiServer, { config, oauth, isOff, signIn, setCookies }: Signing): void {
  app.route({
    method: 'GET',
    url: '/v1/auth/config',
    config: { access: 'public' },
    schema: {
      operationId: 'get_auth_config',
      response: { 200: AuthConfig },
    },
    handler: (): AuthConfig => ({
      mode: config.AUTH_MODE,
      password_auth_enabled:
        !isOff && (config.AUTH_ADMIN_EMAIL !== undefined || !config.AUTH_DISABLE_PASSWORD),
      oauth_providers: oauth?.providers ?? [],
      signup_enabled: isOff || allowsSignUp(config),
    }),
  })

  app.route<{ Body: LoginRequest }>({
    method: 'POST',
    url: '/v1/auth/login',
    config: open,
    schema: {
      operationId: 'login',
      body: LoginRequest,
      response: { 200: Tokens, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const pair = await signInWithPassword(signIn(), request.body, originOf(request))
      setCookies(request, reply, pair)
      return pair
    },
  })

  app.route<{ Body: RegisterRequest }>({
    method: 'POST',
    url: '/v1/auth/register',
    config: open,
    schema: {
      operationId: 'register',
      body: RegisterRequest,
      response: { 201: Tokens, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { email, password } = request.body
      const needed = signIn()
      checkPassword(password, email)
      const pair = await register(needed, request.body, originOf(request))
      setCookies(request, reply, pair)
      return reply.code(201).send(pair)
    },
  })
}

function loginRoutes(app: ApiServer, { config, isOff, signIn, setCookies }: Signing): void {
  app.route<{ Body: RefreshRequest }>({
    method: 'POST',
    url: '/v1/auth/refresh',
    config: { ...open, bodyOptional: true },
    schema: {
      operationId: 'refresh',
      body: RefreshRequest,
      response: { 200: Tokens, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const shown = request.body.refresh_token ?? refreshCookie(request)
      if (!shown) throw new ApiError('invalid_refresh_token')
      const pair = await refreshLogin(signIn(), shown, originOf(request))
      setCookies(request, reply, pair)
      return pair
    },
  })

  app.route({
    method: 'POST',
    url: '/v1/auth/logout',
    config: open,
    schema: {
      operationId: 'logout',
      bare: 200,
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
      const shown = [bearer, readCookie(request, 'access_token'), refreshCookie(request)]
      for (const token of shown) {
        if (token && !isOff) await signOut(signIn(), token, originOf(request))
      }
      for (const name of ['access_token', 'refresh_token', 'outlast_org'] as const) {
        setCookie(request, reply, config, { name, value: '', maxAge: 0 })
      }
      return reply.code(200).send()
    },
  })
}

function meRoute(app: ApiServer): void {
  app.route({
    method: 'GET',
    url: '/v1/auth/me',
    config: { access: 'signed-in' },
    schema: {
      operationId: 'get_me',
      response: { 200: Me, '4xx': ErrorResponse },
    },
    async handler({ principal, db }): Promise<Me> {
      const { kind, id, name, userId, orgId, role } = principal
      if (kind === 'anonymous') {
        const email = 'anonymous@local'
        return { id, email, name, roles: ['admin'], avatar_url: null, organization_id: orgId }
      }
      if (!hasAccount(principal)) return withoutAccount(principal)
      const account = await findAccount(db, userId)
      if (!account) throw new ApiError('api_key_without_user')
      const { email, avatar_url } = account
      const organization_id = orgId === '' ? null : orgId
      const roles = organization_id === null ? [] : [role]
      return { id: account.id, email, name: account.name, roles, avatar_url, organization_id }
    },
  })
}

/** A caller without an account, and so without an address. */
const withoutAccount = ({ kind, id, name, orgId, role }: Principal): Me => ({
  id,
  email: kind === 'server' ? 'server@local' : 'product@local',
  name,
  roles: [role],
  avatar_url: null,
  organization_id: orgId,
})

function passwordRoute(app: ApiServer, { isOff, signIn }: Signing): void {
  /** Hashes of new passwords by request. */
  const hashes = new WeakMap<FastifyRequest, string>()

  app.route<{ Body: PasswordChange }>({
    method: 'POST',
    url: '/v1/auth/password',
    config: { access: 'signed-in', answersSecret: true },
    schema: {
      operationId: 'change_password',
      body: PasswordChange,
      response: { '4xx': ErrorResponse },
    },
    // Before the transaction, so that hashing and counting attempts hold no connection.
    async preHandler(request) {
      const { body, principal, db } = request
      if (principal.kind !== 'user') throw new ApiError(isOff ? 'authentication_off' : 'users_only')
      checkAccount(principal)
      const account = await findAccount(db, principal.userId)
      checkPassword(body.new_password, account?.email ?? '', 'new_password')
      await checkCurrentPassword(
        { ...signIn(), db },
        {
          userId: principal.userId,
          current: body.current_password,
          visitor: originOf(request),
        },
      )
      hashes.set(request, await hashPassword(body.new_password))
    },
    async handler(request, reply) {
      const { principal, db: unit } = request
      await setPassword(unit, principal.userId, hashes.get(request)!)
      await endLogins(unit, principal.userId, principal.loginId!)
      await endTokensOfSignIns(unit, principal.userId)
      request.auditNote = { target: principal.userId }
      return reply.code(204).send()
    },
  })
}

function oauthRoutes(app: ApiServer, { config, db, oauth, signIn, setCookies }: Signing): void {
  app.route<{ Params: { provider: string } }>({
    method: 'GET',
    url: '/v1/auth/oauth/:provider',
    config: { access: 'public' },
    errorHandler: answerOnPage,
    schema: {
      operationId: 'begin_oauth',
      bare: 302,
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { provider } = request.params
      signIn()
      const state = randomBytes(32).toString('base64url')
      const url = await oauth!.begin(provider, state)
      await createLoginState(db, secretHash(state), provider)
      setCookie(request, reply, config, { name: 'oauth_state', value: state, maxAge: stateSeconds })
      return reply.redirect(url.href)
    },
  })

  app.route<{ Params: { provider: string } }>({
    method: 'GET',
    url: '/v1/auth/callback/:provider',
    config: { access: 'public' },
    errorHandler: answerOnPage,
    schema: {
      operationId: 'finish_oauth',
      bare: 302,
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { provider } = request.params
      const needed = signIn()
      const { state } = request.query as { state?: unknown }
      const ours = readCookie(request, 'oauth_state')
      setCookie(request, reply, config, { name: 'oauth_state', value: '', maxAge: 0 })
      const fits = typeof state === 'string' && state !== '' && state === ours
      if (!fits || !(await takeLoginState(db, secretHash(state), provider))) {
        throw new ApiError('oauth_state_invalid')
      }
      const url = new URL(request.url, 'http://callback.invalid')
      const outsider = await oauth!.finish(provider, url, state)
      setCookies(
        request,
        reply,
        await signInWithIssuer(needed, provider, outsider, originOf(request)),
      )
      return reply.redirect('/')
    },
  })
}

/** After a failed OAuth sign-in, redirects a browser to the page, which shows the reason. */
function answerOnPage(error: Error, request: FastifyRequest, reply: FastifyReply) {
  const isPerson = request.headers.accept?.includes('text/html')
  if (!isPerson || !(error instanceof ApiError)) throw error
  return reply.redirect(`/?sign_in=${error.code}`)
}

/** The refresh token of a browser's cookie; undefined for requests from another site. */
function refreshCookie(request: FastifyRequest): string | undefined {
  const { origin } = request.headers
  if (origin !== undefined && !isSameOrigin(origin, request)) return undefined
  return readCookie(request, 'refresh_token')
}
