import { type Static, Type } from 'typebox'
import { EndUserId } from '../access/end-user.ts'
import { sessionLimits } from '../agents/agent-settings.ts'
import { CapabilityUse, ClientTool } from '../agents/capability.ts'
import {
  AgentId,
  HarnessId,
  harnessId,
  ModelId,
  OrganizationId,
  SessionId,
  Timestamp,
  TurnId,
} from '../core/id.ts'
import { AnyObject, described, nullable, oneOf, pageOf, withoutControls } from '../core/shape.ts'
import { TokenUsage } from '../core/usage.ts'
import { budgetWait } from '../events/budget-events.ts'
import { SessionMatch } from './session-match.ts'

export const SessionStatus = oneOf('started', 'active', 'idle')
export type SessionStatus = Static<typeof SessionStatus>

const status = described(
  SessionStatus,
  '`started`: created, no turn has run. `active`: a turn is queued, runs or waits for a client. `idle`: the latest turn has ended.',
)

const callWaits = ['tool_results', 'approval', 'input'] as const

const WaitingCall = Type.Object(
  {
    tool_call_id: Type.String({
      description: 'Id of the tool call, as in `tool_calls` of the reply.',
      examples: ['call_1'],
    }),
    tool_name: Type.String({ description: 'Name of the tool.', examples: ['open_door'] }),
    type: described(
      oneOf(...callWaits),
      '`tool_results`: the client must run the tool. `approval`: a person must approve or deny the call. `input`: a person must answer questions.',
    ),
    expires_at: described(
      Timestamp,
      'Time at which the call ends with the status `timeout` and the turn continues.',
    ),
    sequence: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Sequence of the event that asked. Absent for waits of older servers.',
        examples: [9],
      }),
    ),
  },
  { description: 'A tool call without an outcome.' },
)

export const WaitingFor = Type.Object(
  {
    type: described(
      oneOf(...callWaits, 'budget'),
      '`budget` if a model call does not fit into a budget. Else `tool_results` if one of `calls` waits for the client, otherwise `input` if one waits for answers, otherwise `approval`.',
    ),
    tool_call_ids: Type.Array(Type.String(), {
      description: 'Ids of the tool calls in `calls`, in the same order.',
    }),
    since: described(Timestamp, 'Time at which the turn began to wait.'),
    calls: Type.Array(WaitingCall, { description: 'Tool calls that have no outcome yet.' }),
    ...budgetWait,
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
            sequence: 9,
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
    match: Type.Optional(
      described(
        SessionMatch,
        'Where the session matches `q`. Only in lists with `q`, and absent if only the title matches.',
      ),
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
