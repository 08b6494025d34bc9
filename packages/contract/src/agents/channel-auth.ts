/** Settings of a channel for callers of identity providers, for browsers and for spending. */
import { type Static, Type } from 'typebox'
import { described, oneOf, optional } from '../core/shape.ts'

const address = (description: string, example: string) =>
  Type.Optional(Type.String({ maxLength: 2_048, description, examples: [example] }))

const ChannelAuthProvider = Type.Object(
  {
    issuer: address(
      'For `oidc`: the issuer, exactly as `iss` of its tokens names it.',
      'https://login.example.com',
    ),
    jwks_url: address(
      'For `oidc`: address of the keys of the issuer. Default: the one in the metadata of the issuer.',
      'https://login.example.com/jwks',
    ),
    introspection_url: address(
      'For `oauth2_introspection`: the endpoint of RFC 7662, which receives the token of each caller.',
      'https://login.example.com/introspect',
    ),
    client_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'For `oauth2_introspection`: the client as which the server calls it.',
        examples: ['outlast'],
      }),
    ),
    client_secret: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_024,
        description:
          'Secret of the client. It is stored encrypted, and no response contains it. Absent: the stored one stays if `introspection_url` and `client_id` stay.',
      }),
    ),
    client_secret_configured: Type.Optional(
      Type.Boolean({ description: 'True if a secret is stored. Ignored in requests.' }),
    ),
  },
  {
    title: 'ChannelAuthProvider',
    description: 'Where the tokens of callers are from. Unknown properties are refused.',
    additionalProperties: false,
  },
)

const ChannelAuthRequirements = Type.Object(
  {
    audiences: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 2_048 }), {
        maxItems: 20,
        description:
          'The token must be for one of these. Required for `google_oidc`, whose tokens may be for any application. Default: any audience.',
      }),
    ),
    scopes: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
        maxItems: 20,
        description: 'Scopes that the token must have, all of them. Default: none.',
      }),
    ),
    claims: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
        maxProperties: 20,
        description:
          'Claims that the token must have, with these values. A list in the token must contain the value. Default: none.',
      }),
    ),
  },
  {
    title: 'ChannelAuthRequirements',
    description: 'What a token must have besides its signature and its subject.',
    additionalProperties: false,
  },
)

export const ChannelAuthMethod = Type.Object(
  {
    mode: described(
      oneOf('oidc', 'google_oidc', 'oauth2_introspection'),
      '`oidc`: signed tokens of an OpenID Connect issuer. `google_oidc`: those of Google. `oauth2_introspection`: tokens that an authorization server checks.',
    ),
    provider: Type.Optional(
      described(ChannelAuthProvider, 'The provider. Absent for `google_oidc`.'),
    ),
    requirements: Type.Optional(
      described(ChannelAuthRequirements, 'What tokens must have. A token without it gets 401.'),
    ),
  },
  {
    title: 'ChannelAuthMethod',
    description:
      'An identity provider whose tokens a channel accepts. The subject of a token is an end user of that provider.',
    additionalProperties: false,
    examples: [
      {
        mode: 'oidc',
        provider: { issuer: 'https://login.example.com' },
        requirements: { audiences: ['support-app'] },
      },
    ],
  },
)
export type ChannelAuthMethod = Static<typeof ChannelAuthMethod>

export const ChannelOrigins = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
  maxItems: 50,
  description:
    'Origins of pages that may call this channel, such as `https://shop.example.com`, besides those of `CORS_ALLOWED_ORIGINS`. `*`: all, refused while a key of the channel has `end_user`. Default: empty.',
})

export const ChannelSpendingLimit = Type.Object(
  {
    amount: Type.Number({
      minimum: 0.000_001,
      maximum: 1_000_000_000,
      description: 'Amount per end user and day of UTC, rounded to 6 decimal places.',
      examples: [2],
    }),
    currency: described(
      oneOf('usd', 'tokens', 'credits'),
      '`usd`: US dollars at list prices. `tokens`: input and output tokens. `credits`: thousands of tokens.',
    ),
  },
  {
    title: 'ChannelSpendingLimit',
    description: 'What each end user of a channel may use on one day.',
    additionalProperties: false,
    examples: [{ amount: 2, currency: 'usd' }],
  },
)
export type ChannelSpendingLimit = Static<typeof ChannelSpendingLimit>

export const channelLimitFields = {
  auth_methods: Type.Optional(
    Type.Array(ChannelAuthMethod, {
      maxItems: 10,
      description:
        'Identity providers of callers: at most 10, with at most one `oauth2_introspection`. Default: empty.',
    }),
  ),
  allowed_origins: Type.Optional(ChannelOrigins),
  spending_limit: optional(
    ChannelSpendingLimit,
    'Limit of each end user per day of UTC. When it is used up, new sessions and messages get 429 `spending_limit`. Null: none.',
  ),
}
