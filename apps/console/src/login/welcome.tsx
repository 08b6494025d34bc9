import { AcceptInvitation } from './accept-invitation.tsx'
import { ChooseOrganization } from './choose-organization.tsx'
import { findInvitation } from './invitation.ts'

/** What somebody who has just come is asked: whether to join, else where to work. */
export const Welcome = () =>
  findInvitation() === null ? <ChooseOrganization /> : <AcceptInvitation />
