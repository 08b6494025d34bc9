/** Events as callers of a channel see them. Replay, live stream and lists use these rules. */
import {
  type AgentChannel,
  type EventDataOf,
  type EventMessage,
  type EventType,
  eventTypes,
  liveEventTypes,
  type PendingApproval,
  type ToolCall,
} from '@outlast/contract'
import type { ChannelCaller } from '../../access/principal.ts'
import type { WireEvent } from '../../store/log/events.ts'
import { publicFailure, publicMessage, publicMetadata, publicText } from './channel-failures.ts'
import type { EventView } from './token-view.ts'

type ChannelViewConfig = Required<AgentChannel['channel_config']>

export type ChannelViewer = Pick<
  ChannelViewConfig,
  'visibility' | 'errors' | 'tool_activity_text'
> & {
  /** True if the caller decides on tool calls that need an approval. */
  decides: boolean
}

/** The view of a caller. End users always get public failures. */
export function viewerOf({ channel: { settings } }: ChannelCaller, isEndUser: boolean) {
  const { visibility, errors, tool_activity_text, tool_approvals } = settings
  return {
    visibility,
    errors: isEndUser ? 'public' : errors,
    tool_activity_text,
    decides: tool_approvals === 'caller',
  } satisfies ChannelViewer
}

/** `shown`: as stored. A function returns the data to show; undefined hides the event. */
type Rule<T extends EventType> =
  | 'shown'
  | 'hidden'
  | ((data: EventDataOf<T>, viewer: ChannelViewer) => object | undefined)

/** The rules of a type under `messages`, `activity` and `full`. */
type Rules = { [T in EventType]: readonly [Rule<T>, Rule<T>, Rule<T>] }

const onlyFull = ['hidden', 'hidden', 'shown'] as const
const always = ['shown', 'shown', 'shown'] as const

const hasPublicErrors = ({ errors }: ChannelViewer) => errors === 'public'

/** The text of a message. Messages without text are hidden. */
function textOf({ message }: { message: EventMessage }, viewer: ChannelViewer) {
  const { id, role, content } = hasPublicErrors(viewer) ? publicMessage(message) : message
  const texts = content.flatMap((part) =>
    part.type === 'text' && part.text !== '' ? [{ type: part.type, text: part.text }] : [],
  )
  return texts.length > 0 ? { message: { id, role, content: texts } } : undefined
}

const turnOnly = ({ turn_id }: { turn_id: string }) => ({ turn_id })

function failure(
  { turn_id, error, error_code }: EventDataOf<'turn.failed'>,
  viewer: ChannelViewer,
) {
  return {
    turn_id,
    ...(hasPublicErrors(viewer) ? publicFailure(error_code) : { error, error_code }),
  }
}

/** A tool call that waits for an approval. Only a caller that decides sees what it would do. */
export function pendingApproval(
  call: Pick<ToolCall, 'id' | 'name' | 'arguments'>,
  expires_at: string,
  { decides }: Pick<ChannelViewer, 'decides'>,
): PendingApproval {
  const { id: tool_call_id, name: tool_name, arguments: args } = call
  const about = decides && { tool_name, arguments: args as PendingApproval['arguments'] }
  return { tool_call_id, answerable: decides, ...about, expires_at }
}

type Approval = EventDataOf<'tool.approval_requested'>

const approvals = ({ tool_call, expires_at }: Approval, viewer: ChannelViewer) => ({
  pending_approvals: [pendingApproval(tool_call, expires_at, viewer)],
})

type Requested = EventDataOf<'tool.call_requested'>

/** A call that asks questions. Calls of client tools are hidden. */
const questions = ({ tool_calls, input }: Requested) => {
  if (!input) return undefined
  const [call] = tool_calls
  const { questions, expires_at } = input
  return { pending_questions: [{ tool_call_id: call!.id, questions, expires_at }] }
}

/** Removes the words of a provider or of a server of tools. */
const withoutError = <D extends { error?: unknown }>(
  { error, ...data }: D,
  viewer: ChannelViewer,
) => (hasPublicErrors(viewer) ? data : { error, ...data })

