import type { Role } from '@outlast/sdk'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { remember } from '../login/login.ts'
import { meKeys } from './keys.ts'

/** The sign-in methods of the server. */
export const authConfigQuery = queryOptions({
  queryKey: ['auth-config'],
  queryFn: async ({ signal }) => await outlast.auth.getConfig({ signal }),
  staleTime: 60_000,
})

/** The anonymous user of a server without authentication. */
export const anonymous = { id: '00000000-0000-0000-0000-000000000000', organization_id: null }

const againMs = 5_000

/** The signed-in user. Null when authentication is off. */
export const meQuery = queryOptions({
  queryKey: meKeys.all,
  async queryFn() {
    const { mode } = await outlast.auth.getConfig()
    if (mode === 'none') {
      remember(anonymous.id)
      return null
    }
    const me = await outlast.auth.getMe()
    remember(me.id)
    return me
  },
  // Without the user there are no composer and no actions.
  refetchInterval: ({ state }) => state.status === 'error' && state.data === undefined && againMs,
})

const order: readonly Role[] = ['viewer', 'member', 'admin', 'owner']

/** Returns whether the user has a role. True without accounts, false until the user is loaded. */
export function useMay(role: Role): boolean {
  const { data } = useQuery(meQuery)
  if (data === undefined) return false
  return data === null || data.roles.some((one) => order.indexOf(one) >= order.indexOf(role))
}
