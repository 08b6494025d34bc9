import { type Static, Type } from 'typebox'
import { Timestamp, Uuid } from './id.ts'
import { nullable, oneOf, optional, pageOf } from './shape.ts'
import { Email, PersonName } from './user.ts'

export const AuthMode = oneOf('none', 'admin', 'full')
export type AuthMode = Static<typeof AuthMode>

/** What a login page has to offer. Public. */
export const AuthConfig = Type.Object(
  {
    mode: AuthMode,
    password_auth_enabled: Type.Boolean(),
    oauth_providers: Type.Array(Type.String()),
    signup_enabled: Type.Boolean(),
  },
  { title: 'AuthConfig' },
)
export type AuthConfig = Static<typeof AuthConfig>

export const passwordLengthMin = 8
export const passwordLengthMax = 128

const NewPassword = Type.String({
  minLength: passwordLengthMin,
  maxLength: passwordLengthMax,
  description: 'Not one of the passwords that everybody tries first, and not the e-mail address.',
})
/** A password that is compared, not chosen: the policy of its day made it. */
const GivenPassword = Type.String({ minLength: 1, maxLength: 1024 })

export const LoginRequest = Type.Object(
  { email: Type.String({ minLength: 1, maxLength: 320 }), password: GivenPassword },
  { title: 'LoginRequest' },
)
export type LoginRequest = Static<typeof LoginRequest>

export const RegisterRequest = Type.Object(
  {
    email: Email,
    password: NewPassword,
    name: PersonName,
    invitation: optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'The token of an invitation: joins its organization, also where signup is off.',
      }),
    ),
  },
  { title: 'RegisterRequest' },
)
export type RegisterRequest = Static<typeof RegisterRequest>

export const PasswordChange = Type.Object(
  { current_password: GivenPassword, new_password: NewPassword },
  { title: 'ChangePasswordRequest' },
)
export type PasswordChange = Static<typeof PasswordChange>

/** Without a token in the body, the one of the cookie is meant. */
export const RefreshRequest = Type.Object(
  { refresh_token: optional(Type.String({ minLength: 1, maxLength: 4096 })) },
  { title: 'RefreshRequest' },
)
export type RefreshRequest = Static<typeof RefreshRequest>

/** A login. `expires_in` is the access token's, in seconds. */
export const Tokens = Type.Object(
  {
    access_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer(),
    refresh_token: Type.String(),
  },
  { title: 'TokenResponse' },
)
export type Tokens = Static<typeof Tokens>

/** What a key may do: each word includes those before it, `*` is all that its maker may do. */
export const Scope = oneOf('read', 'write', 'admin', '*')
export type Scope = Static<typeof Scope>

/** `parent_id`: the key that created this one and ends with it; null for a user's own. */
const keyFields = {
  id: Uuid,
  name: Type.String(),
  key_prefix: Type.String({ description: 'How the key begins, to tell it from others.' }),
  scopes: Type.Array(Scope),
  expires_at: nullable(Timestamp),
  parent_id: nullable(Uuid),
  created_at: Timestamp,
}

export const ApiKey = Type.Object(
  { ...keyFields, user_id: Uuid, last_used_at: nullable(Timestamp) },
  { title: 'ApiKey' },
)
export type ApiKey = Static<typeof ApiKey>
export const ApiKeyPage = pageOf(ApiKey, 'ApiKeyPage')

/** A key as it is shown once. */
export const CreatedApiKey = Type.Object(
  { ...keyFields, key: Type.String({ description: 'The key itself. It is not shown again.' }) },
  { title: 'CreatedApiKey' },
)
export type CreatedApiKey = Static<typeof CreatedApiKey>

export const NewApiKey = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    scopes: optional(Type.Array(Scope, { minItems: 1, maxItems: 4 })),
    expires_in_days: optional(Type.Integer({ minimum: 1, maximum: 3650 })),
  },
  { title: 'CreateApiKeyRequest' },
)
export type NewApiKey = Static<typeof NewApiKey>
