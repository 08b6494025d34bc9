/** The execution API of a channel: what callers outside of the organization send and receive. */
import { type Static, Type } from 'typebox'
import { EventId, SessionId, Timestamp } from '../core/id.ts'
import { described, integerMax, oneOf, optional } from '../core/shape.ts'
import { Event } from '../events/event.ts'
import { Question } from '../messages/question.ts'

export const AgentCard = Type.Object(
  {
    name: Type.String({ description: 'Name of the agent.', examples: ['Support'] }),
    description: Type.Optional(
      Type.String({ description: 'Description of the agent. Absent without one.' }),
    ),
    streaming: Type.Boolean({ description: 'True: replies are streamed.' }),
    input: Type.Object(
      {
        text: Type.Boolean({ description: 'True if messages may have text.' }),
        images: Type.Boolean({ description: 'True if messages may have images.' }),
        files: Type.Boolean({ description: 'True if messages may have files.' }),
      },
      { description: 'Content that messages may have.' },
    ),
    auth: Type.Array(
      Type.Object({
        type: described(
          oneOf('agent_key', 'runtime_token', 'oidc', 'o_auth2'),
          '`agent_key`: a key of the channel. `runtime_token`: a token of `runtime-auth`. `oidc`: a signed token of `issuer`. `o_auth2`: an access token of the authorization server of the channel.',
        ),
        issuer: Type.Optional(
          Type.String({
            description: 'For `oidc`: the issuer of the tokens.',
            examples: ['https://login.example.com'],
          }),
        ),
      }),
      { description: 'Credentials that the channel accepts.' },
    ),
    links: Type.Object(
      {
        sessions: Type.String({
          description: 'Path of the sessions of the caller.',
          examples: ['/v1/channels/appchan_01933b5a000070008000000000000001/sessions'],
        }),
      },
      { description: 'Paths on this server.' },
    ),
  },
  { title: 'AgentCard', description: 'The agent of a channel, for its callers.' },
)
export type AgentCard = Static<typeof AgentCard>

export const PendingApproval = Type.Object(
  {
    tool_call_id: Type.String({ description: 'Id of the tool call.', examples: ['call_1'] }),
    answerable: Type.Boolean({ description: 'True if the caller of the channel decides.' }),
    tool_name: Type.Optional(
      Type.String({ description: 'Name of the tool. Only if the caller decides.' }),
    ),
    arguments: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Arguments of the call. Only if the caller decides.',
      }),
    ),
    expires_at: Type.Optional(described(Timestamp, 'Time at which the call ends without running.')),
  },
  { title: 'PendingApproval', description: 'A tool call that waits for an approval.' },
)
export type PendingApproval = Static<typeof PendingApproval>

export const PendingQuestions = Type.Object(
  {
    tool_call_id: Type.String({ description: 'Id of the call that asks.', examples: ['call_1'] }),
    questions: Type.Array(Question, { description: 'The questions, 1 to 4, in order.' }),
    expires_at: Type.Optional(
      described(Timestamp, 'Time at which the turn continues without answers.'),
    ),
  },
  { title: 'PendingQuestions', description: 'Questions that wait for the caller.' },
)
export type PendingQuestions = Static<typeof PendingQuestions>

export const AgentSession = Type.Object(
  {
    id: described(SessionId, 'Id of the session.'),
    title: Type.Optional(
      Type.String({ description: 'Title that the caller gave. Absent without.' }),
    ),
    status: described(
      oneOf('started', 'active', 'idle'),
      '`started`: no turn has run. `active`: a turn runs or waits. `idle`: the latest turn has ended.',
    ),
    last_turn_status: Type.Optional(
      described(
        oneOf('completed', 'failed', 'cancelled'),
        'How the latest turn ended. Absent before the end of the first one.',
      ),
    ),
    pending_questions: Type.Optional(
      Type.Array(PendingQuestions, {
        description: 'Questions that wait for the caller. Only for one session, if there are any.',
      }),
    ),
    pending_approvals: Type.Optional(
      Type.Array(PendingApproval, {
        description:
          'Tool calls that wait for an approval. Only for one session, if there are any.',
      }),
    ),
    created_at: described(Timestamp, 'Time at which the session was created.'),
    updated_at: described(Timestamp, 'Time of the latest activity.'),
  },
  {
    title: 'AgentSession',
    description: 'A conversation of the caller with the agent, without the settings of the agent.',
    examples: [
      {
        id: 'session_01933b5a00007000800000000000a001',
        title: 'Order 42',
        status: 'idle',
        last_turn_status: 'completed',
        created_at: '2026-11-27T09:30:00.000Z',
        updated_at: '2026-11-27T09:30:04.871Z',
      },
    ],
  },
)
export type AgentSession = Static<typeof AgentSession>

