/** Agent channels and their keys, as administrators manage them. */
import { type Static, Type } from 'typebox'
import { AgentChannelId, AgentKeyId, Timestamp } from '../core/id.ts'
import { described, nullable, oneOf, optional } from '../core/shape.ts'
import { channelLimitFields } from './channel-auth.ts'

const channelType = described(
  oneOf('api'),
  'Protocol of the channel. `api`: the execution API under `/v1/channels/{channel_id}`.',
)

export const ChannelConfig = Type.Object(
  {
    session_binding: Type.Optional(
      described(
        oneOf('per_user', 'session_per_invocation'),
        'Accepted for compatible clients. With both values each `POST …/sessions` creates a session. Default: `per_user`.',
      ),
    ),
    visibility: Type.Optional(
      described(
        oneOf('messages', 'activity', 'full'),
        'Events that callers see. `messages`: text of messages and states of turns. `activity`: also that a tool runs, without its name. `full`: all events with all data, prompts included. Default: `activity`.',
      ),
    ),
    tool_activity_text: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'Text for a running tool under `activity`. Default: `Working...`.',
      }),
    ),
    errors: Type.Optional(
      described(
        oneOf('public', 'detailed'),
        '`public`: callers get one of four general codes for a failed turn. `detailed`: keys get the stored code and sentence; end users still get the general ones. Default: `public`.',
      ),
    ),
    tool_approvals: Type.Optional(
      described(
        oneOf('operator', 'caller'),
        'Who decides on tool calls that need an approval: `operator`, a member of the organization, or `caller`, the caller of the channel. Default: `operator`.',
      ),
    ),
    rate_limit_per_minute: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description:
          'Requests per minute of one caller from one address. 0: no limit of the channel. Default: 0.',
      }),
    ),
    ...channelLimitFields,
  },
  {
    title: 'ApiChannelConfig',
    description: 'Settings of a channel. Unknown properties are refused.',
    additionalProperties: false,
    examples: [{ visibility: 'messages', rate_limit_per_minute: 60 }],
  },
)
export type ChannelConfig = Static<typeof ChannelConfig>

const enabled = 'False closes the channel. A closed channel that is enabled again is a draft.'

export const AgentChannel = Type.Object(
  {
    id: described(AgentChannelId, 'Id of the channel. Callers have it in their base address.'),
    channel_type: channelType,
    channel_config: described(ChannelConfig, 'Settings, with defaults for absent ones.'),
    enabled: Type.Boolean({ description: enabled }),
    status: described(
      oneOf('draft', 'live', 'disabled'),
      '`draft`: not published. `live`: published; callers are served while the agent is active. `disabled`: closed by `enabled`.',
    ),
    created_at: described(Timestamp, 'Time at which the channel was created.'),
    updated_at: described(Timestamp, 'Time of the latest change.'),
  },
  {
    title: 'AgentChannel',
    description: 'A door of one agent for programs outside of the organization.',
    examples: [
      {
        id: 'appchan_01933b5a000070008000000000000001',
        channel_type: 'api',
        channel_config: {
          session_binding: 'per_user',
          visibility: 'activity',
          tool_activity_text: 'Working...',
          errors: 'public',
          tool_approvals: 'operator',
          rate_limit_per_minute: 60,
          auth_methods: [],
          allowed_origins: [],
          spending_limit: null,
        },
        enabled: true,
        status: 'live',
        created_at: '2026-11-27T09:30:00.000Z',
        updated_at: '2026-11-27T09:31:00.000Z',
      },
    ],
  },
)
export type AgentChannel = Static<typeof AgentChannel>

export const NewAgentChannel = Type.Object(
  {
    channel_type: channelType,
    channel_config: Type.Optional(
      described(ChannelConfig, 'Settings of the channel. Default: all defaults.'),
    ),
    enabled: optional(Type.Boolean(), `${enabled} Default: true.`),
  },
  {
    title: 'CreateAgentChannelRequest',
    description: 'Type and settings of a new channel, which is a draft.',
    examples: [{ channel_type: 'api', channel_config: { visibility: 'messages' } }],
  },
)
export type NewAgentChannel = Static<typeof NewAgentChannel>

export const AgentChannelChange = Type.Object(
  {
    channel_config: Type.Optional(
      described(ChannelConfig, 'New settings, which replace all previous ones. Absent: unchanged.'),
    ),
    enabled: optional(Type.Boolean(), `${enabled} Absent or null: unchanged.`),
  },
  {
    title: 'UpdateAgentChannelRequest',
    description: 'Properties of a channel to change.',
    examples: [{ channel_config: { visibility: 'full' } }],
  },
)
export type AgentChannelChange = Static<typeof AgentChannelChange>

