import type { Role } from '@outlast/sdk'
import { useMay } from '../queries/me.ts'

/** Returns the roles that the user may assign. Only owners assign owners. */
export function useRoles(): readonly Role[] {
  const isOwner = useMay('owner')
  return isOwner ? ['viewer', 'member', 'admin', 'owner'] : ['viewer', 'member', 'admin']
}
