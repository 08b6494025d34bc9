import type { Organization, SwitchOrganization, User, UserQuery } from '@outlast/contract'
import type { CallOptions, Http } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function users(http: Http) {
  const { call } = http
  return {
    /** Lists the people of the organization, newest first. */
    list: (query?: UserQuery, options?: CallOptions) =>
      listOf<User>(http, '/v1/users', query, options),
    /** Selects the organization of this browser. Programs set the option `organization`. */
    switchOrganization: (body: SwitchOrganization, options?: CallOptions) =>
      call<Organization>('POST', '/v1/users/me/switch-org', { body }, options),
  }
}
