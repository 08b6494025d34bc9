import { type Static, Type } from 'typebox'
import { agentKeyOverlapHours } from '../agents/channel.ts'
import { AgentChannelId, AgentId, Timestamp, WebhookId } from '../core/id.ts'
import {
  AnyObject,
  count,
  described,
  nullable,
  oneOf,
  optional,
  pageOf,
  pageParameters,
} from '../core/shape.ts'

/** Events of an organization that webhooks receive. */
const webhookEventTypes = [
  'turn.completed',
  'turn.failed',
  'turn.cancelled',
  'approval.requested',
  'approval.expired',
  'question.asked',
  'tool_results.requested',
  'budget.warning',
  'budget.exhausted',
  'budget.paused',
  'session.created',
  'feedback.given',
  'alert.fired',
  'alert.resolved',
  'schedule.failed',
  'mcp_server.unauthorized',
] as const

const WebhookEventType = oneOf(...webhookEventTypes)

/** Days of failed attempts without a success after which the server disables a webhook. */
export const webhookFailingDays = 5

const Events = Type.Array(WebhookEventType, {
  minItems: 1,
  maxItems: webhookEventTypes.length,
  uniqueItems: true,
})
const url = Type.String({ minLength: 1, maxLength: 2048 })
const urlText =
  'http or https, at most 2,048 characters, public unless PRIVATE_HOSTS_ALLOWED names it'
const description = Type.String({ maxLength: 1024 })

const example = {
  id: 'wh_01933b5a000070008000000000000001',
  url: 'https://example.com/webhooks/outlast',
  events: ['turn.completed', 'approval.requested'],
  description: null,
  agent_id: null,
  channel_id: null,
  enabled: true,
  disabled_reason: null,
  failing_since: null,
  previous_secret_valid_until: null,
  created_at: '2026-11-25T09:30:00.000Z',
  updated_at: '2026-11-25T09:30:00.000Z',
}

export const Webhook = Type.Object(
  {
    id: described(WebhookId, 'Id of the webhook.'),
    url: Type.String({
      description: 'Address that receives a POST for each event.',
      examples: [example.url],
    }),
    events: Type.Array(Type.String(), {
      description: 'Types of events that are sent.',
      examples: [example.events],
    }),
    description: nullable(Type.String(), 'Purpose of the webhook, for people. Null if none.'),
    agent_id: nullable(AgentId, 'Only events of this agent are sent. Null: of all agents.'),
    channel_id: nullable(
      AgentChannelId,
      'Only events of this agent channel are sent. Null: of all sessions.',
    ),
    enabled: Type.Boolean({ description: 'False: events are not recorded for this webhook.' }),
    disabled_reason: nullable(
      oneOf('gone', 'failing'),
      `Why the server disabled it. \`gone\`: the receiver answered 410. \`failing\`: every attempt of ${webhookFailingDays} days failed. Null otherwise.`,
    ),
    failing_since: nullable(
      Timestamp,
      'Time of the first failed attempt since the last success. Null while deliveries succeed.',
    ),
    previous_secret_valid_until: nullable(
      Timestamp,
      'Until when the previous secret signs too, after a rotation. Null without one.',
    ),
    created_at: described(Timestamp, 'Time at which the webhook was created.'),
    updated_at: described(Timestamp, 'Time of the latest change of a property.'),
  },
  {
    title: 'Webhook',
    description: 'An address that receives a signed request for each event of an organization.',
    examples: [example],
  },
)
export type Webhook = Static<typeof Webhook>
export const WebhookPage = pageOf(Webhook, 'WebhookPage')

export const WebhookWithSecret = Type.Object(
  {
    ...Webhook.properties,
    secret: Type.String({
      description: 'Secret that verifies signatures. It is returned only here.',
      examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    }),
  },
  {
    title: 'WebhookWithSecret',
    description: 'A webhook with its new secret.',
    examples: [{ ...example, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }],
  },
)
export type WebhookWithSecret = Static<typeof WebhookWithSecret>

