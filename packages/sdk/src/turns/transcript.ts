import type { Event, EventDataOf, EventType, ToolCall } from '@outlast/contract'
import { withFeedback } from './feedback.ts'
import { textOf } from './follow.ts'
import {
  type AgentMessage,
  append,
  close,
  findItem,
  type NoticeType,
  openItem,
  replace,
  type ToolCallItem,
  type Transcript,
  type TranscriptItem,
} from './transcript-items.ts'

export const emptyTranscript: Transcript = {
  sections: [],
  status: 'idle',
  turnId: undefined,
  waitingFor: [],
  usage: undefined,
  sequence: 0,
  open: new Map(),
}

/**
 * Adds an event of a session, stored or live, to a transcript. Add each event of `session.events()`
 * and show the result: a terminal prints new items of `itemsOf` and new text of the streamed
 * message, a page renders the sections that are new objects
 * (`useReducer(addEvent, emptyTranscript)`).
 * Contract: pure. The cost does not depend on the length of the conversation or of the streamed
 * message, except for feedback, whose item is searched from the end. A stored event that was added
 * before changes nothing. Events can start anywhere in a log; earlier items are then missing. After
 * a turn, the transcript equals that of the stored events.
 */
export function addEvent(transcript: Transcript, event: Event): Transcript {
  const { sequence } = event
  if (sequence === undefined) return change(transcript, event)
  if (sequence <= transcript.sequence) return transcript
  return { ...change(transcript, event), sequence }
}

type Change<T extends EventType> = (transcript: Transcript, event: Event<T>) => Transcript

const notice: Change<NoticeType> = (transcript, event) => {
  const { type, data } = event
  return append(transcript, { kind: 'notice', ...about(event), type, data } as never)
}

const changes: { [T in EventType]: Change<T> | 'ignored' } = {
  'input.message': (transcript, event) => {
    const { message, on_busy, imported } = event.data
    const active: Transcript = imported ? transcript : { ...transcript, status: 'active' }
    if (message.role === 'agent') return append(active, agentMessage(event, { message }))
    const { id, content } = message
    const isQueued = on_busy === 'queue'
    const author = message.external_actor?.actor_name ?? undefined
    const shown = { content, text: textOf(message), author, isQueued }
    const item = { kind: 'user_message' as const, key: id, id, at: event.ts, ...shown }
    return append(active, item, isQueued ? inputOf(id) : undefined)
  },
  'session.started': 'ignored',
  'session.activated': (transcript, { data }) => {
    const settled = endOpenItems(transcript)
    return dequeue({ ...settled, status: 'active', turnId: data.turn_id }, data.input_message_id)
  },
  'turn.started': 'ignored',
  'mcp.unavailable': notice,
  'capability.unavailable': notice,
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': notice,
  'output.message.started': (transcript, event) => {
    const { message_id: id, attempt = 1, turn_id: turnId } = event.data
    const active: Transcript = { ...transcript, status: 'active', turnId }
    const open = streaming(active)
    const isSame = open && (open.item.id === id || open.item.id === undefined)
    if (!isSame) return append(active, { ...agentMessage(event, { id }), attempt }, message)
    const again = { ...open.item, id, text: '', thinking: '', writing: [], attempt }
    return replace(active, open.index, again)
  },
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': (transcript, event) => grow(transcript, event, 'thinking'),
  'reason.thinking.completed': 'ignored',
  'output.message.delta': (transcript, event) => grow(transcript, event, 'text'),
  'tool.input.delta': addInput,
  'llm.generation': 'ignored',
  'output.message.completed': (transcript, event) => {
    const { output_errors: outputErrors } = event.data
    const whole = { ...agentMessage(event, event.data), ...(outputErrors && { outputErrors }) }
    if (event.data.imported) return importedReply(transcript, event, whole)
    const open = streaming(transcript)
    if (!open) return append(transcript, whole, answer)
    const { key, at, attempt } = open.item
    const done = close(replace(transcript, open.index, { ...whole, key, at, attempt }), message)
    return { ...done, open: new Map(done.open).set(answer, open.index) }
  },
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': (transcript, event) => {
    const { tool_call, expires_at: expiresAt } = event.data
    const asked = { state: 'requested' as const, expiresAt, reason: undefined }
    const approval = { ...asked, decidedBy: undefined }
    return reach(transcript, event, { call: tool_call, status: 'waiting', approval })
  },
  'tool.approval_resolved': (transcript, event) => {
    const { tool_call_id: id, tool_name: name, decision: state, reason, decided_by } = event.data
    const expiresAt = openCall(transcript, id)?.item.approval?.expiresAt
    const approval = { state, expiresAt, reason, decidedBy: decided_by }
    const call = { id, name, arguments: event.data.arguments }
    return reach(transcript, event, { call, status: 'running', approval })
  },
  'tool.call_requested': (transcript, event) => {
    const { tool_calls, expires_at: expiresAt, input: questions } = event.data
    const waits = { status: 'waiting' as const, isForClient: !questions, expiresAt, questions }
    return tool_calls.reduce((now, call) => reach(now, event, { call, ...waits }), transcript)
  },
  'tool.input_resolved': (transcript, event) => {
    const { tool_call_id: id, tool_name: name } = event.data
    return reach(transcript, event, { call: { id, name }, status: 'running', questions: undefined })
  },
  'tool.started': (transcript, event) =>
    reach(transcript, event, { call: event.data.tool_call, status: 'running' }),
  'tool.completed': (transcript, event) => {
    const { tool_call_id: id, tool_name: name, success, status, duration_ms } = event.data
    const failed = status === 'cancelled' ? 'cancelled' : 'failed'
    const ended = reach(transcript, event, {
      call: { id, name },
      status: success ? 'done' : failed,
      questions: undefined,
      result: event.data.result ?? undefined,
      error: event.data.error ?? undefined,
      durationMs: duration_ms,
    })
    return withWaiting(close(ended, callOf(id)))
  },
  'tool.progress': (transcript, { data }) => {
    const open = openCall(transcript, data.tool_call_id)
    if (!open) return transcript
    const { progress, total, message } = data
    const known = { progress, ...(total !== undefined && { total }), ...(message && { message }) }
    return replace(transcript, open.index, { ...open.item, progress: known })
  },
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': (transcript, { data }) => withOutput(endOpenItems(transcript), data),
  'turn.failed': (transcript, event) => notice(ended(endOpenItems(transcript), event), event),
  'turn.cancelled': (transcript, event) => notice(ended(transcript, event), event),
  'session.idled': (transcript, { data }) => ({
    ...endOpenItems(transcript),
    status: 'idle',
    turnId: undefined,
    usage: data.usage ?? transcript.usage,
  }),
  'feedback.given': (transcript, { data, ts }) => {
    const rated = findItem(transcript, (item) => isRatedBy(item, data))
    if (rated?.item.kind !== 'agent_message') return transcript
    const feedback = withFeedback(rated.item.feedback, data, ts)
    return replace(transcript, rated.index, { ...rated.item, feedback })
  },
}

