import {
  Change,
  DeletedSession,
  Event,
  eventData,
  eventTypes,
  liveEventTypes,
  Session,
} from '@outlast/contract'
import { type TObject, type TSchema, Type } from 'typebox'

const reasons = [
  'connection_cycle',
  'shutdown',
  'access_ended',
  'session_deleted',
  'history_changed',
  'database_unavailable',
]

const Connected = Type.Object(
  { status: Type.Literal('connected', { description: 'Always `connected`.' }) },
  { title: 'StreamConnected', description: 'Data of `event: connected`, the first of a stream.' },
)

const Heartbeat = Type.Object(
  {},
  {
    title: 'StreamHeartbeat',
    description:
      'Data of `event: heartbeat`, sent with `heartbeat=event` after `SSE_HEARTBEAT_MS` (milliseconds) without another event.',
    additionalProperties: false,
  },
)

const Disconnecting = Type.Object(
  {
    reason: Type.Unsafe<string>({
      type: 'string',
      enum: reasons,
      description:
        '`connection_cycle`: the stream was open for `SSE_CYCLE_MS`. `shutdown`: the node stops. `access_ended`: the credential or its access ended. `session_deleted`: the session was deleted. `history_changed`: the database lost events. `database_unavailable`: the database does not respond.',
    }),
    retry_ms: Type.Integer({
      minimum: 0,
      description: 'Time to wait before the next connection, in milliseconds.',
      examples: [100],
    }),
  },
  {
    title: 'StreamDisconnecting',
    description: 'Data of `event: disconnecting`, the last before the server closes the stream.',
  },
)

const live = new Set<string>(liveEventTypes)

/** `tool.call_requested` as `ToolCallRequestedEvent`. */
const nameOf = (type: string) =>
  `${type.replace(/(?:^|[._])(\w)/g, (_, letter: string) => letter.toUpperCase())}Event`

/** The event of one type: the envelope with its `type` and `data`. */
function eventOf(type: keyof typeof eventData): TSchema {
  const { sequence, ...envelope } = (Event as TObject).properties
  const data: TSchema & { description?: string } = eventData[type]
  const about = live.has(type) ? ' It is sent live only and has no `sequence`.' : ''
  return Type.Object(
    {
      ...envelope,
      type: Type.Literal(type, { description: `Always \`${type}\`.` }),
      ...(!live.has(type) && { sequence: sequence! }),
      data,
    },
    { title: nameOf(type), description: `${data.description ?? `Event \`${type}\`.`}${about}` },
  )
}

const EventOfSession = () => ({
  title: 'SessionEvent',
  description: 'An event of a session; `type` selects the schema.',
  oneOf: eventTypes.map(eventOf),
  discriminator: {
    propertyName: 'type',
    mapping: Object.fromEntries(
      eventTypes.map((type) => [type, `#/components/schemas/${nameOf(type)}`]),
    ),
  },
})

const retry = Type.Integer({
  minimum: 0,
  description: 'Time to wait before a reconnect, in milliseconds.',
  examples: [100],
})

/** One server-sent event of a session. OpenAPI 3.1 describes each item of a stream by `schema`. */
const sessionFrame = () => ({
  title: 'SessionStreamFrame',
  description: 'One server-sent event of a session. The stream is a sequence of these.',
  type: 'object',
  required: ['event', 'data'],
  properties: {
    event: Type.Unsafe({
      type: 'string',
      enum: [...eventTypes, 'connected', 'heartbeat', 'disconnecting'],
      description: 'Type of the event, or `connected`, `heartbeat` or `disconnecting`.',
    }),
    id: Type.String({
      description:
        'Position to resume from, as `Last-Event-ID` or `since_id`. Absent for events of the connection.',
    }),
    retry,
    data: {
      description: 'JSON text of one of these values.',
      anyOf: [EventOfSession(), Connected, Heartbeat, Disconnecting],
    },
  },
})

const Reset = Type.Object(
  {},
  {
    title: 'ChangesReset',
    description: 'Data of `event: reset`: changes may be missing, so read all lists again.',
    additionalProperties: false,
  },
)

const changeNames = ['session.changed', 'session.deleted', 'changed', 'reset']

/** One server-sent event of an organization. */
const changesFrame = () => ({
  title: 'ChangesStreamFrame',
  description: 'One server-sent event of an organization. The stream is a sequence of these.',
  type: 'object',
  required: ['event', 'data'],
  properties: {
    event: Type.Unsafe({
      type: 'string',
      enum: [...changeNames, 'connected', 'heartbeat', 'disconnecting'],
      description:
        '`session.changed`: a session was created or changed; `data` is the session. `session.deleted`: `data` has its id. `changed`: another resource was created, changed or deleted; `data` names it. `reset`: changes may be missing.',
    }),
    retry,
    data: {
      description: 'JSON text of one of these values, as `event` selects.',
      anyOf: [Session, DeletedSession, Change, Reset, Connected, Heartbeat, Disconnecting],
    },
  },
})

/** One server-sent event in the protocol of a front end. */
const frontEndFrame = () => ({
  title: 'FrontEndStreamFrame',
  description:
    'One server-sent event in the protocol of the front end. The stream is a sequence of these.',
  type: 'object',
  required: ['data'],
  properties: {
    id: Type.String({
      description: 'Position to resume from, as `Last-Event-ID`. Absent for the AI SDK.',
    }),
    data: Type.String({
      description:
        'JSON text of one event of the protocol. Streams of the AI SDK end with `[DONE]`.',
    }),
  },
})

/** Schemas of each server-sent event, by operation. */
export const frameSchemas: Record<string, () => object> = {
  send_ai_sdk_chat: frontEndFrame,
  resume_ai_sdk_chat: frontEndFrame,
  run_ag_ui_agent: frontEndFrame,
  read_ag_ui_thread: frontEndFrame,
  stream_sse: sessionFrame,
  stream_agent_events: sessionFrame,
  stream_changes: changesFrame,
}

const id = 'event_01933b5a000070008000000000000001'
const turn = 'turn_01933b5a000070008000000000000001'

const deltaExample = {
  event: 'output.message.delta',
  id,
  retry: 100,
  data: {
    id,
    type: 'output.message.delta',
    ts: '2026-11-25T09:30:00.000Z',
    session_id: 'session_01933b5a000070008000000000000001',
    context: { turn_id: turn },
    data: { turn_id: turn, delta: 'It ', accumulated: 'It ' },
  },
}

const aiSdkExample = {
  data: '{"type":"text-delta","id":"message_01933b5a00007000800000000000b002","delta":"Sales rose"}',
}

const agUiExample = {
  id: 'start:0',
  data: '{"type":"RUN_STARTED","threadId":"chat-4711","runId":"run-1","protocolVersion":"1.0"}',
}

/** A server-sent event of each stream as the reference shows it. */
export const frameExamples: Record<string, unknown> = {
  send_ai_sdk_chat: aiSdkExample,
  resume_ai_sdk_chat: aiSdkExample,
  run_ag_ui_agent: agUiExample,
  read_ag_ui_thread: agUiExample,
  stream_sse: deltaExample,
  stream_agent_events: deltaExample,
  stream_changes: {
    event: 'changed',
    data: { noun: 'agent', id: 'agent_01933b5a000070008000000000000001' },
  },
}
