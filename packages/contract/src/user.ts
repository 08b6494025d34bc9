import { type Static, Type } from 'typebox'
import { OrganizationId, Timestamp, Uuid } from './id.ts'
import { nullable, oneOf, PageQuery, pageOf, ShownName } from './shape.ts'

/** What a member may do: each role includes those before it. */
export const roles = ['viewer', 'member', 'admin', 'owner'] as const
export const Role = oneOf(...roles)
export type Role = Static<typeof Role>

export const Email = Type.String({
  pattern: '^[^\\s@<>"(),:;\\[\\]\\\\]{1,64}@[A-Za-z0-9.-]{1,253}$',
  maxLength: 254,
  description: 'Compared without regard to case.',
})
export const PersonName = ShownName

/** A person as others of the organization see them. `roles` are those in this organization. */
export const User = Type.Object(
  {
    id: Uuid,
    email: Type.String(),
    name: Type.String(),
    roles: Type.Array(Role),
    avatar_url: Type.Optional(Type.String()),
    auth_provider: Type.Optional(Type.String()),
    created_at: Timestamp,
  },
  { title: 'User' },
)
export type User = Static<typeof User>
export const UserPage = pageOf(User, 'UserPage')

export const UserQuery = Type.Object({
  ...PageQuery.properties,
  search: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'A part of the name or e-mail.' }),
  ),
})
export type UserQuery = Static<typeof UserQuery>

/** Who is signed in. */
export const Me = Type.Object(
  {
    id: Uuid,
    email: Type.String(),
    name: Type.String(),
    roles: Type.Array(Role),
    avatar_url: nullable(Type.String()),
    organization_id: nullable(OrganizationId),
  },
  { title: 'Me' },
)
export type Me = Static<typeof Me>

export const SwitchOrganization = Type.Object(
  { org_id: OrganizationId },
  { title: 'SwitchOrganizationRequest' },
)
export type SwitchOrganization = Static<typeof SwitchOrganization>
