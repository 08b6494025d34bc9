import { type Static, Type } from 'typebox'
import { TurnSettings } from '../agents/capability.ts'
import { AgentId, MessageId, SessionId, Timestamp, TurnId } from '../core/id.ts'
import { count, described, nullable, oneOf, pageOf, pageParameters } from '../core/shape.ts'
import { budgetIdOf } from '../events/budget-events.ts'
import { OmittedImage } from '../events/event-parts.ts'

export const WorkflowStatus = oneOf('queued', 'running', 'waiting', 'failed')
export type WorkflowStatus = Static<typeof WorkflowStatus>

const errorCode = Type.String({ examples: ['llm_rate_limited'] })

const workflow = {
  turn_id: described(TurnId, 'Id of the turn.'),
  session_id: described(SessionId, 'Session of the turn.'),
  agent_id: described(AgentId, 'Agent of the session.'),
  input_message_id: described(MessageId, 'Message that the turn answers.'),
  status: described(
    WorkflowStatus,
    '`queued`: waits for a slot of a node. `running`: a node runs it. `waiting`: waits for tool results, an approval, answers or a budget. `failed`: ended with `turn.failed`.',
  ),
  since: described(
    Timestamp,
    'Time at which it entered the queue or a node, began to wait, or failed.',
  ),
  node: nullable(
    Type.String({ examples: ['node_3ac7a5e332459a28'] }),
    'Node that runs it, or for a failed turn the last one. Null while it is queued or waits.',
  ),
  attempts: count('Number of times that a node took the turn.'),
  tries: count(
    'Number of these attempts since its log last gained an outcome, without those of nodes that were only slow or paused. After three the turn fails with `turn_crashed`.',
  ),
  cancelled: Type.Boolean({
    description: 'True if the turn was cancelled and its work has not ended yet.',
  }),
  error: nullable(Type.String(), 'Reason of a failed turn as a sentence. Null otherwise.'),
  error_code: nullable(errorCode, 'Code of that failure, as in `turn.failed`. Null otherwise.'),
  retried_as: nullable(TurnId, 'Turn that retries this failed turn. Null if none does.'),
}

const description =
  'A turn that has not ended, or that failed. Every property is present; null means no value.'

const example = {
  turn_id: 'turn_01933b5a00007000800000000000c001',
  session_id: 'session_01933b5a00007000800000000000a001',
  agent_id: 'agent_01933b5a000070008000000000000101',
  input_message_id: 'message_01933b5a00007000800000000000b001',
  status: 'running' as const,
  since: '2026-11-25T09:30:00.120Z',
  node: 'node_3ac7a5e332459a28',
  attempts: 1,
  tries: 1,
  cancelled: false,
  error: null,
  error_code: null,
  retried_as: null,
}

export const Workflow = Type.Object(workflow, {
  title: 'Workflow',
  description,
  examples: [example],
})
export type Workflow = Static<typeof Workflow>
export const WorkflowPage = pageOf(Workflow, 'WorkflowPage')

export const WorkflowQuery = Type.Object({
  ...pageParameters,
  status: Type.Optional(described(WorkflowStatus, 'Only turns with this status.')),
  session_id: Type.Optional(described(SessionId, 'Only turns of this session.')),
  agent_id: Type.Optional(described(AgentId, 'Only turns of sessions with this agent.')),
  node: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Only turns that this node runs or ran last.',
      examples: ['node_3ac7a5e332459a28'],
    }),
  ),
})
export type WorkflowQuery = Static<typeof WorkflowQuery>

/** States of a session that `why` explains. */
const sessionStates = [
  'idle',
  'failed',
  'queued',
  'starting',
  'calls_model',
  'waits_for_retry',
  'compacts',
  'runs_tools',
  'between_steps',
  'waits_for_client',
  'waits_for_approval',
  'waits_for_budget',
  'waits_for_input',
  'waits_for_database',
  'node_gone',
  'cancelling',
] as const
export const SessionState = oneOf(...sessionStates)
export type SessionState = Static<typeof SessionState>

