import type {
  AuthConfig,
  LoginRequest,
  Me,
  PasswordChange,
  RefreshRequest,
  RegisterRequest,
  Tokens,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'

export function auth(http: Http) {
  const { call } = http
  return {
    /** How people sign in here. */
    getConfig: (options?: CallOptions) => call<AuthConfig>('GET', '/v1/auth/config', {}, options),
    /** Signs in. Never made twice: `invalid_login`, `too_many_attempts` with `retryAfterMs`. */
    login: (body: LoginRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/login', { body }, options),
    /** Makes a user; with an `invitation` in its organization, else in a new one. */
    register: (body: RegisterRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/register', { body }, options),
    /** New tokens for a refresh token, which is used up by this. Never made twice. */
    refresh: (body: RefreshRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/refresh', { body }, options),
    /** Ends the sign-in that the token of this client belongs to. */
    logout: (options?: CallOptions) => call<void>('POST', '/v1/auth/logout', {}, options),
    /** Who is signed in. */
    getMe: (options?: CallOptions) => call<Me>('GET', '/v1/auth/me', {}, options),
    /** Ends every other sign-in of the user. */
    changePassword: (body: PasswordChange, options?: CallOptions) =>
      call<void>('POST', '/v1/auth/password', { body }, options),
    /** Where a browser begins to sign in with an OAuth provider: an address, not a call. */
    oauthUrl: (provider: string) => http.base + path`/v1/auth/oauth/${provider}`,
    /** Where the provider sends the browser back to: an address to register with it, not a call. */
    oauthCallbackUrl: (provider: string) => http.base + path`/v1/auth/callback/${provider}`,
  }
}
