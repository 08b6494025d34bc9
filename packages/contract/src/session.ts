import { type Static, Type } from 'typebox'
import { givenLimits, InitialFiles, sessionLimits } from './agent-settings.ts'
import { CapabilityUse, CapabilityUses, ClientTool, ClientTools } from './capability.ts'
import { EndUserId, endUserFilter } from './end-user.ts'
import {
  AgentId,
  EventId,
  HarnessId,
  harnessId,
  ModelId,
  OrganizationId,
  SessionId,
  Timestamp,
  TurnId,
} from './id.ts'
import { SeedMessage } from './seed.ts'
import {
  AnyObject,
  described,
  integerMax,
  nullable,
  oneOf,
  optional,
  pageOf,
  pageParameters,
  withoutControls,
} from './shape.ts'
import { TokenUsage } from './usage.ts'

export const SessionStatus = oneOf('started', 'active', 'idle')
export type SessionStatus = Static<typeof SessionStatus>

const status = described(
  SessionStatus,
  '`started`: created, no turn has run. `active`: a turn is queued, runs or waits for a client. `idle`: the latest turn has ended.',
)

const waitingType = oneOf('tool_results', 'approval', 'input')

const WaitingCall = Type.Object(
  {
    tool_call_id: Type.String({
      description: 'Id of the tool call, as in `tool_calls` of the reply.',
      examples: ['call_1'],
    }),
    tool_name: Type.String({ description: 'Name of the tool.', examples: ['open_door'] }),
    type: described(
      waitingType,
      '`tool_results`: the client must run the tool. `approval`: a person must approve or deny the call. `input`: a person must answer questions.',
    ),
    expires_at: described(
      Timestamp,
      'Time at which the call ends with the status `timeout` and the turn continues.',
    ),
  },
  { description: 'A tool call without an outcome.' },
)

export const WaitingFor = Type.Object(
  {
    type: described(
      waitingType,
      '`tool_results` if one of `calls` waits for the client, otherwise `input` if one waits for answers, otherwise `approval`.',
    ),
    tool_call_ids: Type.Array(Type.String(), {
      description: 'Ids of the tool calls in `calls`, in the same order.',
    }),
    since: described(Timestamp, 'Time at which the turn began to wait.'),
    calls: Type.Array(WaitingCall, { description: 'Tool calls that have no outcome yet.' }),
  },
  {
    title: 'WaitingFor',
    description:
      'External input that a turn waits for. The wait survives restarts and uses no process, connection or timer.',
    examples: [
      {
        type: 'tool_results',
        tool_call_ids: ['call_1'],
        since: '2026-11-25T09:30:00.000Z',
        calls: [
          {
            tool_call_id: 'call_1',
            tool_name: 'open_door',
            type: 'tool_results',
            expires_at: '2026-11-26T09:30:00.000Z',
          },
        ],
      },
    ],
  },
)
export type WaitingFor = Static<typeof WaitingFor>

/** A client's own name for a session. */
export const SessionKey = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: withoutControls,
  examples: ['chat-4711'],
})

export const LastTurn = Type.Object(
  {
    id: described(TurnId, 'Id of the turn.'),
    status: described(
      oneOf('completed', 'failed', 'cancelled'),
      'How the turn ended. `failed`: it can be retried.',
    ),
    error: nullable(Type.String(), 'Reason of the failure, in words. Null unless it failed.'),
    error_code: nullable(
      Type.String(),
      'Code of the failure, as in `turn.failed`. Null unless it failed.',
    ),
  },
  { title: 'LastTurn', description: 'The end of the latest turn of a session.' },
)
export type LastTurn = Static<typeof LastTurn>

export const ForkedFrom = Type.Object(
  {
    session_id: described(SessionId, 'Id of the source session, which may be deleted by now.'),
    sequence: Type.Integer({
      minimum: 1,
      description: '`sequence` of the last event that was copied.',
    }),
  },
  { title: 'ForkedFrom', description: 'Origin of a session that was created as a fork.' },
)
export type ForkedFrom = Static<typeof ForkedFrom>

const id = '01933b5a00007000800000000000'