export const AgentSessionPage = Type.Object(
  {
    data: Type.Array(AgentSession, { description: 'Sessions, latest activity first.' }),
    next_page_token: Type.Optional(
      Type.String({ description: '`page_token` of the next page. Absent on the last one.' }),
    ),
  },
  { title: 'AgentSessionPage', description: 'Sessions of the caller.' },
)
export type AgentSessionPage = Static<typeof AgentSessionPage>

export const AgentSessionQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 200,
      description: 'Maximum number of sessions, from 1 to 200. Default: 50.',
    }),
  ),
  page_token: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: '`next_page_token` of the previous page.',
    }),
  ),
})
export type AgentSessionQuery = Static<typeof AgentSessionQuery>

export const NewAgentSession = Type.Object(
  {
    title: optional(
      Type.String({ maxLength: 200 }),
      'Title of the session, at most 200 characters. Default: none.',
    ),
  },
  {
    title: 'CreateAgentSessionRequest',
    description: 'A new session of the caller. Unknown properties are refused.',
    additionalProperties: false,
    examples: [{ title: 'Order 42' }],
  },
)
export type NewAgentSession = Static<typeof NewAgentSession>

export const NewAgentMessage = Type.Object(
  {
    message: Type.Object(
      {
        role: Type.Optional(described(oneOf('user'), 'Always `user`. Default: `user`.')),
        content: Type.Array(
          Type.Object({
            type: described(oneOf('text'), 'Always `text`.'),
            text: Type.String({ minLength: 1, description: 'The text, as UTF-8.' }),
          }),
          { minItems: 1, maxItems: 100, description: 'Text parts, 1 to 100.' },
        ),
      },
      { description: 'The message of the caller.' },
    ),
  },
  {
    title: 'AgentSendMessageRequest',
    description: 'A message of the caller. Properties other than `message` are ignored.',
    examples: [{ message: { role: 'user', content: [{ type: 'text', text: 'Where is it?' }] } }],
  },
)
export type NewAgentMessage = Static<typeof NewAgentMessage>

const after = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: integerMax,
    description: 'Only events after this `sequence`. 0: all events. Default: 0.',
  }),
)

export const AgentEventQuery = Type.Object({
  after_sequence: after,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 500,
      description: 'Maximum number of events, from 1 to 500. Default: 100.',
    }),
  ),
})
export type AgentEventQuery = Static<typeof AgentEventQuery>

export const AgentStreamQuery = Type.Object({
  since_id: Type.Optional(described(EventId, 'Id of the last received event.')),
  after_sequence: after,
})
export type AgentStreamQuery = Static<typeof AgentStreamQuery>

export const AgentEventList = Type.Object(
  {
    data: Type.Array(Event, {
      description:
        'Events that the channel shows, oldest first. Hidden events leave gaps in `sequence`.',
    }),
  },
  { title: 'AgentEventList', description: 'Events of a session of the caller.' },
)

export const RuntimeToken = Type.Object(
  {
    access_token: Type.String({
      description: 'Token for `Authorization: Bearer`, a JWT.',
      examples: ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZ2VudGtleSJ9.c2lnbmF0dXJl'],
    }),
    token_type: Type.Literal('Bearer', { description: 'Always `Bearer`.' }),
    expires_in: Type.Integer({ description: 'Lifetime in seconds.', examples: [900] }),
  },
  {
    title: 'RuntimeToken',
    description: 'A short-lived token of one end user, for a browser or an app.',
  },
)
export type RuntimeToken = Static<typeof RuntimeToken>
