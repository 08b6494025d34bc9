import { type Event, type EventDataOf, type EventType, textOf } from '@outlast/sdk'
import { cut, oneLine, pad } from './width.ts'

type About<T extends EventType> = (data: EventDataOf<T>) => unknown

/** Main detail of each event type. */
const matters: { [T in EventType]: About<T> | 'ignored' } = {
  'input.message': ({ message, on_busy }) =>
    `${message.role}: ${textOf(message)}${on_busy ? ` (${on_busy})` : ''}`,
  'session.started': ({ agent_id }) => agent_id,
  'session.activated': ({ turn_id }) => turn_id,
  'turn.started': ({ turn_id }) => turn_id,
  'mcp.unavailable': ({ name, error }) => `${name}: ${error}`,
  'capability.unavailable': ({ error }) => error,
  'reason.started': ({ metadata }) => metadata?.model,
  'context.compacting': ({ input_tokens }) => `${input_tokens} tokens`,
  'context.compacted': (data) =>
    `${data.input_tokens_before} tokens became ${data.input_tokens_after}`,
  'output.message.started': ({ model, attempt = 1 }) =>
    `${model ?? ''}${attempt > 1 ? ` attempt ${attempt}` : ''}`,
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': ({ delta }) => delta,
  'reason.thinking.completed': ({ thinking }) => thinking,
  'output.message.delta': ({ delta }) => delta,
  'tool.input.delta': ({ name, delta }) => `${name} ${delta}`,
  'llm.generation': ({ metadata: { model, usage, error, duration_ms } }) =>
    [
      model,
      usage && `${usage.input_tokens} + ${usage.output_tokens} tokens`,
      duration_ms !== undefined && `${duration_ms} ms`,
      error,
    ]
      .filter(Boolean)
      .join(', '),
  'output.message.completed': ({ message }) => textOf(message),
  'reason.completed': ({ error, tool_call_count }) =>
    error ?? (tool_call_count > 0 ? `${tool_call_count} tool calls` : ''),
  'act.started': ({ tool_calls }) => tool_calls.map(({ name }) => name).join(', '),
  'tool.approval_requested': ({ tool_call, hook }) => callOf(tool_call) + decisionOf(hook),
  'tool.approval_resolved': ({ tool_name, decision, decided_by, reason }) =>
    [tool_name, decision, decided_by && `by ${decided_by.name}`, reason].filter(Boolean).join(' '),
  'tool.call_requested': ({ tool_calls, input }) =>
    input
      ? `${tool_calls[0]?.name}: ${input.questions.map(({ question }) => question).join(' ')}`
      : tool_calls.map(callOf).join(', '),
  'tool.input_resolved': ({ tool_name, status, decided_by }) =>
    [tool_name, status, decided_by && `by ${decided_by.name}`].filter(Boolean).join(' '),
  'tool.started': ({ tool_call, hook }) => callOf(tool_call) + decisionOf(hook),
  'tool.completed': ({ tool_name, status, duration_ms, error }) =>
    [tool_name, status, duration_ms !== undefined && `${duration_ms} ms`, error]
      .filter(Boolean)
      .join(' '),
  'tool.progress': ({ tool_name, progress, total, message }) =>
    `${tool_name} ${progress}${total ? ` of ${total}` : ''} ${message ?? ''}`,
  'act.completed': ({ success_count, error_count }) =>
    `${success_count} succeeded${error_count > 0 ? `, ${error_count} failed` : ''}`,
  'files.changed': ({ changes }) =>
    changes.map(({ change, path }) => `${change} ${path}`).join(', '),
  'budget.warning': ({ budget_id, message }) => `${budget_id}: ${message}`,
  'budget.exhausted': ({ budget_id, message }) => `${budget_id}: ${message}`,
  'budget.paused': ({ budget_id, message }) => `${budget_id}: ${message}`,
  'budget.resumed': ({ budget_id }) => budget_id,
  'turn.completed': ({ iterations }) =>
    `${iterations} model ${iterations === 1 ? 'call' : 'calls'}`,
  'turn.failed': ({ error, error_code }) => `${error_code ?? ''} ${error}`,
  'turn.cancelled': ({ reason }) => reason,
  'session.idled': 'ignored',
  'feedback.given': ({ rating, comment, given_by }) =>
    [rating ?? 'withdrawn', `by ${given_by.name}`, comment].filter(Boolean).join(' '),
}

/** What a hook decided, unless it let the call run. */
const decisionOf = (hook: EventDataOf<'tool.started'>['hook']) =>
  hook && hook.decision !== 'allowed' ? ` (hook: ${hook.decision.replace('_', ' ')})` : ''

const callOf = ({ name, arguments: args }: { name: string; arguments: unknown }) =>
  `${name} ${JSON.stringify(args)}`

const narrow = 60
/** Ids are never cut, so that they can be copied. */
const isId = (text: string) => /^[a-z]+_[0-9a-f]{32}$/.test(text)
const sequenceWidth = 5
const typeWidth = 24

/** Formats an event as a line. On a narrow terminal the detail is a second line. */
export function lineOf(event: Event, columns: number): string {
  const about = matters[event.type] as About<EventType> | 'ignored' | undefined
  const detail = oneLine(String(typeof about === 'function' ? (about(event.data) ?? '') : ''))
  const sequence = String(event.sequence ?? '·')
  const type = oneLine(event.type)
  if (columns < narrow) {
    const whole = isId(detail) ? detail : cut(`  ${detail}`, columns)
    const below = detail === '' ? '' : `\n${whole}`
    return `${cut(`${sequence} ${type}`, columns)}${below}`
  }
  const time = event.ts.replace('T', ' ').replace('Z', '')
  const shown = columns === Infinity ? time : time.slice(11)
  const head = `${shown}  ${sequence.padStart(sequenceWidth)}  ${pad(type, typeWidth)}`
  const line = `${head}  ${detail}`.trimEnd()
  return isId(detail) ? line : cut(line, columns)
}