export const Session = Type.Object(
  {
    id: described(SessionId, 'Id of the session, assigned at creation.'),
    organization_id: described(OrganizationId, 'Organization that owns the session.'),
    agent_id: described(AgentId, 'Agent that answers in the session. It never changes.'),
    harness_id: HarnessId,
    user: nullable(
      EndUserId,
      'End user of your product to whom the session belongs. It never changes, and a fork has the same. Null: none.',
    ),
    key: nullable(
      Type.String(),
      "Client's own name for the session, unique among the sessions of its agent and end user. Null if none was set, or if another session has taken it.",
    ),
    title: nullable(
      Type.String(),
      'Title set by a client, at most 255 characters. The server never generates one. Null if none was set.',
    ),
    tags: Type.Array(Type.String(), {
      description: 'Labels set by a client, used as a filter of lists. Empty by default.',
    }),
    model_id: nullable(
      ModelId,
      "Model of the session's turns, unless `controls.model_id` of a message overrides it. If none was given at creation, the agent's `default_model_id` of that moment. Null: at each turn the agent's `default_model_id`, otherwise the default model.",
    ),
    capabilities: Type.Array(CapabilityUse, {
      description:
        "Capabilities that the session adds to the agent's. A config for a capability of the agent is merged over the agent's config and can only narrow its limits.",
    }),
    tools: Type.Array(ClientTool, {
      description:
        "Client tools that the session adds to the agent's. A tool replaces the agent's tool of the same name.",
    }),
    ...sessionLimits,
    status,
    waiting_for: nullable(
      WaitingFor,
      'Tool results, approvals or answers that the running turn waits for. Null if it waits for none; `status` stays `active` meanwhile.',
    ),
    last_turn: nullable(
      LastTurn,
      'End of the latest turn. Null before the first end, and while a turn is queued, runs or waits.',
    ),
    preview: nullable(
      Type.String(),
      'First text part of the first message: at most 200 characters, then `…`. Null before that message, or if it has no text.',
    ),
    output_preview: nullable(
      Type.String(),
      'Text of the latest reply that has text: at most 200 characters, then `…`. Null before the first such reply.',
    ),
    usage: nullable(
      TokenUsage,
      'Tokens and cost of all model calls of the session so far. Null before the first call that reported tokens. A fork starts with the usage of the copied events.',
    ),
    forked_from: nullable(
      ForkedFrom,
      'Source session and last copied event, if the session is a fork. Null otherwise.',
    ),
    forked_from_session_id: nullable(SessionId, 'The same as `forked_from.session_id`, or null.'),
    forked_from_sequence: nullable(
      Type.Integer({ minimum: 1 }),
      'The same as `forked_from.sequence`, or null.',
    ),
    parent_session_id: nullable(
      SessionId,
      'Session whose agent created this one. Always null: agents do not create sessions.',
    ),
    system_prompt: nullable(
      Type.String(),
      'Text that comes before the system prompt of the agent. Null if none was given.',
    ),
    locale: nullable(
      Type.String(),
      'Language of the user, such as `uk-UA`. The prompt and the tools get it. Null if none was given.',
    ),
    hints: nullable(
      AnyObject,
      'Facts about the client, for tools. `controls.hints` of a message replace them key by key. Null if none were given.',
    ),
    features: Type.Array(Type.String(), {
      description: 'Parts of the session that a client can show. Always `file_system`.',
    }),
    is_pinned: Type.Optional(
      Type.Boolean({
        description: 'True if the caller has pinned the session. Absent in streams and exports.',
      }),
    ),
    superseded_by: nullable(
      SessionId,
      'Session that took the place of this one: its retake, or a fork that took its key. It may be deleted by now. Null otherwise.',
    ),
    legal_hold: Type.Boolean({
      description:
        'True while a legal hold prevents the deletion of the session by requests and by retention. Set by an administrator. Default: false.',
    }),
    started_at: nullable(Timestamp, 'Time at which the first turn began. Null until then.'),
    finished_at: nullable(
      Timestamp,
      'Time at which the latest turn ended, with any outcome. Null before that and while a turn runs.',
    ),
    created_at: described(Timestamp, 'Time at which the session was created.'),
    updated_at: described(
      Timestamp,
      'Time of the latest message, turn, file change or change of a property. Reading does not set it. Retention counts from it.',
    ),
  },
  {
    title: 'Session',
    description:
      'A durable conversation with one agent: an append-only log of events, of which this object is a summary. All properties are always present; `null` means no value.',
    examples: [
      {
        id: `session_${id}a001`,
        organization_id: 'org_00000000000000000000000000000001',
        agent_id: `agent_${id}0101`,
        harness_id: harnessId,
        user: 'customer-4711',
        key: 'report-48',
        title: 'Weekly report',
        tags: ['reports'],
        model_id: `model_${id}020a`,
        capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }],
        tools: [],
        max_iterations: null,
        parallel_tool_calls: null,
        network_access: null,
        status: 'idle',
        waiting_for: null,
        last_turn: {
          id: `turn_${id}c001`,
          status: 'completed',
          error: null,
          error_code: null,
        },
        preview: 'Summarize the sales of last week.',
        output_preview: 'Sales rose by 4 % to 18,200 orders.',
        usage: { input_tokens: 1_840, output_tokens: 212, cost_usd: 0.000_884 },
        forked_from: null,
        forked_from_session_id: null,
        forked_from_sequence: null,
        parent_session_id: null,
        system_prompt: null,
        locale: 'uk-UA',
        hints: null,
        features: ['file_system'],
        is_pinned: false,
        superseded_by: null,
        legal_hold: false,
        started_at: '2026-11-25T09:30:00.120Z',
        finished_at: '2026-11-25T09:30:04.871Z',
        created_at: '2026-11-25T09:29:58.002Z',
        updated_at: '2026-11-25T09:30:04.871Z',
      },
    ],
  },
)
export type Session = Static<typeof Session>
export const SessionPage = pageOf(Session, 'SessionPage')

