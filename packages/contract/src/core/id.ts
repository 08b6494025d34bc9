import { Type } from 'typebox'

/** Prefix of each identifier on the wire: `<prefix>_<32 lower-case hex digits>`. */
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
  share: 'share',
  image: 'img',
  audit: 'audit',
  agent_channel: 'appchan',
  agent_key: 'agentkey',
  budget: 'bdgt',
  ledger_entry: 'ledger',
  webhook: 'wh',
  alert: 'alert',
  alert_firing: 'firing',
} as const

export type Noun = keyof typeof idPrefixes

const idOf = (noun: Noun, name: string) =>
  Type.String({
    pattern: `^${idPrefixes[noun]}_[0-9a-f]{32}$`,
    description: `Id of ${name}: \`${idPrefixes[noun]}_\` and 32 lower-case hex digits.`,
    examples: [`${idPrefixes[noun]}_01933b5a000070008000000000000001`],
  })

export const OrganizationId = idOf('organization', 'an organization')
export const AgentId = idOf('agent', 'an agent')
export const SessionId = idOf('session', 'a session')
export const MessageId = idOf('message', 'a message')
export const EventId = idOf('event', 'an event')
export const TurnId = idOf('turn', 'a turn')
export const ExecId = idOf('exec', 'one step of a turn')
export const ProviderId = idOf('provider', 'a model provider')
export const ModelId = idOf('model', 'a model of this server')
export const McpServerId = idOf('mcp_server', 'an MCP server')
export const InvitationId = idOf('invitation', 'an invitation')
export const SessionTokenId = idOf('session_token', 'a session token')
export const ShareId = idOf('share', 'a link to a session')
export const ImageId = idOf('image', 'an uploaded image')
export const AuditEntryId = idOf('audit', 'an audit entry')
export const AgentChannelId = idOf('agent_channel', 'an agent channel')
export const WebhookId = idOf('webhook', 'a webhook')
export const AgentKeyId = idOf('agent_key', 'a key of an agent channel')
export const BudgetId = idOf('budget', 'a budget')
export const LedgerEntryId = idOf('ledger_entry', 'an entry of a ledger')
export const AlertId = idOf('alert', 'an alert')
export const AlertFiringId = idOf('alert_firing', 'one firing of an alert')

/** The only harness. Some clients require one on agents and sessions. */
export const harnessId = 'harness_00000000000000000000000000000001'
export const HarnessId = Type.Literal(harnessId, {
  description:
    'Always the same value. Some published clients require the property; it selects nothing.',
})

/** The agent of sessions that name none. Lists of agents leave it out. */
export const generalAgentId = 'agent_00000000000000000067656e6572616c'

/** Users, keys, schedules and files have dashed UUIDs without a prefix. */
export const Uuid = Type.String({
  format: 'uuid',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  description: 'A UUID in lower case, with dashes.',
  examples: ['01933b5a-0000-7000-8000-000000000001'],
})

export const Timestamp = Type.String({
  format: 'date-time',
  description: 'A time in RFC 3339 format, in UTC.',
  examples: ['2026-11-25T09:30:00.000Z'],
})