export const NewWebhook = Type.Object(
  {
    url: described(url, `Address that receives a POST for each event: ${urlText}.`),
    events: described(Events, 'Types of events to send.'),
    description: optional(
      description,
      'Purpose of the webhook, for people: at most 1,024 characters. Default: none.',
    ),
    agent_id: optional(AgentId, 'Sends only events of this agent. Default: of all agents.'),
    channel_id: optional(
      AgentChannelId,
      'Sends only events of sessions of this agent channel. Default: of all sessions.',
    ),
    enabled: optional(Type.Boolean(), 'False creates it without sending events. Default: true.'),
  },
  {
    title: 'CreateWebhookRequest',
    description: 'Address, event types and filters of a webhook.',
    examples: [{ url: example.url, events: example.events }],
  },
)
export type NewWebhook = Static<typeof NewWebhook>

export const WebhookChange = Type.Object(
  {
    url: optional(url, `New address: ${urlText}. Absent or null: unchanged.`),
    events: optional(Events, 'New event types, which replace all. Absent or null: unchanged.'),
    description: optional(
      description,
      'New purpose: at most 1,024 characters. Null removes it. Absent: unchanged.',
    ),
    agent_id: optional(AgentId, 'New agent filter. Null removes it. Absent: unchanged.'),
    channel_id: optional(AgentChannelId, 'New channel filter. Null removes it. Absent: unchanged.'),
    enabled: optional(
      Type.Boolean(),
      'False stops sending. True starts it again, also after the server disabled the webhook. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateWebhookRequest',
    description: 'Properties of a webhook to change. An absent property is unchanged.',
    examples: [{ enabled: false }],
  },
)
export type WebhookChange = Static<typeof WebhookChange>

export const WebhookRotation = Type.Object(
  {
    overlap_hours: optional(
      Type.Integer({ minimum: 0, maximum: agentKeyOverlapHours.max }),
      'Hours in which requests are also signed with the previous secret, from 0 to 168. Default: 24.',
    ),
  },
  {
    title: 'RotateWebhookSecretRequest',
    description: 'How long the previous secret signs too.',
    examples: [{ overlap_hours: 48 }],
  },
)
export type WebhookRotation = Static<typeof WebhookRotation>

export const WebhookTest = Type.Object(
  {
    ok: Type.Boolean({ description: 'True if the receiver answered with a 2xx status in time.' }),
    response_status: Type.Optional(
      Type.Integer({ description: 'Status of the response. Absent without a response.' }),
    ),
    message: Type.Optional(
      Type.String({ description: 'Why the request failed, as a sentence. Absent if `ok`.' }),
    ),
    duration_ms: count('Time until the response or the failure in milliseconds.'),
  },
  {
    title: 'WebhookTest',
    description: 'Result of a signed request of the type `webhook.test`.',
    examples: [{ ok: true, response_status: 204, duration_ms: 42 }],
  },
)
export type WebhookTest = Static<typeof WebhookTest>

const DeliveryStatus = oneOf('pending', 'delivered', 'failed')

export const WebhookDelivery = Type.Object(
  {
    event_id: Type.String({
      description:
        'Id of the event and of the delivery, sent as `webhook-id`. For an event of a session, `since_id` continues after it.',
      examples: ['event_01933b5a000070008000000000000001'],
    }),
    event_type: Type.String({ description: 'Type of the event.', examples: ['turn.completed'] }),
    data: described(AnyObject, '`data` of the request: ids and states.'),
    status: described(
      DeliveryStatus,
      '`pending`: waits for its next attempt. `delivered`: the receiver answered with a 2xx status. `failed`: no attempt is left.',
    ),
    attempts: count('Number of attempts that have ended.'),
    next_attempt_at: nullable(
      Timestamp,
      'Time of the next attempt. Null if there is none, also while the webhook is disabled.',
    ),
    last_attempt_at: nullable(Timestamp, 'Time of the latest attempt. Null before the first.'),
    response_status: nullable(
      Type.Integer(),
      'Status of the latest response. Null without a response.',
    ),
    duration_ms: nullable(count(), 'Time of the latest attempt in ms. Null before the first.'),
    error: nullable(Type.String(), 'Why the latest attempt failed. Null if it succeeded.'),
    created_at: described(Timestamp, 'Time at which the event was stored.'),
  },
  {
    title: 'WebhookDelivery',
    description: 'One event for one webhook, with the outcome of its latest attempt.',
    examples: [
      {
        event_id: 'event_01933b5a000070008000000000000001',
        event_type: 'turn.completed',
        data: { session_id: 'session_01933b5a00007000800000000000a001', status: 'idle' },
        status: 'pending',
        attempts: 1,
        next_attempt_at: '2026-11-25T09:30:05.000Z',
        last_attempt_at: '2026-11-25T09:30:00.000Z',
        response_status: 500,
        duration_ms: 42,
        error: 'The receiver answered 500.',
        created_at: '2026-11-25T09:30:00.000Z',
      },
    ],
  },
)
export type WebhookDelivery = Static<typeof WebhookDelivery>
export const WebhookDeliveryPage = pageOf(WebhookDelivery, 'WebhookDeliveryPage')

export const WebhookDeliveryQuery = Type.Object({
  ...pageParameters,
  status: Type.Optional(described(DeliveryStatus, 'Only deliveries with this status.')),
})
export type WebhookDeliveryQuery = Static<typeof WebhookDeliveryQuery>

const taskExample = {
  id: example.id,
  url: example.url,
  enabled: true,
  has_secret: true,
  created_at: example.created_at,
  updated_at: example.updated_at,
}

export const TaskWebhook = Type.Object(
  {
    id: described(WebhookId, 'Id of the webhook.'),
    url: Type.String({ description: 'Address that receives a POST.', examples: [example.url] }),
    enabled: Type.Boolean({ description: 'False: events are not recorded for this webhook.' }),
    has_secret: Type.Boolean({ description: 'True if requests are signed.' }),
    created_at: described(Timestamp, 'Time at which the webhook was created.'),
    updated_at: described(Timestamp, 'Time of the latest change of a property.'),
  },
  {
    title: 'TaskWebhook',
    description: 'A webhook for ended turns, with the signature that published clients know.',
    examples: [taskExample],
  },
)
export type TaskWebhook = Static<typeof TaskWebhook>
export const TaskWebhookPage = pageOf(TaskWebhook, 'TaskWebhookPage')

const taskSecret = Type.String({ minLength: 1, maxLength: 1024 })

export const NewTaskWebhook = Type.Object(
  {
    url: described(url, `Address that receives a POST: ${urlText}.`),
    secret: optional(
      taskSecret,
      'Secret of the signature: at most 1,024 characters. It is never returned. Default: requests are not signed.',
    ),
    enabled: optional(Type.Boolean(), 'False creates it without sending events. Default: true.'),
  },
  {
    title: 'CreateTaskWebhookRequest',
    description: 'Address and secret of a webhook for ended turns.',
    examples: [{ url: example.url, secret: 'shared secret' }],
  },
)
export type NewTaskWebhook = Static<typeof NewTaskWebhook>

export const TaskWebhookChange = Type.Object(
  {
    url: optional(url, `New address: ${urlText}. Absent or null: unchanged.`),
    secret: optional(taskSecret, 'New secret. Null removes it. Absent: unchanged.'),
    enabled: optional(
      Type.Boolean(),
      'False stops sending, true starts it again. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateTaskWebhookRequest',
    description: 'Properties of a webhook to change. An absent property is unchanged.',
    examples: [{ enabled: false }],
  },
)
export type TaskWebhookChange = Static<typeof TaskWebhookChange>
