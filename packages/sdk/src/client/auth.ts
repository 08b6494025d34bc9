import type {
  AuthConfig,
  LoginRequest,
  Me,
  PasswordChange,
  RefreshRequest,
  RegisterRequest,
  Tokens,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'

export function auth(http: Http) {
  const { call } = http
  return {
    /** Returns the ways to sign in. Needs no credential. */
    getConfig: (options?: CallOptions) => call<AuthConfig>('GET', '/v1/auth/config', {}, options),
    /** Signs in; never retried. `invalid_login`, or `too_many_attempts` with `retryAfterMs`. */
    login: (body: LoginRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/login', { body }, options),
    /** Registers a user in the organization of the `invitation`, or in a new one. */
    register: (body: RegisterRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/register', { body }, options),
    /** Exchanges a refresh token, which works once, for new tokens. Never retried. */
    refresh: (body: RefreshRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/refresh', { body }, options),
    /** Ends the sign-in of the client's access token. */
    logout: (options?: CallOptions) => call<void>('POST', '/v1/auth/logout', {}, options),
    /** Returns the signed-in user. */
    getMe: (options?: CallOptions) => call<Me>('GET', '/v1/auth/me', {}, options),
    /** Changes the password and ends every other sign-in of the user. */
    changePassword: (body: PasswordChange, options?: CallOptions) =>
      call<void>('POST', '/v1/auth/password', { body }, options),
    /** Returns the address at which a browser starts to sign in. Sends nothing. */
    oauthUrl: (provider: string) => http.base + path`/v1/auth/oauth/${provider}`,
    /** Returns the redirect address to register at the provider. Sends nothing. */
    oauthCallbackUrl: (provider: string) => http.base + path`/v1/auth/callback/${provider}`,
  }
}
