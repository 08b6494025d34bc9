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
    login: (body: LoginRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/login', { body }, options),
    register: (body: RegisterRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/register', { body }, options),
    refresh: (body: RefreshRequest, options?: CallOptions) =>
      call<Tokens>('POST', '/v1/auth/refresh', { body }, options),
    logout: (options?: CallOptions) => call<void>('POST', '/v1/auth/logout', {}, options),
    getMe: (options?: CallOptions) => call<Me>('GET', '/v1/auth/me', {}, options),
    changePassword: (body: PasswordChange, options?: CallOptions) =>
      call<void>('POST', '/v1/auth/password', { body }, options),
    /** Where a browser begins to sign in with an OAuth provider. */
    oauthUrl: (provider: string) => http.base + path`/v1/auth/oauth/${provider}`,
  }
}
