import { type Static, Type } from 'typebox'
import { AgentId, OrganizationId, SessionTokenId } from '../core/id.ts'
import { count, described, nullable, optional, pageOf, pageParameters } from '../core/shape.ts'
import {
  grantFields,
  newGrantFields,
  tokenMaker,
  tokenSecret,
  tokenTimes,
} from './session-token.ts'

/**
 * Without blanks at an end, control characters and U+FFFD, by which the server replaces what is no
 * valid Unicode: each makes different ids equal, or look equal.
 */
const refused = '\\u0000-\\u001f\\u007f-\\u009f\\ufffd'
export const endUserPattern = `^[^\\s${refused}]([^${refused}]*[^\\s${refused}])?$`
export const endUserLengthMax = 256

export const EndUserId = Type.String({
  minLength: 1,
  maxLength: endUserLengthMax,
  pattern: endUserPattern,
  description:
    'Id of an end user in your product: 1 to 256 characters, without control characters and without blanks at either end. Ids are compared exactly, so `Ada` and `ada` are two users.',
  examples: ['customer-4711'],
})
export type EndUserId = Static<typeof EndUserId>

/** Filter of a list by end user. */
export const endUserFilter = (what: string) =>
  Type.Optional(described(EndUserId, `Only ${what} of this end user.`))

const agentIds = Type.Array(AgentId, {
  minItems: 1,
  maxItems: 100,
  description: 'Agents whose sessions the token opens, at most 100. Null: all agents.',
})

export const NewUserToken = Type.Object(
  {
    user: described(EndUserId, 'End user whose sessions the token opens, and no others.'),
    agent_ids: optional(
      agentIds,
      'Agents whose sessions the token opens, at most 100. Default: all agents.',
    ),
    ...newGrantFields,
  },
  {
    title: 'CreateUserTokenRequest',
    description:
      'An end user, and the rights and lifetime of the token. Rights that are absent are not granted.',
    examples: [{ user: 'customer-4711', access: 'write', expires_in: 900 }],
  },
)
export type NewUserToken = Static<typeof NewUserToken>

const tokenFields = {
  id: described(SessionTokenId, 'Id of the token, for revoking it.'),
  organization_id: described(OrganizationId, 'Organization of the sessions.'),
  user: described(EndUserId, 'End user whose sessions the token opens.'),
  agent_ids: nullable(agentIds, 'Agents whose sessions the token opens. Null: all agents.'),
  ...grantFields,
  ...tokenTimes,
}

const example = {
  id: 'token_01933b5a000070008000000000000002',
  organization_id: 'org_00000000000000000000000000000001',
  user: 'customer-4711',
  agent_ids: ['agent_01933b5a000070008000000000000101'],
  access: 'write' as const,
  models: [],
  tool_results: [],
  view: 'chat' as const,
  files: 'none' as const,
  operations: null,
  expires_at: '2026-11-25T09:45:00.000Z',
  created_at: '2026-11-25T09:30:00.000Z',
}

export const UserToken = Type.Object(
  { ...tokenFields, ...tokenSecret },
  {
    title: 'UserToken',
    description:
      'A new token for a browser, which creates and opens the sessions of one end user for a short time.',
  },
)
export type UserToken = Static<typeof UserToken>

export const UserTokenInfo = Type.Object(
  { ...tokenFields, ...tokenMaker },
  {
    title: 'UserTokenInfo',
    description:
      'A valid token of an end user, without its secret. It ends with the key or the sign-in that created it.',
    examples: [{ ...example, user_id: '01933b5a-0000-7000-8000-000000000001', key_id: null }],
  },
)
export type UserTokenInfo = Static<typeof UserTokenInfo>
export const UserTokenPage = pageOf(UserTokenInfo, 'UserTokenPage')

export const UserTokenQuery = Type.Object({ ...pageParameters, user: endUserFilter('tokens') })
export type UserTokenQuery = Static<typeof UserTokenQuery>

/** The end user that an operation exports or deletes. A query holds every id, a path does not. */
export const EndUserQuery = Type.Object({
  user: described(EndUserId, 'The end user, exactly as the sessions have it.'),
})
export type EndUserQuery = Static<typeof EndUserQuery>

export const DeletedEndUser = Type.Object(
  {
    sessions: count(
      'Number of deleted sessions, with their logs, files, values, secrets and images.',
    ),
    tokens: count('Number of revoked tokens.'),
  },
  {
    title: 'DeletedEndUser',
    description:
      'What a request to delete an end user has deleted. Both are 0 for an unknown user.',
    examples: [{ sessions: 12, tokens: 1 }],
  },
)
export type DeletedEndUser = Static<typeof DeletedEndUser>
