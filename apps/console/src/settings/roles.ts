import type { Role } from '@outlast/sdk'
import { useMay } from '../queries/me.ts'

/** Roles that who is here may give: only owners make owners. */
export function useRoles(): readonly Role[] {
  const isOwner = useMay('owner')
  return isOwner ? ['viewer', 'member', 'admin', 'owner'] : ['viewer', 'member', 'admin']
}
