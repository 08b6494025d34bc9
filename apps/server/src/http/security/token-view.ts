import type {
  EventDataOf,
  EventMessage,
  EventType,
  Message,
  Session,
  ToolCall,
  WaitingItem,
} from '@outlast/contract'
import { giverOf } from '@outlast/sdk/feedback'
import { deciderOf, type Grants } from '../../access/grants.ts'
import type { Principal } from '../../access/principal.ts'
import type { WireEvent } from '../../store/log/events.ts'
import { hiddenFromLinks, sharedContext, sharedSession, shareView } from './share-view.ts'

type Viewer = Pick<Principal, 'grants' | 'isShare'>
/** A viewer whose own ratings can be told from those of others. */
type Reader = Parameters<typeof deciderOf>[0] & Viewer

/** Visibility of an event type for a session token: full, hidden, or with reduced data. */
type Rule<T extends EventType> =
  | 'shown'
  | 'hidden'
  | ((data: EventDataOf<T>, grants: Grants) => object)
type Rules = { [T in EventType]: Rule<T> }

/** Removes the arguments of a call, unless the token may answer the tool. */
const withoutArguments = (call: ToolCall, { tool_results }: Grants): ToolCall =>
  tool_results.includes(call.name) ? call : { ...call, arguments: {} }

/** Removes amounts and reasons from a wait for a budget, which `waiting_for` names too. */
const budgetWait =
  (message: string) =>
  ({ budget_id, is_final }: Partial<EventDataOf<'budget.exhausted'>>) => ({
    budget_id,
    ...(is_final && { is_final }),
    message,
  })

/** Rules of the `chat` view. A new event type does not compile without a rule here. */
const chatRules = {
  'input.message': ({ message, ...data }, grants) => ({
    message: chatMessage(message, grants),
    ...data,
  }),
  'session.started': 'shown',
  'session.activated': ({ missing_capabilities: _, ...data }) => data,
  'turn.started': ({ prompt_hash: _, tools_hash: __, output_schema_hash: ___, ...data }) => data,
  'mcp.unavailable': 'hidden',
  'capability.unavailable': 'hidden',
  'reason.started': 'shown',
  'context.compacting': 'shown',
  'context.compacted': ({ summary: _, ...data }) => data,
  'output.message.started': 'shown',
  'reason.thinking.started': 'shown',
  'reason.thinking.delta': 'hidden',
  'reason.thinking.completed': 'hidden',
  'output.message.delta': 'shown',
  'tool.input.delta': 'hidden',
  'llm.generation': 'hidden',
  'output.message.completed': (whole, grants) => {
    const { message, output_errors: errors, written_order: _, ...data } = whole
    return {
      message: chatMessage(message, grants),
      ...data,
      // Empty: without it, the rejected answer is one of the conversation.
      ...(errors && { output_errors: [] }),
    }
  },
  'reason.completed': 'shown',
  'act.started': 'shown',
  'tool.approval_requested': ({ tool_call, hook: _, tool_ref: __, ...data }, grants) => ({
    tool_call: withoutArguments(tool_call, grants),
    ...data,
  }),
  'tool.approval_resolved': ({ tool_call_id, tool_name, decision }) => ({
    tool_call_id,
    tool_name,
    decision,
  }),
  'tool.call_requested': ({ tool_calls, hook: _, ...data }, grants) => ({
    tool_calls: data.input
      ? tool_calls.map((call) => withoutArguments(call, grants))
      : tool_calls.filter(({ name }) => grants.tool_results.includes(name)),
    ...data,
  }),
  'tool.input_resolved': ({ answers: _, decided_by: __, ...data }) => ({ ...data, answers: [] }),
  'tool.started': ({ tool_call, hook: _, ...data }, grants) => ({
    tool_call: withoutArguments(tool_call, grants),
    ...data,
  }),
  'tool.completed': ({ result: _, error: __, answered_by: ___, ...data }) => data,
  'tool.progress': ({ message: _, ...data }) => data,
  'act.completed': 'shown',
  'files.changed': 'shown',
  'budget.warning': 'hidden',
  'budget.exhausted': budgetWait('The budget is used up.'),
  'budget.paused': budgetWait('The budget is paused.'),
  'budget.resumed': 'shown',
  'turn.completed': 'shown',
  'turn.failed': ({ output_errors: _, ...data }) => data,
  'turn.cancelled': 'shown',
  'session.idled': 'shown',
  'feedback.given': 'shown',
} as const satisfies Rules

const hiddenInChat = (Object.keys(chatRules) as EventType[]).filter(
  (type) => chatRules[type] === 'hidden',
)

