import { type Static, Type } from 'typebox'
import { ModelId, OrganizationId, SessionId, SessionTokenId, Timestamp, Uuid } from '../core/id.ts'
import { described, nullable, oneOf, optional, pageOf } from '../core/shape.ts'

const sessionTokenSecondsMax = 86_400

const meanings = {
  access:
    '`read`: reads sessions, their messages and events. `write`: also posts messages, answers questions except with a secret, cancels turns and retries failed ones. `approve`: also decides on tool calls that wait for an approval, and with `allow_always` on all later calls of a tool in the session.',
  models:
    'Models that messages of the token may select, at most 100. Empty: neither a model nor an effort.',
  tool_results:
    'Names of client tools whose calls the token may answer and whose arguments it sees, at most 128.',
  view: '`chat`: messages, states of turns and names of tools. `full`: also arguments, results and thinking. Neither shows prompts.',
  files: 'Access to the files of the session. `none` also hides `files.changed`.',
  operations:
    'Operations that the token may use, by their `operationId`, within its other rights. Null: all that are open to tokens, except those that a token must name.',
}

const access = oneOf('read', 'write', 'approve')
const models = Type.Array(ModelId, { maxItems: 100, description: meanings.models })
const toolNames = Type.Array(Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' }), {
  maxItems: 128,
  description: meanings.tool_results,
})
const view = described(oneOf('chat', 'full'), meanings.view)
const files = described(oneOf('none', 'read', 'write'), meanings.files)
const operations = Type.Array(Type.String({ pattern: '^[a-z_]{1,64}$' }), {
  maxItems: 100,
  description: meanings.operations,
})

/** Rights that a request for a token may name. */
export const newGrantFields = {
  access: optional(access, `${meanings.access} Default: \`read\`.`),
  expires_in: optional(
    Type.Integer({ minimum: 1, maximum: sessionTokenSecondsMax }),
    'Lifetime in seconds, from 1 to 86,400. Default: 900.',
  ),
  models: optional(models, `${meanings.models} Needs \`access: write\`. Default: empty.`),
  tool_results: optional(
    toolNames,
    `${meanings.tool_results} Needs \`access: write\`. Default: empty.`,
  ),
  view: optional(view, `${meanings.view} Default: \`chat\`.`),
  files: optional(files, `${meanings.files} \`write\` needs \`access: write\`. Default: \`none\`.`),
  operations: optional(operations, `${meanings.operations} Default: null.`),
}

/** Rights of a token. */
export const grantFields = {
  access: described(access, meanings.access),
  models,
  tool_results: toolNames,
  view,
  files,
  operations: nullable(operations, meanings.operations),
}

/** The times of a token, and the secret that only the response to its creation has. */
export const tokenTimes = {
  expires_at: described(Timestamp, 'Time at which the token expires.'),
  created_at: described(Timestamp, 'Time at which the token was created.'),
}
export const tokenSecret = {
  token: Type.String({
    description:
      'The token for `Authorization: Bearer`, or `access_token` of a stream. No other response contains it.',
  }),
}
export const tokenMaker = {
  user_id: nullable(Uuid, 'User that created the token. Null without authentication.'),
  key_id: nullable(Uuid, 'API key that created the token. Null if a signed-in user did.'),
}

export const NewSessionToken = Type.Object(newGrantFields, {
  title: 'CreateSessionTokenRequest',
  description: 'Rights and lifetime of a session token. Rights that are absent are not granted.',
  examples: [{ access: 'write', expires_in: 900, tool_results: ['pick_date'] }],
})
export type NewSessionToken = Static<typeof NewSessionToken>

const tokenFields = {
  id: described(SessionTokenId, 'Id of the token, for revoking it.'),
  session_id: described(SessionId, 'The only session that the token opens.'),
  organization_id: described(OrganizationId, 'Organization of the session.'),
  ...grantFields,
  ...tokenTimes,
}

const example = {
  id: 'token_01933b5a000070008000000000000001',
  session_id: 'session_01933b5a00007000800000000000a001',
  organization_id: 'org_00000000000000000000000000000001',
  access: 'write' as const,
  models: [],
  tool_results: ['pick_date'],
  view: 'chat' as const,
  files: 'none' as const,
  operations: null,
  expires_at: '2026-11-25T09:45:00.000Z',
  created_at: '2026-11-25T09:30:00.000Z',
}

export const SessionToken = Type.Object(
  { ...tokenFields, ...tokenSecret },
  {
    title: 'SessionToken',
    description: 'A new token for a browser, which opens one session for a short time.',
  },
)
export type SessionToken = Static<typeof SessionToken>

export const SessionTokenInfo = Type.Object(
  { ...tokenFields, ...tokenMaker },
  {
    title: 'SessionTokenInfo',
    description:
      'A valid session token, without its secret. It ends with the key or the sign-in that created it.',
    examples: [{ ...example, user_id: '01933b5a-0000-7000-8000-000000000001', key_id: null }],
  },
)
export type SessionTokenInfo = Static<typeof SessionTokenInfo>
export const SessionTokenPage = pageOf(SessionTokenInfo, 'SessionTokenPage')