/** A new event type does not compile without its rules. */
const rules = {
  'input.message': [textOf, textOf, 'shown'],
  'session.started': onlyFull,
  'session.activated': onlyFull,
  'turn.started': [turnOnly, turnOnly, 'shown'],
  'mcp.unavailable': ['hidden', 'hidden', withoutError],
  'capability.unavailable': ['hidden', 'hidden', withoutError],
  'reason.started': onlyFull,
  'context.compacting': onlyFull,
  'context.compacted': onlyFull,
  'output.message.started': onlyFull,
  'reason.thinking.started': onlyFull,
  'reason.thinking.delta': onlyFull,
  'reason.thinking.completed': onlyFull,
  'output.message.delta': always,
  'llm.generation': [
    'hidden',
    'hidden',
    (data, viewer) =>
      hasPublicErrors(viewer) ? { ...data, metadata: publicMetadata(data.metadata) } : data,
  ],
  'output.message.completed': [
    textOf,
    textOf,
    (data, viewer) =>
      hasPublicErrors(viewer) ? { ...data, message: publicMessage(data.message) } : data,
  ],
  'reason.completed': [
    'hidden',
    'hidden',
    (data, viewer) => {
      if (!hasPublicErrors(viewer) || data.success) return data
      const { text_preview: text, ...rest } = data
      const preview = text !== undefined && { text_preview: publicText(text) }
      return { ...rest, ...preview, ...publicFailure(data.error_code) }
    },
  ],
  'act.started': onlyFull,
  'tool.approval_requested': [
    approvals,
    approvals,
    (data, viewer) => ({ ...data, ...approvals(data, viewer) }),
  ],
  'tool.approval_resolved': onlyFull,
  // Client tools belong to the clients of the organization.
  'tool.call_requested': [questions, questions, (data) => ({ ...data, ...questions(data) })],
  'tool.input_resolved': onlyFull,
  'tool.input.delta': onlyFull,
  'tool.started': [
    'hidden',
    ({ tool_call }, { tool_activity_text: activity }) => ({ tool_call_id: tool_call.id, activity }),
    'shown',
  ],
  'tool.completed': ['hidden', ({ tool_call_id, success }) => ({ tool_call_id, success }), 'shown'],
  'tool.progress': onlyFull,
  'act.completed': onlyFull,
  'files.changed': onlyFull,
  'budget.warning': ['hidden', 'hidden', 'hidden'],
  'budget.exhausted': ['hidden', 'hidden', 'hidden'],
  'budget.paused': ['hidden', 'hidden', 'hidden'],
  'budget.resumed': ['hidden', 'hidden', 'hidden'],
  'turn.completed': [turnOnly, turnOnly, 'shown'],
  'turn.failed': [
    failure,
    failure,
    (data, viewer) => (hasPublicErrors(viewer) ? { ...data, ...failure(data, viewer) } : data),
  ],
  'turn.cancelled': [turnOnly, turnOnly, 'shown'],
  'session.idled': onlyFull,
  'feedback.given': ['hidden', 'hidden', 'hidden'],
} as const satisfies Rules

/** Callers know one type of event for all that a turn waits for. */
const shownAs: Partial<Record<EventType, EventType>> = {
  'tool.approval_requested': 'tool.call_requested',
}

const levels = { messages: 0, activity: 1, full: 2 } as const

/** Types that only a newer version knows are hidden. */
const ruleOf = (type: EventType, { visibility }: ChannelViewer) =>
  ((rules as Partial<typeof rules>)[type]?.[levels[visibility]] ?? 'hidden') as Rule<EventType>

/** Types of which a caller sees no event, which leaves gaps in `sequence`. */
export const hiddenFrom = (viewer: ChannelViewer): EventType[] =>
  eventTypes.filter((type) => ruleOf(type, viewer) === 'hidden')

/** Live events that a caller sees. */
export const liveTypesFor = (viewer: ChannelViewer) =>
  liveEventTypes.filter((type) => ruleOf(type, viewer) !== 'hidden')

/** Reduces an event for a caller. */
export function channelView(viewer: ChannelViewer): EventView {
  return (event) => {
    const rule = ruleOf(event.type, viewer)
    return rule === 'hidden' ? undefined : shownEvent(event, rule, viewer)
  }
}

function shownEvent(
  event: WireEvent,
  rule: Exclude<Rule<EventType>, 'hidden'>,
  viewer: ChannelViewer,
) {
  const { tags: _, ...whole } = JSON.parse(event.json)
  const data = rule === 'shown' ? whole.data : rule(whole.data, viewer)
  if (data === undefined) return undefined
  const type = shownAs[event.type] ?? event.type
  return { ...event, type, json: JSON.stringify({ ...whole, type, data }) }
}
