import { type Static, Type } from 'typebox'
import { Timestamp, Uuid } from '../core/id.ts'
import { described, nullable, oneOf, optional, pageOf } from '../core/shape.ts'
import { Email, PersonName } from './user.ts'

export const AuthMode = oneOf('none', 'admin', 'full')
export type AuthMode = Static<typeof AuthMode>

export const AuthConfig = Type.Object(
  {
    mode: described(
      AuthMode,
      '`none`: no authentication. `admin`: one administrator and API keys. `full`: users, organizations and API keys.',
    ),
    password_auth_enabled: Type.Boolean({ description: 'True if users can sign in by password.' }),
    oauth_providers: Type.Array(Type.String(), {
      description: 'Providers of sign-in by OAuth: `google`, `github`, `oidc`. Empty without any.',
      examples: [['google', 'github']],
    }),
    signup_enabled: Type.Boolean({ description: 'True if a new user can register.' }),
  },
  {
    title: 'AuthConfig',
    description: 'Ways to sign in, for a login page. Readable without authentication.',
    examples: [
      {
        mode: 'full',
        password_auth_enabled: true,
        oauth_providers: ['google', 'github'],
        signup_enabled: true,
      },
    ],
  },
)
export type AuthConfig = Static<typeof AuthConfig>

export const passwordLengthMin = 8
const passwordLengthMax = 128

const NewPassword = Type.String({
  minLength: passwordLengthMin,
  maxLength: passwordLengthMax,
  description:
    'New password: 8 to 128 characters, neither a common password nor the e-mail address.',
})
/** An existing password, which may be older than the rules for new ones. */
const GivenPassword = Type.String({ minLength: 1, maxLength: 1024 })

export const LoginRequest = Type.Object(
  {
    email: Type.String({
      minLength: 1,
      maxLength: 320,
      description: 'E-mail address of the account, in any case.',
      examples: ['ada@example.com'],
    }),
    password: described(GivenPassword, 'Password of the account.'),
  },
  {
    title: 'LoginRequest',
    description: 'Credentials of a user.',
    examples: [{ email: 'ada@example.com', password: 'correct horse battery' }],
  },
)
export type LoginRequest = Static<typeof LoginRequest>

export const RegisterRequest = Type.Object(
  {
    email: Email,
    password: NewPassword,
    name: PersonName,
    invitation: optional(
      Type.String({ minLength: 1, maxLength: 200 }),
      'Token of an invitation for this address. The user joins its organization, even if signup is off. Default: the user gets an organization of their own.',
    ),
  },
  {
    title: 'RegisterRequest',
    description: 'A new user.',
    examples: [
      { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada Lovelace' },
    ],
  },
)
export type RegisterRequest = Static<typeof RegisterRequest>

export const PasswordChange = Type.Object(
  {
    current_password: described(GivenPassword, 'Current password of the account.'),
    new_password: NewPassword,
  },
  {
    title: 'ChangePasswordRequest',
    description: 'The current and the new password of the signed-in user.',
    examples: [{ current_password: 'correct horse battery', new_password: 'staple tower violet' }],
  },
)
export type PasswordChange = Static<typeof PasswordChange>

export const RefreshRequest = Type.Object(
  {
    refresh_token: optional(
      Type.String({ minLength: 1, maxLength: 4096 }),
      'Refresh token of the sign-in. Default: the cookie `refresh_token`.',
    ),
  },
  { title: 'RefreshRequest', description: 'The refresh token to exchange.' },
)
export type RefreshRequest = Static<typeof RefreshRequest>

export const Tokens = Type.Object(
  {
    access_token: Type.String({
      description: 'Token for `Authorization: Bearer`, a JWT.',
      examples: ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkzM2I1YSJ9.c2lnbmF0dXJl'],
    }),
    token_type: Type.Literal('Bearer', { description: 'Always `Bearer`.' }),
    expires_in: Type.Integer({
      description: 'Lifetime of the access token in seconds.',
      examples: [900],
    }),
    refresh_token: Type.String({
      description: 'Token for the next `POST /v1/auth/refresh`. It works once.',
    }),
  },
  {
    title: 'TokenResponse',
    description: 'Tokens of a sign-in. The same tokens are set as cookies.',
  },
)
export type Tokens = Static<typeof Tokens>

export const Scope = oneOf('read', 'write', 'admin', '*')
export type Scope = Static<typeof Scope>

const scopeMeaning =
  '`read`, `write` and `admin` each include those before it; `*` allows all that the creator may do.'

const keyFields = {
  id: described(Uuid, 'Id of the key.'),
  name: Type.String({ description: 'Name of the key, for people.', examples: ['CI'] }),
  key_prefix: Type.String({
    description: 'Beginning of the key, which identifies it in lists.',
    examples: ['evr_1a2b3c4d...'],
  }),
  scopes: Type.Array(Scope, {
    description: `Rights of the key, at most those of its creator. ${scopeMeaning}`,
  }),
  expires_at: nullable(Timestamp, 'Time at which the key expires. Null: never.'),
  parent_id: nullable(
    Uuid,
    'Key that created this one. Revoking it revokes this key. Null if a user created the key.',
  ),
  created_at: described(Timestamp, 'Time at which the key was created.'),
}

const keyExample = {
  id: '01933b5a-0000-7000-8000-000000000001',
  name: 'CI',
  key_prefix: 'evr_1a2b3c4d...',
  scopes: ['write' as const],
  expires_at: '2027-02-23T09:30:00.000Z',
  parent_id: null,
  created_at: '2026-11-25T09:30:00.000Z',
}

export const ApiKey = Type.Object(
  {
    ...keyFields,
    user_id: described(Uuid, 'User that created the key, directly or through other keys.'),
    last_used_at: nullable(
      Timestamp,
      'Time of the latest use, recorded with a delay. Null if the key was never used.',
    ),
  },
  {
    title: 'ApiKey',
    description: 'An API key of one organization, without its secret.',
    examples: [
      {
        ...keyExample,
        user_id: '01933b5a-0000-7000-8000-000000000001',
        last_used_at: '2026-11-25T10:02:00.000Z',
      },
    ],
  },
)
export type ApiKey = Static<typeof ApiKey>
export const ApiKeyPage = pageOf(ApiKey, 'ApiKeyPage')

export const CreatedApiKey = Type.Object(
  {
    ...keyFields,
    key: Type.String({
      description: 'The key: `evr_` and 64 hex digits. No other response contains it.',
    }),
  },
  { title: 'CreatedApiKey', description: 'A new API key with its secret, returned once.' },
)
export type CreatedApiKey = Static<typeof CreatedApiKey>

export const NewApiKey = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Name of the key, for people: 1 to 255 characters.',
    }),
    scopes: optional(
      Type.Array(Scope, { minItems: 1, maxItems: 4 }),
      `Rights of the key, 1 to 4. ${scopeMeaning} Default: \`*\`, or the scopes of the key that creates it.`,
    ),
    expires_in_days: optional(
      Type.Integer({ minimum: 1, maximum: 3650 }),
      'Lifetime in days, from 1 to 3,650. A key that a key creates expires with that key at the latest. Default: no expiry.',
    ),
  },
  {
    title: 'CreateApiKeyRequest',
    description: 'Name, rights and lifetime of a new key.',
    examples: [{ name: 'CI', scopes: ['write'], expires_in_days: 90 }],
  },
)
export type NewApiKey = Static<typeof NewApiKey>
