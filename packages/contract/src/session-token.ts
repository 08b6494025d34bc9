import { type Static, Type } from 'typebox'
import { ModelId, OrganizationId, SessionId, SessionTokenId, Timestamp, Uuid } from './id.ts'
import { nullable, oneOf, optional, pageOf } from './shape.ts'

export const sessionTokenSecondsMax = 86_400

const modelIds = Type.Array(ModelId, {
  maxItems: 100,
  description: 'Models that its messages may choose. Empty: neither a model nor an effort.',
})
const toolNames = Type.Array(Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' }), {
  maxItems: 128,
  description: 'Client tools whose calls it may answer, and whose arguments it sees.',
})
const view = Type.Unsafe<'chat' | 'full'>({
  type: 'string',
  enum: ['chat', 'full'],
  description:
    '`chat`: messages, states of turns, names of tools. `full`: also arguments, results and thinking. Neither: prompts.',
})
const files = Type.Unsafe<'none' | 'read' | 'write'>({
  type: 'string',
  enum: ['none', 'read', 'write'],
  description: "What it may do with the session's files.",
})

/** Whatever is left out is not granted. */
export const NewSessionToken = Type.Object(
  {
    access: optional(oneOf('read', 'write')),
    expires_in: optional(
      Type.Integer({ minimum: 1, maximum: sessionTokenSecondsMax, description: 'Seconds.' }),
    ),
    models: optional(modelIds),
    tool_results: optional(toolNames),
    view: optional(view),
    files: optional(files),
  },
  { title: 'CreateSessionTokenRequest' },
)
export type NewSessionToken = Static<typeof NewSessionToken>

const tokenFields = {
  id: SessionTokenId,
  session_id: SessionId,
  organization_id: OrganizationId,
  access: oneOf('read', 'write'),
  models: modelIds,
  tool_results: toolNames,
  view,
  files,
  expires_at: Timestamp,
  created_at: Timestamp,
}

/** For a browser: reads one session, or writes to it too, for a short time. */
export const SessionToken = Type.Object(
  {
    ...tokenFields,
    token: Type.String({ description: 'The token itself. It is not shown again.' }),
  },
  { title: 'SessionToken' },
)
export type SessionToken = Static<typeof SessionToken>

/** A valid token, without the token itself. It ends with the key or sign-in that created it. */
export const SessionTokenInfo = Type.Object(
  { ...tokenFields, user_id: nullable(Uuid), key_id: nullable(Uuid) },
  { title: 'SessionTokenInfo' },
)
export type SessionTokenInfo = Static<typeof SessionTokenInfo>
export const SessionTokenPage = pageOf(SessionTokenInfo, 'SessionTokenPage')
