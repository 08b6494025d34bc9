import { parseCookie, stringifySetCookie } from 'cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isLoopbackUrl } from '../../config/host.ts'
import type { Config } from '../../config.ts'
import { namesLoopback } from './guard.ts'

/** Cookies of the server: path, and whether a navigation from another site sends the cookie. */
const cookies = {
  access_token: { path: '/', sameSite: 'lax' },
  refresh_token: { path: '/v1/auth', sameSite: 'strict' },
  /** Binds an OAuth sign-in to its browser, which may return under the path of a proxy. */
  oauth_state: { path: '/', sameSite: 'lax' },
  /** The organization that the user chose. */
  outlast_org: { path: '/', sameSite: 'lax' },
} as const

export type CookieName = keyof typeof cookies

export function readCookie({ headers }: FastifyRequest, name: CookieName): string | undefined {
  return headers.cookie === undefined ? undefined : parseCookie(headers.cookie)[name]
}

type CookieSetting = { name: CookieName; value: string; maxAge: number }

/** Sets an HttpOnly cookie, for https only except on loopback. An age of 0 removes it. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  config: Config,
  { name, value, maxAge }: CookieSetting,
): void {
  const secure = isSecure(config, request)
  const { path: place } = cookies[name]
  // Clients under /api get a cookie for that path.
  const path = place === '/' || !request.originalUrl.startsWith('/api/') ? place : `/api${place}`
  reply.header(
    'set-cookie',
    stringifySetCookie({ name, value, maxAge, httpOnly: true, secure, ...cookies[name], path }),
  )
}

/** True where cookies need https: everywhere but on this machine. */
function isSecure({ AUTH_BASE_URL: base }: Config, request: FastifyRequest): boolean {
  if (base === undefined) return !namesLoopback(request)
  return base.startsWith('https:') || !isLoopbackUrl(base)
}
