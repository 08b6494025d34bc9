import { type Static, Type } from 'typebox'
import { OrganizationId, Timestamp, Uuid } from '../core/id.ts'
import { described, listParameters, nullable, oneOf, pageOf, ShownName } from '../core/shape.ts'

/** Roles of members. Each includes the rights of those before it. */
export const roles = ['viewer', 'member', 'admin', 'owner'] as const
export const Role = oneOf(...roles)
export type Role = Static<typeof Role>

export const roleMeaning =
  '`viewer` reads, `member` also writes, `admin` also administers, `owner` also appoints owners.'

export const Email = Type.String({
  pattern: '^[^\\s@<>"(),:;\\[\\]\\\\]{1,64}@[A-Za-z0-9.-]{1,253}$',
  maxLength: 254,
  description: 'E-mail address of at most 254 characters. Compared without regard to case.',
  examples: ['ada@example.com'],
})
export const PersonName = described(
  ShownName,
  'Name of the person: one line of 1 to 255 characters.',
)

export const AuthProvider = Type.String({
  description: 'How the person signs in: `local` (password), `google`, `github` or `oidc`.',
  examples: ['local'],
})

const person = {
  id: described(Uuid, 'Id of the user.'),
  email: Type.String({
    description: 'E-mail address of the user, as it was entered.',
    examples: ['ada@example.com'],
  }),
  name: Type.String({ description: 'Name of the user.', examples: ['Ada Lovelace'] }),
}

export const User = Type.Object(
  {
    ...person,
    roles: Type.Array(Role, {
      description: `Role of the user in this organization, one item. ${roleMeaning}`,
    }),
    avatar_url: Type.Optional(
      Type.String({ description: 'Address of a picture of the user. Absent if there is none.' }),
    ),
    auth_provider: Type.Optional(AuthProvider),
    created_at: described(Timestamp, 'Time at which the account was created.'),
  },
  {
    title: 'User',
    description: 'A person of the organization, as other members see it.',
    examples: [
      {
        id: '01933b5a-0000-7000-8000-000000000001',
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        roles: ['owner'],
        auth_provider: 'local',
        created_at: '2026-11-20T08:00:00.000Z',
      },
    ],
  },
)
export type User = Static<typeof User>
export const UserPage = pageOf(User, 'UserPage')

export const UserQuery = Type.Object({
  ...listParameters,
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Only users whose name or e-mail address contains this text, in any case.',
    }),
  ),
})
export type UserQuery = Static<typeof UserQuery>

export const Me = Type.Object(
  {
    ...person,
    id: Type.String({
      description: 'Id of the user. For a user of the product: `product:` and its id there.',
      examples: ['01933b5a-0000-7000-8000-000000000001'],
    }),
    roles: Type.Array(Role, {
      description: `Role of the caller in the selected organization, one item, or none without an organization. ${roleMeaning}`,
    }),
    avatar_url: nullable(Type.String(), 'Address of a picture of the user. Null if there is none.'),
    organization_id: nullable(
      OrganizationId,
      'Organization that the request selects. Null if the user has none, or several and selects none.',
    ),
  },
  {
    title: 'Me',
    description: 'The signed-in user.',
    examples: [
      {
        id: '01933b5a-0000-7000-8000-000000000001',
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        roles: ['owner'],
        avatar_url: null,
        organization_id: 'org_00000000000000000000000000000001',
      },
    ],
  },
)
export type Me = Static<typeof Me>

export const SwitchOrganization = Type.Object(
  { org_id: described(OrganizationId, 'Organization of which the user is a member.') },
  {
    title: 'SwitchOrganizationRequest',
    description: 'The organization that this browser works in from now on.',
    examples: [{ org_id: 'org_00000000000000000000000000000001' }],
  },
)
export type SwitchOrganization = Static<typeof SwitchOrganization>
