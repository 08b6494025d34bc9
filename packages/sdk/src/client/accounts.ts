import type { Account, AccountChange, UserQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

/** Accounts of all organizations. Requires the operator: `admin` in the default organization. */
export function accounts(http: Http) {
  const { call } = http
  return {
    /** Lists the accounts of all organizations. */
    list: (query?: UserQuery, options?: CallOptions) =>
      listOf<Account>(http, '/v1/accounts', query, options),
    /** Disables or enables an account. Disabling ends its sign-ins and keys. */
    update: (id: string, body: AccountChange, options?: CallOptions) =>
      call<Account>('PATCH', path`/v1/accounts/${id}`, { body }, options),
    /** Deletes an account. `last_owner` for the only owner of an organization with members. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/accounts/${id}`, {}, options),
    /** Ends all sign-ins of the account. Its keys stay. */
    endLogins: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/accounts/${id}/logins`, {}, options),
  }
}