/** Types of events that change no transcript. */
export const unseenTypes = (Object.keys(changes) as EventType[]).filter(
  (type) => changes[type] === 'ignored',
)

function change(transcript: Transcript, event: Event): Transcript {
  const read = changes[event.type] as Change<EventType> | 'ignored' | undefined
  return typeof read === 'function' ? read(transcript, event) : transcript
}

/** A message whose turn begins waits no longer. */
function dequeue(transcript: Transcript, messageId: string): Transcript {
  const name = inputOf(messageId)
  const queued = openItem(transcript, name)
  if (queued?.item.kind !== 'user_message') return transcript
  return close(replace(transcript, queued.index, { ...queued.item, isQueued: false }), name)
}

/** A turn may end before it begins. */
const ended = (transcript: Transcript, { context: { input_message_id: id } }: Event) =>
  id ? dequeue(transcript, id) : transcript

const isRatedBy = (item: TranscriptItem, { message_id, turn_id }: EventDataOf<'feedback.given'>) =>
  item.kind === 'agent_message' &&
  (message_id === undefined ? item.turnId === turn_id : item.id === message_id)

const message = 'message'
/** The latest complete reply, which may be the answer. */
const answer = 'answer'
const callOf = (id: string) => `call ${id}`
const inputOf = (id: string) => `input ${id}`

const about = ({ id: key, ts: at, context }: Event) => ({ key, at, turnId: context.turn_id })

type Completed = Event<'output.message.completed'>['data']
type MessageContent = { id?: string | undefined } & Partial<
  Pick<Completed, 'message' | 'metadata' | 'usage'>
>

/** Creates the item of a message that is about to stream, or is complete. */
function agentMessage(event: Event, content: MessageContent): AgentMessage {
  const { message, id = message?.id, metadata, usage } = content
  return {
    kind: 'agent_message',
    ...about(event),
    key: id ?? event.id,
    id,
    text: textOf(message),
    thinking: message?.thinking ?? '',
    isStreaming: message === undefined,
    writing: [],
    attempt: 1,
    model: metadata?.model,
    usage,
    feedback: [],
  }
}

/** Adds a reply and its calls, which have no events of their own before their results. */
const importedReply: (
  transcript: Transcript,
  event: Event<'output.message.completed'>,
  whole: AgentMessage,
) => Transcript = (transcript, event, whole) =>
  event.data.message.content
    .filter((part) => part.type === 'tool_call')
    .map(({ id, name, arguments: input }) => ({ id, name, arguments: input as object }))
    .reduce(
      (now, call) => reach(now, event, { call: call as ToolCall, status: 'running' }),
      append(transcript, whole),
    )

