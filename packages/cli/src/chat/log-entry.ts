import {
  type Event,
  type EventDataOf,
  type EventType,
  type Question,
  type QuestionOutcome,
  textOf,
} from '@outlast/sdk'
import { textIn } from './tell.ts'

/** One entry of a transcript, as `outlast sessions log --json` prints it. */
export type LogEntry = { at: string; sequence: number | undefined } & (
  | { kind: 'user' | 'agent'; text: string; thinking?: string }
  | { kind: 'tool_call'; id: string; name: string; arguments: unknown; is_for_client: boolean }
  | ({ kind: 'tool_result' } & EventDataOf<'tool.completed'>)
  | { kind: 'approval_requested'; id: string; name: string; arguments: unknown }
  | {
      kind: 'approval_resolved'
      id: string
      name: string
      decision: string
      by: string
      reason: string
    }
  | { kind: 'questions_asked'; id: string; name: string; questions: Question[] }
  | {
      kind: 'questions_resolved'
      id: string
      name: string
      status: string
      answers: QuestionOutcome['answers']
    }
  | { kind: 'error'; text: string; code: string }
  | { kind: 'cancelled'; reason: string }
  | { kind: 'notice'; text: string }
)

type Content<T> = T extends unknown ? Omit<T, 'at' | 'sequence'> : never
type Read<T extends EventType> = (data: EventDataOf<T>) => Content<LogEntry>[]

const notice = (text: string): Content<LogEntry>[] => [{ kind: 'notice', text }]

/** Transcript entries of each event type. */
const readers: { [T in EventType]: Read<T> | 'ignored' } = {
  'input.message': ({ message }) => {
    if (message.role === 'tool_result') return []
    const kind = message.role === 'agent' ? 'agent' : 'user'
    return [{ kind, text: textIn(message.content) }]
  },
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': ({ name, error }) => notice(`MCP server ${name} is unavailable: ${error}`),
  'capability.unavailable': ({ error }) => notice(error),
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': ({ input_tokens_before, input_tokens_after }) =>
    notice(`summarized the conversation: ${input_tokens_before} to ${input_tokens_after} tokens`),
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': ({ message }) => {
    const text = textOf(message)
    const { thinking } = message
    if (text === '' && !thinking) return []
    return [{ kind: 'agent', text, ...(thinking && { thinking }) }]
  },
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': ({ tool_call: { id, name, arguments: args } }) => [
    { kind: 'approval_requested', id, name, arguments: args },
  ],
  'tool.approval_resolved': ({
    tool_call_id: id,
    tool_name: name,
    decision,
    decided_by,
    reason,
  }) => [
    {
      kind: 'approval_resolved',
      id,
      name,
      decision,
      by: decided_by?.name ?? '',
      reason: reason ?? '',
    },
  ],
  'tool.call_requested': ({ tool_calls, input }) =>
    tool_calls.map(({ id, name, arguments: args }) =>
      input
        ? { kind: 'questions_asked', id, name, questions: input.questions }
        : { kind: 'tool_call', id, name, arguments: args, is_for_client: true },
    ),
  'tool.input_resolved': ({ tool_call_id: id, tool_name: name, status, answers }) => [
    { kind: 'questions_resolved', id, name, status, answers },
  ],
  'tool.started': ({ tool_call: { id, name, arguments: args } }) => [
    { kind: 'tool_call', id, name, arguments: args, is_for_client: false },
  ],
  'tool.completed': (data) => [{ kind: 'tool_result', ...data }],
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': ({ changes }) =>
    notice(`files: ${changes.map(({ change, path }) => `${change} ${path}`).join(', ')}`),
  'budget.warning': ({ message = '' }) => notice(message),
  'budget.exhausted': ({ message = '' }) => notice(message),
  'budget.paused': ({ message = '' }) => notice(message),
  'budget.resumed': 'ignored',
  'turn.completed': 'ignored',
  'turn.failed': ({ error, error_code }) => [
    { kind: 'error', text: error, code: error_code ?? '' },
  ],
  'turn.cancelled': ({ reason }) => [{ kind: 'cancelled', reason: reason ?? '' }],
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}

/** Event types that a transcript needs. */
export const logTypes = (Object.keys(readers) as EventType[]).filter(
  (type) => readers[type] !== 'ignored',
)

/** Reads the transcript entries of an event. An event of a newer server has none. */
export function entriesOf(event: Event): LogEntry[] {
  const read = readers[event.type] as Read<EventType> | 'ignored' | undefined
  if (typeof read !== 'function') return []
  const { ts: at, sequence } = event
  return read(event.data).map((content) => ({ at, sequence, ...content }))
}
