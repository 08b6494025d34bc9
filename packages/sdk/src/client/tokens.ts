import type { NewUserToken, UserToken, UserTokenInfo, UserTokenQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function tokens(http: Http) {
  const { call } = http
  return {
    /** Creates a token for a browser, which opens the sessions of one end user. */
    create: (body: NewUserToken, options?: CallOptions) =>
      call<UserToken>('POST', '/v1/tokens', { body, hasSecret: true }, options),
    /** Lists the valid tokens of end users, newest first, without their secrets. */
    list: (query?: UserTokenQuery, options?: CallOptions) =>
      listOf<UserTokenInfo>(http, '/v1/tokens', query, options),
    /** Revokes a token. All nodes refuse it within a second. */
    revoke: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/tokens/${id}`, {}, options),
  }
}
