import { type Static, Type } from 'typebox'
import { AgentId, MessageId, SessionId, Timestamp, TurnId } from './id.ts'
import { count, nullable, oneOf, PageQuery, pageOf } from './shape.ts'

export const WorkflowStatus = oneOf('queued', 'running', 'waiting', 'failed')
export type WorkflowStatus = Static<typeof WorkflowStatus>

/** A turn that is open, or failed for good. Every field is present; `null` without a value. */
const workflow = {
  turn_id: TurnId,
  session_id: SessionId,
  agent_id: AgentId,
  input_message_id: MessageId,
  status: WorkflowStatus,
  since: {
    ...Timestamp,
    description: 'When it came to the queue or a node, parked, or failed.',
  } as typeof Timestamp,
  node: nullable(Type.String({ description: 'The node that runs it, or ran it last.' })),
  attempts: count({ description: 'How often a node took it.' }),
  tries: count({ description: 'Those since its log last gained an outcome: at most three.' }),
  cancelled: Type.Boolean(),
  error: nullable(Type.String()),
  error_code: nullable(Type.String()),
  retried_as: nullable(TurnId),
}

export const Workflow = Type.Object(workflow, { title: 'Workflow' })
export type Workflow = Static<typeof Workflow>
export const WorkflowPage = pageOf(Workflow, 'WorkflowPage')

export const WorkflowQuery = Type.Object({
  ...PageQuery.properties,
  status: Type.Optional(WorkflowStatus),
  session_id: Type.Optional(SessionId),
  agent_id: Type.Optional(AgentId),
  node: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
})
export type WorkflowQuery = Static<typeof WorkflowQuery>

/** What a session can be doing, or waiting for. */
export const sessionStates = [
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
  'waits_for_database',
  'node_gone',
  'cancelling',
] as const
export const SessionState = oneOf(...sessionStates)
export type SessionState = Static<typeof SessionState>

/** Why a session is as it is: a sentence and fields. Each is present; `null` without a value. */
export const Why = Type.Object(
  {
    session_id: SessionId,
    turn_id: nullable(TurnId),
    state: SessionState,
    sentence: Type.String(),
    since: Timestamp,
    node: nullable(Type.String({ description: 'Session tokens are not told.' })),
    model: nullable(Type.String()),
    attempt: nullable(count({ description: 'How often the model was asked for this reply.' })),
    tools: Type.Array(Type.String(), { description: 'What runs, or is waited for.' }),
    until: nullable({
      ...Timestamp,
      description: 'When it goes on by itself.',
    } as typeof Timestamp),
    ahead: nullable(count({ description: 'Turns before it in the queue, 10000 at most.' })),
    error: nullable(Type.String()),
    error_code: nullable(Type.String()),
  },
  { title: 'Why' },
)
export type Why = Static<typeof Why>

export const WorkflowDetail = Type.Object({ ...workflow, why: Why }, { title: 'WorkflowDetail' })
export type WorkflowDetail = Static<typeof WorkflowDetail>