function streaming(transcript: Transcript) {
  const open = openItem(transcript, message)
  return open?.item.kind === 'agent_message' ? { index: open.index, item: open.item } : undefined
}

type Delta = Event<'output.message.delta' | 'reason.thinking.delta' | 'tool.input.delta'>

/** Changes the message that streams. For readers that start inside, it begins here. */
function extend(
  transcript: Transcript,
  event: Delta,
  change: (item: AgentMessage) => Partial<AgentMessage>,
): Transcript {
  const open = streaming(transcript)
  const item = open?.item ?? agentMessage(event, {})
  const longer = { ...item, ...change(item) }
  if (open) return replace(transcript, open.index, longer)
  return append({ ...transcript, status: 'active', turnId: event.data.turn_id }, longer, message)
}

/** Adds a delta. `accumulated` includes the text before it, for readers that start inside. */
function grow(
  transcript: Transcript,
  event: Event<'output.message.delta' | 'reason.thinking.delta'>,
  part: 'text' | 'thinking',
): Transcript {
  const { delta, accumulated } = event.data
  return extend(transcript, event, (item) => ({ [part]: accumulated ?? item[part] + delta }))
}

/** Adds text to the arguments of a call. Calls are few, and only the last one grows. */
function addInput(transcript: Transcript, event: Event<'tool.input.delta'>): Transcript {
  const { tool_call_id: id, name, delta } = event.data
  return extend(transcript, event, ({ writing }) => {
    const at = writing.findIndex((call) => call.id === id)
    const longer = { id, name, input: (writing[at]?.input ?? '') + delta }
    return { writing: at === -1 ? [...writing, longer] : writing.with(at, longer) }
  })
}

function openCall(transcript: Transcript, id: string) {
  const open = openItem(transcript, callOf(id))
  return open?.item.kind === 'tool_call' ? { index: open.index, item: open.item } : undefined
}

type ReachedCall = Pick<ToolCall, 'id' | 'name'> & {
  arguments?: ToolCall['arguments'] | undefined
}
type Reached = Partial<ToolCallItem> & Pick<ToolCallItem, 'status'> & { call: ReachedCall }

/** Moves a call to its next state. Its first event creates the item. */
function reach(transcript: Transcript, event: Event, { call, ...now }: Reached): Transcript {
  const open = openCall(transcript, call.id)
  const item = open?.item ?? newCall(event, call)
  const next = { ...item, ...now, arguments: call.arguments ?? item.arguments }
  const reached = open
    ? replace(transcript, open.index, next)
    : append(transcript, next, callOf(call.id))
  return withWaiting(reached)
}

function newCall(event: Event, { id, name }: ReachedCall): ToolCallItem {
  return {
    kind: 'tool_call',
    ...about(event),
    key: id,
    id,
    name,
    arguments: {},
    status: 'running',
    isForClient: false,
    expiresAt: undefined,
    approval: undefined,
    questions: undefined,
    progress: undefined,
    result: undefined,
    error: undefined,
    durationMs: undefined,
  }
}

const openCalls = ({ open }: Transcript) =>
  [...open.keys()].filter((name) => name.startsWith('call '))

function withWaiting(transcript: Transcript): Transcript {
  const waitingFor = openCalls(transcript)
    .map((name) => openItem(transcript, name)!.item as ToolCallItem)
    .filter(({ status }) => status === 'waiting')
  return waitingFor.length + transcript.waitingFor.length === 0
    ? transcript
    : { ...transcript, waitingFor }
}

/** Adds the value of a turn's answer to its last reply. */
function withOutput(
  transcript: Transcript,
  { output, turn_id: turnId }: Event<'turn.completed'>['data'],
): Transcript {
  const open = output === undefined ? undefined : openItem(transcript, answer)
  if (open?.item.kind !== 'agent_message' || open.item.turnId !== turnId) return transcript
  return replace(transcript, open.index, { ...open.item, output })
}

/** Ends open items with their turn, and discards streamed text that was never stored. */
function endOpenItems(transcript: Transcript): Transcript {
  let settled = transcript
  const open = streaming(transcript)
  if (open) {
    const dropped = { ...open.item, text: '', thinking: '', writing: [], isStreaming: false }
    settled = close(replace(settled, open.index, dropped), message)
  }
  const names = openCalls(settled)
  for (const name of names) {
    const { index, item } = openItem(settled, name)!
    settled = close(
      replace(settled, index, { ...(item as ToolCallItem), status: 'cancelled' }),
      name,
    )
  }
  return names.length > 0 ? withWaiting(settled) : settled
}
