import type { Account, AccountChange, UserQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

/** For the operator of the server: administrators of its default organization. */
export function accounts(http: Http) {
  const { call } = http
  return {
    /** People of all organizations. */
    list: (query?: UserQuery, options?: CallOptions) =>
      listOf<Account>(http, '/v1/accounts', query, options),
    /** `disabled: true` ends all sign-ins and keys of the account, and refuses new sign-ins. */
    update: (id: string, body: AccountChange, options?: CallOptions) =>
      call<Account>('PATCH', path`/v1/accounts/${id}`, { body }, options),
    /** `last_owner` for the only owner of an organization that has other members. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/accounts/${id}`, {}, options),
    /** Ends all sign-ins of the account. Its keys stay. */
    endLogins: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/accounts/${id}/logins`, {}, options),
  }
}
