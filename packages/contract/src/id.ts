import { Type } from 'typebox'

/** What each identifier on the wire begins with: `<prefix>_<32 lower-case hex digits>`. */
export const idPrefixes = {
  organization: 'org',
  agent: 'agent',
  session: 'session',
  message: 'message',
  event: 'event',
  turn: 'turn',
  exec: 'exec',
  provider: 'provider',
  model: 'model',
  mcp_server: 'mcp',
  invitation: 'invitation',
  session_token: 'token',
  audit: 'audit',
} as const

export type Noun = keyof typeof idPrefixes

const idOf = (noun: Noun) =>
  Type.String({
    pattern: `^${idPrefixes[noun]}_[0-9a-f]{32}$`,
    examples: [`${idPrefixes[noun]}_01933b5a000070008000000000000001`],
  })

export const OrganizationId = idOf('organization')
export const AgentId = idOf('agent')
export const SessionId = idOf('session')
export const MessageId = idOf('message')
export const EventId = idOf('event')
export const TurnId = idOf('turn')
export const ExecId = idOf('exec')
export const ProviderId = idOf('provider')
export const ModelId = idOf('model')
export const McpServerId = idOf('mcp_server')
export const InvitationId = idOf('invitation')
export const SessionTokenId = idOf('session_token')
export const AuditEntryId = idOf('audit')

/** What later clients of this API cannot read an agent or a session without. There is one. */
export const harnessId = 'harness_00000000000000000000000000000001'
export const HarnessId = Type.Literal(harnessId, {
  description: 'Always the same; some clients demand it.',
})

/** Users and keys have dashed UUIDs without a prefix. */
export const Uuid = Type.String({
  format: 'uuid',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  examples: ['01933b5a-0000-7000-8000-000000000001'],
})

/** RFC 3339, UTC. */
export const Timestamp = Type.String({ format: 'date-time' })
