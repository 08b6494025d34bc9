import type { Organization, SwitchOrganization, User, UserQuery } from '@outlast/contract'
import type { CallOptions, Http } from './http.ts'
import { listOf } from './page.ts'

export function users(http: Http) {
  const { call } = http
  return {
    /** Members of the organization. */
    list: (query?: UserQuery, options?: CallOptions) =>
      listOf<User>(http, '/v1/users', query, options),
    /** The organization in which this browser works from now on. For programs: `organization`. */
    switchOrganization: (body: SwitchOrganization, options?: CallOptions) =>
      call<Organization>('POST', '/v1/users/me/switch-org', { body }, options),
  }
}
