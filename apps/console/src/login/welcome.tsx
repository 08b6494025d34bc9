import { useQuery } from '@tanstack/react-query'

import { meQuery } from '../queries/me.ts'
import { lazyPart } from '../shell/screen/lazy-part.ts'
import { findInvitation } from './invitation.ts'

const ChooseOrganization = lazyPart(() =>
  import('./choose-organization.tsx').then((all) => ({ default: all.ChooseOrganization })),
)
const AcceptInvitation = lazyPart(() =>
  import('./accept-invitation.tsx').then((all) => ({ default: all.AcceptInvitation })),
)

/** Asks a new arrival to accept an invitation or to choose an organization. */
export function Welcome() {
  const { data: me } = useQuery(meQuery)
  if (!me) return null
  if (findInvitation() !== null) return <AcceptInvitation email={me.email} />
  return me.organization_id === null && <ChooseOrganization />
}
