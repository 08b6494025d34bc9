import type { Event, EventDataOf, EventMessage, EventType, Session } from '@outlast/contract'
import type { WireEvent } from '../../store/log/events.ts'

/**
 * Visibility of an event type for readers of a link: hidden, the fields that are shown, or reduced
 * data. A field without an entry is not shown.
 */
type Rule<T extends EventType> =
  | 'hidden'
  | readonly (keyof EventDataOf<T>)[]
  | ((data: EventDataOf<T>) => object)
type Rules = { [T in EventType]: Rule<T> }

/**
 * Built-in tools whose arguments and results no link shows: secrets and values of the session,
 * amounts of budgets, and answers of people.
 */
export const privateTools: ReadonlySet<string> = new Set([
  'ask_user',
  'check_budget',
  'delete_secret',
  'delete_value',
  'get_secret',
  'get_value',
  'list_keys',
  'list_secrets',
  'set_secret',
  'set_value',
])

type SharedArguments = { id: string; name: string; arguments: unknown }

const sharedCall = <C extends SharedArguments>({ id, name, arguments: given }: C) => ({
  id,
  name,
  arguments: privateTools.has(name) ? {} : given,
})

type Part = EventMessage['content'][number]

function sharedPart(part: Part): object[] {
  switch (part.type) {
    case 'text':
      return [pick(part, ['type', 'text'])]
    case 'image':
      return [pick(part, ['type', 'url', 'base64', 'media_type'])]
    case 'image_file':
      return [pick(part, ['type', 'image_id', 'filename'])]
    case 'tool_call':
      return [{ type: part.type, ...sharedCall(part) }]
    default:
      // The event `tool.completed` has the result, with the name of its tool.
      return []
  }
}

const sharedMessage = (message: EventMessage) => ({
  ...pick(message, ['id', 'role', 'created_at', 'thinking']),
  content: message.content.flatMap(sharedPart),
})

function sharedResult(data: EventDataOf<'tool.completed'>): object {
  const outcome = ['tool_call_id', 'tool_name', 'success', 'status', 'duration_ms'] as const
  const shown = pick(data, [...outcome, 'imported'])
  if (privateTools.has(data.tool_name)) return shown
  return { ...shown, ...pick(data, ['result', 'error', 'error_code']) }
}

const started = ['turn_id', 'model', 'message_id', 'attempt'] as const
const delta = ['turn_id', 'delta', 'accumulated'] as const

/** A new event type does not compile without a rule here. */
const rules = {
  'input.message': ({ message, ...data }) => ({
    message: sharedMessage(message),
    ...pick(data, ['on_busy', 'imported']),
  }),
  'session.started': ['agent_id'],
  'session.activated': ['turn_id', 'input_message_id', 'input_sequence'],
  'turn.started': ['turn_id', 'input_message_id'],
  'mcp.unavailable': 'hidden',
  'capability.unavailable': 'hidden',
  'reason.started': 'hidden',
  'context.compacting': 'hidden',
  'context.compacted': ['turn_id', 'summarized_to', 'shortened_to', 'duration_ms'],
  'output.message.started': started,
  'reason.thinking.started': started,
  'reason.thinking.delta': delta,
  'reason.thinking.completed': ['turn_id', 'thinking'],
  'output.message.delta': delta,
  // Deltas do not pass through a view, and may be the arguments of a private tool.
  'tool.input.delta': 'hidden',
  'llm.generation': 'hidden',
  'output.message.completed': ({ message, metadata, imported }) => ({
    message: sharedMessage(message),
    ...(metadata && { metadata: { model: metadata.model } }),
    ...(imported && { imported }),
  }),
  'reason.completed': 'hidden',
  'act.started': 'hidden',
  'tool.approval_requested': ({ tool_call, expires_at }) => ({
    tool_call: sharedCall(tool_call),
    expires_at,
  }),
  'tool.approval_resolved': ['tool_call_id', 'tool_name', 'decision'],
  'tool.call_requested': ({ tool_calls, expires_at, input }) => ({
    tool_calls: tool_calls.map(sharedCall),
    expires_at,
    ...(input && { input: { ...input, questions: [] } }),
  }),
  'tool.input_resolved': ({ tool_call_id, tool_name, status }) => ({
    tool_call_id,
    tool_name,
    status,
    answers: [],
  }),
  'tool.started': ({ tool_call, replay }) => ({ tool_call: sharedCall(tool_call), replay }),
  'tool.completed': sharedResult,
  'tool.progress': ({ message, ...data }) => ({
    ...pick(data, ['tool_call_id', 'tool_name', 'progress', 'total']),
    ...(message && !privateTools.has(data.tool_name) && { message }),
  }),
  'act.completed': 'hidden',
  'files.changed': 'hidden',
  'budget.warning': 'hidden',
  'budget.exhausted': 'hidden',
  'budget.paused': 'hidden',
  'budget.resumed': 'hidden',
  'turn.completed': [
    'turn_id',
    'iterations',
    'duration_ms',
    'output',
    'status',
    'final_message_id',
  ],
  'turn.failed': ['turn_id', 'error', 'error_code'],
  'turn.cancelled': ['turn_id'],
  'session.idled': ['turn_id', 'iterations'],
  'feedback.given': 'hidden',
} as const satisfies Rules

/** Event types that no link shows. */
export const hiddenFromLinks = (Object.keys(rules) as EventType[]).filter(
  (type) => rules[type] === 'hidden',
)

const contextShown = ['turn_id', 'input_message_id', 'exec_id', 'v'] as const
const eventShown = ['id', 'type', 'ts', 'session_id', 'sequence'] as const

/** Reduces an event to what readers of a link see; undefined hides it, as it does unknown types. */
export function shareView(event: WireEvent): WireEvent | undefined {
  const rule = (rules as Partial<Rules>)[event.type] as Rule<EventType> | undefined
  if (rule === undefined || rule === 'hidden') return undefined
  const whole = JSON.parse(event.json) as Event
  const data = typeof rule === 'function' ? rule(whole.data) : pick(whole.data, rule)
  const context = pick(whole.context, contextShown)
  return { ...event, json: JSON.stringify({ ...pick(whole, eventShown), context, data }) }
}

/** Reduces the context of live deltas, which is JSON, in the same way. */
export const sharedContext = (context: string): string =>
  JSON.stringify(pick(JSON.parse(context) as Event['context'], contextShown))

/** Removes configuration, people, costs, waits and references to other sessions. */
export const sharedSession = (session: Session): Session => ({
  ...pick(session, ['id', 'organization_id', 'agent_id', 'harness_id', 'title']),
  ...pick(session, ['status', 'last_turn', 'preview', 'output_preview', 'features']),
  ...pick(session, ['started_at', 'finished_at', 'created_at', 'updated_at']),
  waiting_for: null,
  user: null,
  key: null,
  tags: [],
  model_id: null,
  capabilities: [],
  tools: [],
  max_iterations: null,
  parallel_tool_calls: null,
  network_access: null,
  system_prompt: null,
  hints: null,
  locale: null,
  usage: null,
  forked_from: null,
  forked_from_session_id: null,
  forked_from_sequence: null,
  parent_session_id: null,
  superseded_by: null,
  legal_hold: false,
})

function pick<T extends object, K extends keyof T>(whole: T, names: readonly K[]): Pick<T, K> {
  const has = (name: K) => whole[name] !== undefined
  return Object.fromEntries(names.filter(has).map((name) => [name, whole[name]])) as Pick<T, K>
}
