import { type Static, Type } from 'typebox'
import { EndUserId } from '../access/end-user.ts'
import { AgentId, McpServerId, SessionId, Timestamp } from '../core/id.ts'
import {
  AnyObject,
  count,
  described,
  nullable,
  oneOf,
  pageOf,
  pageParameters,
} from '../core/shape.ts'
import { QuestionSet } from './question.ts'

/** Kinds of input that only a person can give. */
export const waitingTypes = ['approval', 'input', 'budget', 'sign_in'] as const

export const WaitingType = oneOf(...waitingTypes)
export type WaitingType = Static<typeof WaitingType>

const typeText =
  '`approval`: approve or deny a tool call. `input`: answer questions. `budget`: add money to a budget or wait for its next period. `sign_in`: an MCP server rejects its key or headers.'

const ofCall = 'Null unless a tool call waits.'

export const WaitingItem = Type.Object(
  {
    id: Type.String({
      description: 'Identifies the entry while it waits.',
      examples: ['session_01933b5a00007000800000000000a001:call_1'],
    }),
    type: described(WaitingType, typeText),
    since: described(Timestamp, 'Time at which the wait began.'),
    expires_at: nullable(
      Timestamp,
      'Time at which the turn continues without an answer. Null if it waits without limit.',
    ),
    summary: Type.String({
      description: 'What is needed, on one line: at most 240 characters.',
      examples: ['write_file {"path":"/report.md"}'],
    }),
    session_id: nullable(SessionId, 'Session that waits. Null for `sign_in`.'),
    session_title: nullable(
      Type.String(),
      'Title of the session, otherwise the beginning of its first message. Null if it has neither.',
    ),
    agent_id: nullable(AgentId, 'Agent of the session. Null for `sign_in`.'),
    agent_name: nullable(Type.String(), 'Name of the agent. Null for `sign_in`.'),
    user: nullable(EndUserId, 'End user of your product to whom the session belongs. Null: none.'),
    tool_call_id: nullable(Type.String({ examples: ['call_1'] }), `Id of the tool call. ${ofCall}`),
    tool_name: nullable(
      Type.String({ examples: ['write_file'] }),
      `Name of the called tool. ${ofCall}`,
    ),
    arguments: nullable(
      AnyObject,
      'Arguments of the call that needs approval. Null for other types, if they have more than 16 KiB, and for tokens that do not see them.',
    ),
    questions: nullable(QuestionSet, 'Questions to answer. Null unless `type` is `input`.'),
    budget_id: nullable(
      Type.String({ examples: ['bdgt_01933b5a000070008000000000000001'] }),
      'Budget that is used up. Null unless `type` is `budget`.',
    ),
    mcp_server_id: nullable(McpServerId, 'The MCP server. Null unless `type` is `sign_in`.'),
  },
  {
    title: 'WaitingItem',
    description:
      'Something that waits for a person. Every property is present; null means no value.',
    examples: [
      {
        id: 'session_01933b5a00007000800000000000a001:call_1',
        type: 'approval',
        since: '2026-11-25T09:30:00.000Z',
        expires_at: '2026-12-02T09:30:00.000Z',
        summary: 'write_file {"path":"/report.md"}',
        session_id: 'session_01933b5a00007000800000000000a001',
        session_title: 'Write the report',
        agent_id: 'agent_01933b5a000070008000000000000101',
        agent_name: 'Clerk',
        user: null,
        tool_call_id: 'call_1',
        tool_name: 'write_file',
        arguments: { path: '/report.md' },
        questions: null,
        budget_id: null,
        mcp_server_id: null,
      },
    ],
  },
)
export type WaitingItem = Static<typeof WaitingItem>

export const WaitingCounts = Type.Object(
  {
    approval: count('Tool calls that need approval.'),
    input: count('Tool calls that ask questions.'),
    budget: count('Turns that wait for a budget.'),
    sign_in: count('MCP servers that reject their key or headers.'),
  },
  {
    title: 'WaitingCounts',
    description:
      'Entries by type, for the agent and the session of the query. Counting stops after 200.',
  },
)
export type WaitingCounts = Static<typeof WaitingCounts>

const { properties: page } = pageOf(WaitingItem, 'WaitingPage')

export const WaitingPage = Type.Object(
  { ...page, counts: WaitingCounts },
  {
    title: 'WaitingPage',
    description: 'One page of what waits for a person, the longest wait first.',
  },
)
export type WaitingPage = Static<typeof WaitingPage>

export const WaitingQuery = Type.Object({
  type: Type.Optional(described(WaitingType, `Only entries of this type. ${typeText}`)),
  agent_id: Type.Optional(described(AgentId, 'Only entries of this agent.')),
  session_id: Type.Optional(described(SessionId, 'Only entries of this session.')),
  ...pageParameters,
})
export type WaitingQuery = Static<typeof WaitingQuery>
