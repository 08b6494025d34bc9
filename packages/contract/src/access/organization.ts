import { type Static, Type } from 'typebox'
import { InvitationId, OrganizationId, Timestamp, Uuid } from '../core/id.ts'
import { described, nullable, optional, pageOf, RetentionDays, ShownName } from '../core/shape.ts'
import { Email, Role, roleMeaning } from './user.ts'

const name = described(ShownName, 'Name for people: one line of 1 to 255 characters.')

const facts = {
  id: described(OrganizationId, 'Id of the organization.'),
  name: Type.String({ description: 'Name for people.', examples: ['Acme'] }),
  retention_days: nullable(
    RetentionDays,
    "Retention of idle sessions, failed turns and audit entries in days. 0 keeps them forever. Null: the server's setting RETENTION_DAYS.",
  ),
  created_at: described(Timestamp, 'Time at which the organization was created.'),
}

const example = {
  id: 'org_00000000000000000000000000000001',
  name: 'Acme',
  retention_days: 90,
  created_at: '2026-11-20T08:00:00.000Z',
}

export const Organization = Type.Object(
  {
    id: facts.id,
    name: facts.name,
    role: described(Role, `Role of the caller in the organization. ${roleMeaning}`),
    retention_days: facts.retention_days,
    created_at: facts.created_at,
  },
  {
    title: 'Organization',
    description: 'An organization, which owns agents, sessions, providers, keys and members.',
    examples: [{ ...example, role: 'owner' }],
  },
)
export type Organization = Static<typeof Organization>
export const OrganizationPage = pageOf(Organization, 'OrganizationPage')

export const ServerOrganization = Type.Object(facts, {
  title: 'ServerOrganization',
  description: 'An organization as the operator of the server sees it, member or not.',
  examples: [example],
})
export type ServerOrganization = Static<typeof ServerOrganization>
export const ServerOrganizationPage = pageOf(ServerOrganization, 'ServerOrganizationPage')

export const NewOrganization = Type.Object(
  { name },
  {
    title: 'CreateOrganizationRequest',
    description: 'A new organization, whose owner is the caller.',
    examples: [{ name: 'Acme' }],
  },
)
export type NewOrganization = Static<typeof NewOrganization>

export const OrganizationChange = Type.Object(
  {
    name: optional(
      ShownName,
      'New name: one line of 1 to 255 characters. Absent or null: unchanged.',
    ),
    retention_days: optional(
      RetentionDays,
      "New retention in days: 0 for forever, otherwise from AUDIT_RETENTION_DAYS_MIN to 36,500. Null inherits the server's. Absent: unchanged.",
    ),
  },
  {
    title: 'UpdateOrganizationRequest',
    description: 'Properties of an organization to change. Absent properties are unchanged.',
    examples: [{ retention_days: 90 }],
  },
)
export type OrganizationChange = Static<typeof OrganizationChange>

export const Member = Type.Object(
  {
    user_id: described(Uuid, 'Id of the user.'),
    email: Type.String({ description: 'E-mail address of the user.' }),
    name: Type.String({ description: 'Name of the user.' }),
    role: described(Role, `Role of the member. ${roleMeaning}`),
    created_at: described(Timestamp, 'Time at which the user joined the organization.'),
  },
  {
    title: 'Member',
    description: 'A user in an organization.',
    examples: [
      {
        user_id: '01933b5a-0000-7000-8000-000000000001',
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        role: 'owner',
        created_at: '2026-11-20T08:00:00.000Z',
      },
    ],
  },
)
export type Member = Static<typeof Member>
export const MemberPage = pageOf(Member, 'MemberPage')

export const MemberChange = Type.Object(
  {
    role: described(
      Role,
      `New role of the member. Only owners set or change \`owner\`. ${roleMeaning}`,
    ),
  },
  {
    title: 'UpdateMemberRequest',
    description: 'The new role of a member.',
    examples: [{ role: 'admin' }],
  },
)
export type MemberChange = Static<typeof MemberChange>

const invitationFields = {
  id: described(InvitationId, 'Id of the invitation.'),
  email: Type.String({ description: 'E-mail address that the invitation is for.' }),
  role: described(Role, `Role of the member-to-be. ${roleMeaning}`),
  invited_by: Type.String({ description: 'Name of the member that created the invitation.' }),
  expires_at: described(Timestamp, 'Time at which the invitation expires.'),
  created_at: described(Timestamp, 'Time at which the invitation was created.'),
}

const invitationExample = {
  id: 'invitation_01933b5a000070008000000000000001',
  email: 'grace@example.com',
  role: 'member' as const,
  invited_by: 'Ada Lovelace',
  expires_at: '2026-12-02T09:30:00.000Z',
  created_at: '2026-11-25T09:30:00.000Z',
}

export const Invitation = Type.Object(invitationFields, {
  title: 'Invitation',
  description: 'An invitation that is not accepted yet.',
  examples: [invitationExample],
})
export type Invitation = Static<typeof Invitation>
export const InvitationPage = pageOf(Invitation, 'InvitationPage')

export const CreatedInvitation = Type.Object(
  {
    ...invitationFields,
    token: Type.String({
      description:
        'Token to pass on to the invited person; the server sends no mail. No other response contains it.',
    }),
  },
  { title: 'CreatedInvitation', description: 'A new invitation with its token, returned once.' },
)
export type CreatedInvitation = Static<typeof CreatedInvitation>

export const NewInvitation = Type.Object(
  {
    email: described(Email, 'E-mail address of the person. Only this address can accept.'),
    role: optional(Role, `Role of the new member. ${roleMeaning} Default: \`member\`.`),
    expires_in_days: optional(
      Type.Integer({ minimum: 1, maximum: 90 }),
      'Lifetime of the invitation in days, from 1 to 90. Default: 7.',
    ),
  },
  {
    title: 'CreateInvitationRequest',
    description: 'The person to invite, and the role.',
    examples: [{ email: 'grace@example.com', role: 'member' }],
  },
)
export type NewInvitation = Static<typeof NewInvitation>

export const AcceptInvitation = Type.Object(
  {
    token: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Token of an invitation for the address of the signed-in user.',
    }),
  },
  {
    title: 'AcceptInvitationRequest',
    description: 'The invitation to accept.',
    examples: [{ token: 'Zt8q3rV1c0mK5s2w' }],
  },
)
export type AcceptInvitation = Static<typeof AcceptInvitation>