export const DeletedAgentChannel = Type.Object(
  {
    id: described(AgentChannelId, 'Id of the deleted channel.'),
    deleted: Type.Literal(true, { description: 'Always true.' }),
  },
  { title: 'DeletedAgentChannel', description: 'A channel that was deleted with its keys.' },
)
export type DeletedAgentChannel = Static<typeof DeletedAgentChannel>

export const AgentKeyPermission = oneOf('sessions', 'end_user')
export type AgentKeyPermission = Static<typeof AgentKeyPermission>

const permissions =
  '`sessions`: sessions of the key itself, which every key has. `end_user`: acts for the users of the product that holds the key, each with sessions of their own.'

const keyFields = {
  id: described(AgentKeyId, 'Id of the key.'),
  channel_id: described(AgentChannelId, 'The only channel that the key opens.'),
  name: Type.String({ description: 'Name of the key, for people.', examples: ['Shop'] }),
  prefix: Type.String({
    description: 'Beginning of the secret, which identifies it in lists.',
    examples: ['evr_ak_1a2b3c4d...'],
  }),
  permissions: Type.Array(AgentKeyPermission, { description: permissions }),
  expires_at: nullable(Timestamp, 'Time at which the key expires. Null: never.'),
  previous_valid_until: nullable(
    Timestamp,
    'Time until which the secret before the latest rotation is accepted. Null if there was no rotation.',
  ),
  last_used_at: nullable(Timestamp, 'Time of the latest use, recorded with a delay. Null: never.'),
  revoked_at: nullable(Timestamp, 'Time at which the key was revoked. Null if it was not.'),
  created_at: described(Timestamp, 'Time at which the key was created.'),
}

const keyExample = {
  id: 'agentkey_01933b5a000070008000000000000001',
  channel_id: 'appchan_01933b5a000070008000000000000001',
  name: 'Shop',
  prefix: 'evr_ak_1a2b3c4d...',
  permissions: ['sessions' as const, 'end_user' as const],
  expires_at: null,
  previous_valid_until: null,
  last_used_at: null,
  revoked_at: null,
  created_at: '2026-11-27T09:30:00.000Z',
}

export const AgentKey = Type.Object(keyFields, {
  title: 'AgentKey',
  description: 'A key of a channel, without its secret.',
  examples: [keyExample],
})
export type AgentKey = Static<typeof AgentKey>

export const AgentKeyWithSecret = Type.Object(
  {
    ...keyFields,
    secret: Type.String({
      pattern: '^evr_ak_[0-9a-f]{64}$',
      description: 'The secret: `evr_ak_` and 64 hex digits. No other response contains it.',
    }),
  },
  {
    title: 'AgentKeyWithSecret',
    description: 'A key of a channel with a new secret, returned once.',
    examples: [{ ...keyExample, secret: `evr_ak_${'1a2b3c4d'.repeat(8)}` }],
  },
)
export type AgentKeyWithSecret = Static<typeof AgentKeyWithSecret>

export const NewAgentKey = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Name of the key, for people: 1 to 255 characters.',
    }),
    permissions: optional(
      Type.Array(AgentKeyPermission, { maxItems: 2 }),
      `${permissions} Default: \`sessions\` only.`,
    ),
    expires_at: optional(
      Timestamp,
      'Time at which the key expires, in the future. Default: never.',
    ),
  },
  {
    title: 'CreateAgentKeyRequest',
    description: 'Name, permissions and expiry of a new key.',
    examples: [{ name: 'Shop', permissions: ['sessions', 'end_user'] }],
  },
)
export type NewAgentKey = Static<typeof NewAgentKey>

export const agentKeyOverlapHours = { default: 24, max: 168 }

export const AgentKeyRotation = Type.Object(
  {
    overlap_hours: optional(
      Type.Integer({ minimum: 0, maximum: agentKeyOverlapHours.max }),
      'Hours in which the previous secret is still accepted, from 0 to 168. Default: 24.',
    ),
  },
  {
    title: 'RotateAgentKeyRequest',
    description: 'How long the previous secret is accepted.',
    examples: [{ overlap_hours: 48 }],
  },
)
export type AgentKeyRotation = Static<typeof AgentKeyRotation>