/** Event types that are hidden from a caller, which leaves gaps in `sequence`. */
export function hiddenTypes({ grants, isShare }: Viewer): readonly EventType[] {
  if (!grants) return []
  const hidden: EventType[] = grants.view === 'chat' ? hiddenInChat : ['llm.generation']
  if (isShare) return [...hidden, ...hiddenFromLinks]
  return grants.files === 'none' ? [...hidden, 'files.changed'] : hidden
}

/** The giver whose ratings a caller sees; undefined for a caller that sees all. */
export const visibleGiver = (reader: Reader): string | undefined =>
  reader.grants && giverOf(deciderOf(reader))

/** Reduces an event; undefined hides it. */
export type EventView = (event: WireEvent) => WireEvent | undefined

/**
 * Reduces a visible event for a caller, and hides ratings of others; undefined if the caller sees
 * events in full.
 */
export function eventView(reader: Reader): EventView | undefined {
  const { grants } = reader
  if (!grants) return undefined
  const own = visibleGiver(reader)
  const reduced: EventView = grants.view === 'full' ? withoutPromptOfTurn : chatView(grants)
  if (reader.isShare)
    return (event) => {
      const visible = reduced(event)
      return visible && shareView(visible)
    }
  return (event) =>
    event.type === 'feedback.given' && giverIn(event) !== own ? undefined : reduced(event)
}

/** Reduces the context of live events; undefined if the caller sees it in full. */
export const contextView = ({ isShare }: Pick<Viewer, 'isShare'>) =>
  isShare ? sharedContext : undefined

const giverIn = ({ json }: WireEvent) =>
  giverOf((JSON.parse(json) as { data: EventDataOf<'feedback.given'> }).data.given_by)

/** Hides types that only a newer version knows. */
const chatView =
  (grants: Grants) =>
  (event: WireEvent): WireEvent | undefined => {
    const rule = (chatRules as Partial<Rules>)[event.type] as Rule<EventType> | undefined
    if (rule === undefined || rule === 'hidden') return undefined
    if (rule === 'shown') return event
    const whole = JSON.parse(event.json) as { data: EventDataOf<EventType> }
    return { ...event, json: JSON.stringify({ ...whole, data: rule(whole.data, grants) }) }
  }

function withoutPromptOfTurn(event: WireEvent): WireEvent {
  if (event.type !== 'input.message') return event
  const whole = JSON.parse(event.json) as { data: EventDataOf<'input.message'> }
  const data = { ...whole.data, message: withoutPrompt(whole.data.message) }
  return { ...event, json: JSON.stringify({ ...whole, data }) }
}

/** Removes what a message adds to the system prompt of its turn. */
function withoutPrompt<M extends EventMessage | Message>(message: M): M {
  const { instructions: _, context: __, ...rest } = message as EventMessage
  return rest as M
}

/** Removes thinking, tool arguments, tool results and the settings of its turn from a message. */
function chatMessage<M extends EventMessage | Message>(message: M, grants: Grants): M {
  const content = message.content.map((part) => {
    if (part.type === 'tool_result') return { type: part.type, tool_call_id: part.tool_call_id }
    if (part.type !== 'tool_call' || grants.tool_results.includes(part.name)) return part
    return { ...part, arguments: {} }
  })
  const { thinking: _, thinking_signature: __, ...rest } = message as EventMessage
  const { tools: _t, controls, ...shown } = withoutPrompt(rest)
  const { output_schema: _s, hints: _h, ...visible } = controls ?? {}
  return { ...shown, ...(controls && { controls: visible }), content } as M
}

/** Reduces a message for a caller. */
export const messageView = ({ grants }: Viewer): ((message: Message) => Message) =>
  grants?.view === 'chat'
    ? (message) => chatMessage(message, grants)
    : (message) => (grants ? withoutPrompt(message) : message)

/**
 * Removes the configuration of a session, except the client tools in `tool_results` of the token.
 * The legal hold is hidden from every token.
 */
export function sessionView({ grants, isShare }: Viewer, whole: Session): Session {
  if (!grants) return whole
  // The pin is of the user that made the token.
  const { is_pinned: _, ...rest } = whole
  const session = { ...rest, legal_hold: false, system_prompt: null }
  if (isShare) return sharedSession(session)
  if (grants.view !== 'chat') return session
  const tools = session.tools.filter(({ name }) => grants.tool_results.includes(name))
  const limits = { max_iterations: null, parallel_tool_calls: null, network_access: null }
  return { ...session, ...limits, capabilities: [], tools, hints: null }
}

/** Removes the arguments of a call that waits, unless the token sees them. */
export function waitingView({ grants }: Viewer, item: WaitingItem): WaitingItem {
  const { type, tool_name } = item
  if (grants?.view !== 'chat' || type !== 'approval') return item
  if (grants.tool_results.includes(tool_name!)) return item
  return { ...item, arguments: null, summary: tool_name! }
}