const states = [
  '`idle`: waits for a message.',
  '`failed`: idle after a failed turn.',
  '`queued`: waits for a slot of a node.',
  '`starting`: begins its turn.',
  '`calls_model`: waits for a reply.',
  '`waits_for_retry`: waits before it repeats a model call, or for the circuit breaker.',
  '`compacts`: summarizes a conversation that is too long.',
  '`runs_tools`: runs tools.',
  '`between_steps`: is between two of these, for milliseconds.',
  '`waits_for_client`: waits for results of client tools.',
  '`waits_for_approval`: waits for approvals.',
  '`waits_for_budget`: waits until a budget has more, see `budget_id`.',
  '`waits_for_input`: waits for answers of a person.',
  '`waits_for_database`: its node, or every node, has not renewed its lease for a second.',
  '`node_gone`: its node died, and another one takes the turn over.',
  '`cancelling`: was cancelled, and its work comes to an end.',
].join(' ')

export const Why = Type.Object(
  {
    session_id: described(SessionId, 'Id of the session.'),
    turn_id: nullable(TurnId, 'Turn that is open, or that failed. Null otherwise.'),
    state: described(SessionState, states),
    sentence: Type.String({ description: 'The same as a sentence for people.' }),
    since: described(Timestamp, 'Time at which the state began.'),
    node: nullable(
      Type.String({ examples: ['node_3ac7a5e332459a28'] }),
      'Node that runs the turn, or on which it failed. Null without one, and for session tokens.',
    ),
    model: nullable(
      Type.String({ examples: ['gpt-5-mini'] }),
      "The provider's own name of the model that is called. Null outside of model calls.",
    ),
    attempt: nullable(
      count(),
      'Number of calls of the model for this reply, the current one included. Null outside of model calls.',
    ),
    tools: Type.Array(Type.String(), {
      description: 'Names of tools that run or that the turn waits for. Empty otherwise.',
    }),
    missing_capabilities: Type.Array(Type.String(), {
      description:
        'Ids of capabilities that nodes lack. While `queued`, the turn waits for a node that has them; afterwards it runs without them. Empty for session tokens.',
    }),
    omitted_images: Type.Array(OmittedImage, {
      description:
        'Images that the latest finished model call of the session received as text, newest first, at most 20. Empty otherwise.',
    }),
    until: nullable(
      Timestamp,
      'Time at which the turn continues without an answer or a missing capability, or retries. Null if there is none.',
    ),
    ahead: nullable(
      count(),
      'Number of turns before it in the queue of all organizations, at most 10,000. Null unless queued.',
    ),
    error: nullable(Type.String(), 'Reason of a failed turn as a sentence. Null otherwise.'),
    error_code: nullable(
      errorCode,
      'Code of that failure, or of the failed call that is retried. Null otherwise.',
    ),
    budget_id: nullable(
      budgetIdOf('Id of a budget.'),
      'Budget that the turn waits for. Null otherwise.',
    ),
    turn_settings: nullable(
      TurnSettings,
      'What the message of the open turn adds to that turn. Null if it adds nothing, without an open turn, and for session tokens.',
    ),
  },
  {
    title: 'Why',
    description:
      'Explanation of the state of a session, computed at the time of the request. Every property is present; null means no value.',
    examples: [
      {
        session_id: 'session_01933b5a00007000800000000000a001',
        turn_id: 'turn_01933b5a00007000800000000000c001',
        state: 'calls_model',
        sentence:
          'It calls the model gpt-5-mini (attempt 2), since 2026-11-25T10:41:18.872Z on node_3ac7a5e332459a28.',
        since: '2026-11-25T10:41:18.872Z',
        node: 'node_3ac7a5e332459a28',
        model: 'gpt-5-mini',
        attempt: 2,
        tools: [],
        missing_capabilities: [],
        omitted_images: [],
        until: null,
        ahead: null,
        error: null,
        error_code: null,
        budget_id: null,
        turn_settings: null,
      },
    ],
  },
)
export type Why = Static<typeof Why>

export const WorkflowDetail = Type.Object(
  { ...workflow, why: described(Why, 'Explanation of its state.') },
  { title: 'WorkflowDetail', description: `${description} With an explanation of its state.` },
)
export type WorkflowDetail = Static<typeof WorkflowDetail>
