import type { Role } from '@outlast/sdk'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { remember } from '../login/login.ts'
import { meKeys } from './keys.ts'

/** How people sign in here. */
export const authConfigQuery = queryOptions({
  queryKey: ['auth-config'],
  queryFn: async ({ signal }) => await outlast.auth.getConfig({ signal }),
  staleTime: 60_000,
})

/** The user of every request to a server without authentication. */
export const nobody = { id: '00000000-0000-0000-0000-000000000000', organization_id: null }

/** Who is signed in; null where nobody has to be. */
export const meQuery = queryOptions({
  queryKey: meKeys.all,
  async queryFn() {
    const { mode } = await outlast.auth.getConfig()
    if (mode === 'none') {
      remember(nobody.id)
      return null
    }
    const me = await outlast.auth.getMe()
    remember(me.id)
    return me
  },
})

const order: readonly Role[] = ['viewer', 'member', 'admin', 'owner']

/** Whether who is here has a role; without accounts everybody has each. Until it is known: no. */
export function useMay(role: Role): boolean {
  const { data } = useQuery(meQuery)
  if (data === undefined) return false
  return data === null || data.roles.some((one) => order.indexOf(one) >= order.indexOf(role))
}