const title = Type.String({ maxLength: 255 })
const tags = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

export const NewSession = Type.Object(
  {
    agent_id: optional(
      AgentId,
      'Agent that answers in the session. It must not be archived. Default: the agent of `agent_name`, or the general agent of the organization, which has no prompt and no tools of its own.',
    ),
    agent_name: optional(
      Type.String({ minLength: 1, maxLength: 255 }),
      'Name of the agent, instead of its id: the newest active agent with this name. Default: none.',
    ),
    harness_id: optional(
      Type.String({ maxLength: 255 }),
      'Id of the harness. There is one, which is the default.',
    ),
    harness_name: optional(
      Type.String({ maxLength: 64 }),
      'Name of the harness: `default`, `base` or `generic`, which all mean the only one.',
    ),
    user: optional(
      EndUserId,
      'End user of your product to whom the session belongs. A token of an end user always creates sessions of that user. Default: none.',
    ),
    system_prompt: optional(
      Type.String({ maxLength: 100_000 }),
      'Text before the system prompt of the agent: at most 100,000 characters. Default: none.',
    ),
    locale: optional(
      Type.String({ maxLength: 35, pattern: '^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$' }),
      'Language of the user, as in BCP 47: `uk-UA`. Default: none.',
    ),
    hints: optional(
      AnyObject,
      'Facts about the client, for tools: an object of at most 16 KiB as JSON. Default: none.',
    ),
    key: optional(
      SessionKey,
      "Client's own name for the session: 1 to 200 printable characters. If the agent and the end user have a session with this key, that session is returned with 200 and all other fields are ignored. Default: none.",
    ),
    title: optional(title, 'Title for lists, at most 255 characters. Default: none.'),
    tags: optional(tags, 'Labels: at most 50, each of at most 100 characters. Default: none.'),
    model_id: optional(
      ModelId,
      "Model of the session's turns. It must be active. Default: the agent's `default_model_id` at this moment, or none.",
    ),
    capabilities: optional(
      CapabilityUses,
      "Capabilities to add to the agent's, at most 250, each `ref` once. A config can narrow limits of the agent, never widen them. Default: none.",
    ),
    tools: optional(
      ClientTools,
      "Client tools to add to the agent's, at most 128. A tool replaces the agent's tool of the same name, and must keep its `requires_approval`. Default: none.",
    ),
    initial_files: optional(
      InitialFiles,
      "Files of the session besides the agent's, which they replace at the same path: at most 100, with contents of at most 1,048,576 characters together. Default: none.",
    ),
    ...givenLimits("It can narrow the agent's, never widen it. Default: the agent's."),
    messages: optional(
      Type.Array(SeedMessage, { maxItems: 200 }),
      'Earlier messages of the conversation: at most 200, and 1 MiB. They are stored and start no turn. Each tool call needs its result in the next message. Default: none.',
    ),
  },
  {
    title: 'CreateSessionRequest',
    description:
      'Optional agent and settings of a new session. Every session has an agent: without a name or an id it is the general one.',
    examples: [{ agent_id: `agent_${id}0101`, title: 'Weekly report', tags: ['reports'] }],
  },
)
export type NewSession = Static<typeof NewSession>

