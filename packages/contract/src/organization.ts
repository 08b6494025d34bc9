import { type Static, Type } from 'typebox'
import { InvitationId, OrganizationId, Timestamp, Uuid } from './id.ts'
import { nullable, optional, pageOf, RetentionDays, ShownName } from './shape.ts'
import { Email, Role } from './user.ts'

const name = ShownName

/** Owns everything else. `role` is the asker's. */
export const Organization = Type.Object(
  {
    id: OrganizationId,
    name: Type.String(),
    role: Role,
    retention_days: nullable(RetentionDays),
    created_at: Timestamp,
  },
  { title: 'Organization' },
)
export type Organization = Static<typeof Organization>
export const OrganizationPage = pageOf(Organization, 'OrganizationPage')

/** An organization as the operator of the server sees it, who need not be a member. */
export const ServerOrganization = Type.Object(
  {
    id: OrganizationId,
    name: Type.String(),
    retention_days: nullable(RetentionDays),
    created_at: Timestamp,
  },
  { title: 'ServerOrganization' },
)
export type ServerOrganization = Static<typeof ServerOrganization>
export const ServerOrganizationPage = pageOf(ServerOrganization, 'ServerOrganizationPage')

export const NewOrganization = Type.Object({ name }, { title: 'CreateOrganizationRequest' })
export type NewOrganization = Static<typeof NewOrganization>

/** Absent: unchanged, also a `name` of `null`; `retention_days` of `null` inherits the server's. */
export const OrganizationChange = Type.Object(
  { name: optional(name), retention_days: optional(RetentionDays) },
  { title: 'UpdateOrganizationRequest' },
)
export type OrganizationChange = Static<typeof OrganizationChange>

export const Member = Type.Object(
  {
    user_id: Uuid,
    email: Type.String(),
    name: Type.String(),
    role: Role,
    created_at: Timestamp,
  },
  { title: 'Member' },
)
export type Member = Static<typeof Member>
export const MemberPage = pageOf(Member, 'MemberPage')

export const MemberChange = Type.Object({ role: Role }, { title: 'UpdateMemberRequest' })
export type MemberChange = Static<typeof MemberChange>

const invitationFields = {
  id: InvitationId,
  email: Type.String(),
  role: Role,
  invited_by: Type.String(),
  expires_at: Timestamp,
  created_at: Timestamp,
}

/** An invitation that nobody has accepted yet. */
export const Invitation = Type.Object(invitationFields, { title: 'Invitation' })
export type Invitation = Static<typeof Invitation>
export const InvitationPage = pageOf(Invitation, 'InvitationPage')

export const CreatedInvitation = Type.Object(
  {
    ...invitationFields,
    token: Type.String({ description: 'For the one who is invited. It is not shown again.' }),
  },
  { title: 'CreatedInvitation' },
)
export type CreatedInvitation = Static<typeof CreatedInvitation>

export const NewInvitation = Type.Object(
  {
    email: Email,
    role: optional(Role),
    expires_in_days: optional(Type.Integer({ minimum: 1, maximum: 90 })),
  },
  { title: 'CreateInvitationRequest' },
)
export type NewInvitation = Static<typeof NewInvitation>

export const AcceptInvitation = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 200 }) },
  { title: 'AcceptInvitationRequest' },
)
export type AcceptInvitation = Static<typeof AcceptInvitation>