export const SessionChange = Type.Object(
  {
    title: optional(title, 'New title, at most 255 characters. Absent or null: unchanged.'),
    tags: optional(
      tags,
      'New list of labels, which replaces the whole list: at most 50, each of at most 100 characters. Absent or null: unchanged.',
    ),
    legal_hold: optional(
      Type.Boolean(),
      'True places a legal hold, false releases it. Requires admin access. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateSessionRequest',
    description: 'Properties of a session to change. An absent or `null` property is unchanged.',
    examples: [{ title: 'Weekly report, final', tags: ['reports', 'final'] }],
  },
)
export type SessionChange = Static<typeof SessionChange>

export const NewFork = Type.Object(
  {
    at_sequence: optional(
      Type.Integer({ minimum: 1, maximum: integerMax }),
      '`sequence` of the last event to copy. Not together with `event_id`. Default: all events.',
    ),
    event_id: optional(
      EventId,
      'Id of the last event to copy. Not together with `at_sequence`. Default: all events.',
    ),
    take_key: optional(
      Type.Boolean(),
      'True moves the key of the source to the fork. The source then has none, and names the fork in `superseded_by`. Default: false.',
    ),
    title: optional(title, "Title of the fork, at most 255 characters. Default: the source's."),
    tags: optional(
      tags,
      "Labels of the fork: at most 50, each of at most 100 characters. Default: the source's.",
    ),
    model_id: optional(ModelId, "Model of the fork's turns. Default: the source's."),
  },
  {
    title: 'ForkSessionRequest',
    description: 'Where to cut the copy, and properties that differ from the source.',
    examples: [{ at_sequence: 17, title: 'Weekly report, another way' }],
  },
)
export type NewFork = Static<typeof NewFork>

export const ExportSessionQuery = Type.Object({
  files: Type.Optional(
    Type.Unsafe<'content'>({
      type: 'string',
      enum: ['content'],
      description: '`content` includes the content of files. Default: metadata of files only.',
    }),
  ),
})
export type ExportSessionQuery = Static<typeof ExportSessionQuery>

export const SessionQuery = Type.Object({
  ...pageParameters,
  agent_id: Type.Optional(described(AgentId, 'Only sessions of this agent.')),
  user: endUserFilter('sessions'),
  key: Type.Optional(
    described(SessionKey, 'Only sessions with this key. The whole key must match, case included.'),
  ),
  status: Type.Optional(described(SessionStatus, 'Only sessions with this status.')),
  outcome: Type.Optional(
    Type.Unsafe<'failed'>({
      type: 'string',
      enum: ['failed'],
      description: '`failed`: only idle sessions whose latest turn failed.',
    }),
  ),
  waiting: Type.Optional(
    Type.Boolean({
      description:
        'True: only sessions that wait for tool results, approvals or other input. False: only others.',
    }),
  ),
  tag: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Only sessions with this tag. The whole tag must match, case included.',
    }),
  ),
  pinned: Type.Optional(
    Type.Boolean({
      description: 'True: only sessions that the caller has pinned. False: only others.',
    }),
  ),
  legal_hold: Type.Optional(
    Type.Boolean({ description: 'True: only sessions under a legal hold. False: only others.' }),
  ),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Only sessions whose title or preview contains this text, in any case.',
    }),
  ),
})
export type SessionQuery = Static<typeof SessionQuery>
