/**
 * Folds the log of a session into a response of OpenAI's Responses API. A response is the part of a
 * log from a message, or from the answer to a wait, until the turn ends or waits for the client.
 *
 * `sequence_number` counts the chunks of stored events, and each delta by the length of its text:
 * the numbers follow from the log alone, so that any node can continue a stream after any of them.
 */

import type { TokenUsage } from '../core/usage.ts'
import type { Event, EventType } from '../events/event.ts'
import {
  dropCall,
  endCall,
  growText,
  growThinking,
  type ModelCall,
  startCall,
  startThinking,
} from './openai-call.ts'
import { type OutputItems, outputItems, sendFunctionCall, sendQuestions } from './openai-output.ts'
import {
  approvalItem,
  functionCallItem,
  questionText,
  type ResponseChunk,
  type ResponseEnd,
  type ResponseFacts,
  type ResponseItem,
  type ResponseObject,
  type ResponseWait,
  responseObject,
  sumOf,
  toolItem,
  waitsOfOthers,
  wireCallId,
} from './openai-parts.ts'

export { chunkAfter } from './openai-output.ts'
export type {
  ResponseChunk,
  ResponseFacts,
  ResponseItem,
  ResponseObject,
  ResponseRequest,
} from './openai-parts.ts'

/** `waiting`: for the client or a person. `next`: will run, or run again. */
type CallStage = 'next' | 'running' | 'waiting' | 'ended'

type RunningTool = { readonly index: number; readonly item: ResponseItem }

export type ResponseState = {
  readonly facts: ResponseFacts
  /** `queued`: the turn of its message has not begun. */
  readonly phase: 'new' | 'queued' | 'open' | 'over'
  /** The message that begins the response; undefined if an answer does. */
  readonly messageId: string | undefined
  /** Whether the message can join a turn that runs. */
  readonly joins: boolean
  readonly createdAt: number
  readonly completedAt: number | null
  /** `sequence_number` of the latest chunk. */
  readonly number: number
  readonly output: readonly ResponseItem[]
  readonly call: ModelCall | undefined
  readonly calls: ReadonlyMap<string, CallStage>
  /** Items of server tools that have no outcome. */
  readonly running: ReadonlyMap<string, RunningTool>
  /** Waits for a person or the client. */
  readonly waits: readonly ResponseWait[]
  readonly usage: TokenUsage | undefined
  /** The answer is JSON: text beside calls and answers that the schema rejects do not count. */
  readonly isJson: boolean
  readonly end: ResponseEnd
  /** `sequence` of the latest event that belongs to the response. */
  readonly sequence: number
  /** Why the latest reply is cut: `length` or `content_filter`; another reason if it is not. */
  readonly finishReason: string | undefined
  /** The message that was sent beside the answers, until a model call reads it. */
  readonly joined: string | undefined
  /** The end of the turn, unless another turn reads that message. */
  readonly held: ResponseEnd | undefined
}

const hasFormat = ({ request }: ResponseFacts) =>
  (request.text as { format?: { type?: string } } | undefined)?.format?.type === 'json_schema'

export const beginResponse = (facts: ResponseFacts): ResponseState => ({
  facts,
  phase: 'new',
  messageId: undefined,
  joins: false,
  createdAt: 0,
  completedAt: null,
  number: -1,
  output: [],
  call: undefined,
  calls: new Map(),
  running: new Map(),
  waits: [],
  usage: undefined,
  isJson: hasFormat(facts),
  end: { status: 'in_progress' },
  sequence: 0,
  finishReason: undefined,
  joined: undefined,
  held: undefined,
})

export type FoldedResponse = { state: ResponseState; chunks: readonly ResponseChunk[] }

/** Contract: pure. Events come in log order, the first one is that of the response. */
export function foldResponse(before: ResponseState, event: Event): FoldedResponse {
  if (before.phase === 'over') return { state: before, chunks: [] }
  const opened = before.phase === 'new' ? begun(before, event) : before
  const out = outputItems(before.number, before.output)
  if (before.phase === 'new') sendStart(opened, out)
  const open = opened.phase === 'queued' ? activated(opened, event, out) : opened
  const reader = readers[event.type] as Reader<EventType> | 'ignored'
  const read = open.phase === 'queued' || reader === 'ignored' ? open : reader(open, event, out)
  const parked = isParked(read) ? ended(read, event, { status: 'completed' }) : read
  const last = parked.phase === 'over' ? endResponse(parked, out) : parked
  const { sequence = before.sequence } = event
  const state = { ...last, output: out.items, number: out.number, sequence }
  return { state, chunks: out.chunks }
}

/** The response as of the events so far. */
export const responseOf = (state: ResponseState): ResponseObject => responseObject(state)

function begun(state: ResponseState, event: Event): ResponseState {
  const createdAt = Math.floor(Date.parse(event.ts) / 1000)
  if (event.type !== 'input.message') return { ...state, createdAt, phase: 'open' }
  const { message, on_busy } = event.data
  const end = { status: on_busy === 'queue' ? ('queued' as const) : ('in_progress' as const) }
  const joins = on_busy !== 'queue'
  return { ...state, createdAt, phase: 'queued', messageId: message.id, joins, end }
}

function sendStart(state: ResponseState, out: OutputItems): void {
  const response = responseOf(state)
  out.send('response.created', { response })
  const isQueued = state.end.status === 'queued'
  out.send(isQueued ? 'response.queued' : 'response.in_progress', { response })
}

/** Opens the response with the turn of its message, or with the event that reads or drops it. */
function activated(state: ResponseState, event: Event, out: OutputItems): ResponseState {
  const isOwn =
    event.type === 'session.activated'
      ? event.data.input_message_id === state.messageId
      : endsUnbegun(event) && event.context.input_message_id === state.messageId
  if (!isOwn && !(state.joins && readsJoined.has(event.type))) return state
  const open = { ...state, phase: 'open' as const, end: { status: 'in_progress' as const } }
  if (state.end.status === 'queued')
    out.send('response.in_progress', { response: responseOf(open) })
  return open
}

const readsJoined = new Set<string>(['reason.started', 'output.message.started', 'turn.cancelled'])

/** True for an event that can end a turn before it begins. */
const endsUnbegun = ({ type }: Event) => type === 'turn.cancelled' || type === 'turn.failed'

/** True if only the client or a person can continue the turn. */
function isParked({ phase, calls, end }: ResponseState): boolean {
  const stages = [...calls.values()].filter((stage) => stage !== 'ended')
  return (
    phase === 'open' &&
    end.status === 'in_progress' &&
    stages.length > 0 &&
    stages.every((stage) => stage === 'waiting')
  )
}

function ended(state: ResponseState, { ts }: Event, end: ResponseEnd): ResponseState {
  const completedAt = end.status === 'completed' ? Math.floor(Date.parse(ts) / 1000) : null
  return { ...state, phase: 'over', end, completedAt }
}

const lastChunks: Partial<Record<ResponseEnd['status'], string>> = {
  completed: 'response.completed',
  failed: 'response.failed',
}

/** Closes what is open, and adds the last chunk. */
function endResponse(state: ResponseState, out: OutputItems): ResponseState {
  if (state.call) dropCall(state.call, out)
  for (const { index, item } of state.running.values()) {
    out.end(index, { ...item, status: 'incomplete' })
  }
  const whole = { ...state, output: out.items, call: undefined, running: new Map() }
  const type = lastChunks[state.end.status] ?? 'response.incomplete'
  out.send(type, { response: responseOf(whole) })
  return whole
}

type Reader<T extends EventType> = (
  state: ResponseState,
  event: Event<T>,
  out: OutputItems,
) => ResponseState

const withStage = (state: ResponseState, ids: readonly string[], stage: CallStage) => ({
  ...state,
  calls: new Map([...state.calls, ...ids.map((id) => [id, stage] as const)]),
  waits: waitsOfOthers(state.waits, state.facts.place, ids),
})

const waiting = (state: ResponseState, callId: string, wait: ResponseWait): ResponseState => ({
  ...withStage(state, [callId], 'waiting'),
  waits: [...state.waits, wait],
})

function afterEnd(state: ResponseState, event: Event): ResponseState {
  const end = state.end.status === 'cancelled' ? state.end : state.held
  return end ? ended(state, event, end) : state
}

const readBudget = (
  state: ResponseState,
  { data }: Event<'budget.exhausted' | 'budget.paused'>,
): ResponseState => ({ ...state, waits: [{ type: 'budget', budget_id: data.budget_id }] })

function readReply(
  state: ResponseState,
  { data: { message, output_errors, usage, finish_reason } }: Event<'output.message.completed'>,
  out: OutputItems,
): ResponseState {
  const { content, thinking } = message
  const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const isCalling = content.some(({ type }) => type === 'tool_call')
  const isRejected = output_errors !== undefined || (isCalling && state.isJson)
  if (state.call) endCall(state.call, { text, thinking: thinking ?? '', isRejected }, out)
  const finishReason = finish_reason ?? state.finishReason
  return { ...state, call: undefined, usage: sumOf(state.usage, usage), finishReason }
}

function readRequest(
  state: ResponseState,
  { data: { tool_calls: calls, input } }: Event<'tool.call_requested'>,
  out: OutputItems,
): ResponseState {
  const { place } = state.facts
  return calls.reduce((now, call) => {
    if (input) sendQuestions(`msg_${place}_${call.id}`, questionText(input), out)
    else sendFunctionCall(functionCallItem(place, call), out)
    const call_id = wireCallId(place, call.id)
    const questions = input && { questions: input.questions }
    const type = input ? 'input' : 'tool_results'
    return waiting(now, call.id, { type, call_id, name: call.name, ...questions })
  }, state)
}

function readToolStart(
  state: ResponseState,
  { data: { tool_call: call } }: Event<'tool.started'>,
  out: OutputItems,
): ResponseState {
  const now = withStage(state, [call.id], 'running')
  if (state.running.has(call.id)) return now
  const item = toolItem(state.facts.place, call)
  const index = out.add({ ...item, arguments: '' })
  const place = { item_id: item.id, output_index: index }
  out.send('response.mcp_call.in_progress', place)
  out.send('response.mcp_call_arguments.delta', { ...place, delta: item.arguments })
  out.send('response.mcp_call_arguments.done', { ...place, arguments: item.arguments })
  return { ...now, running: new Map([...state.running, [call.id, { index, item }]]) }
}

function readToolEnd(
  state: ResponseState,
  { data: { tool_call_id: id, success, result, error } }: Event<'tool.completed'>,
  out: OutputItems,
): ResponseState {
  const now = withStage(state, [id], 'ended')
  const tool = state.running.get(id)
  if (!tool) return now
  const { index, item } = tool
  const place = { item_id: item.id, output_index: index }
  out.send(success ? 'response.mcp_call.completed' : 'response.mcp_call.failed', place)
  const text = (result ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('')
  const outcome = success ? { status: 'completed', output: text } : { status: 'failed', error }
  out.end(index, { ...item, error: null, ...outcome })
  return { ...now, running: new Map([...state.running].filter(([known]) => known !== id)) }
}

/** A message beside answers names their response. */
function readMessage(state: ResponseState, { data }: Event<'input.message'>): ResponseState {
  const { joins } = (data.message.metadata?.openai ?? {}) as { joins?: unknown }
  return joins === state.facts.id ? { ...state, joined: data.message.id } : state
}

/** Values of `incomplete_details.reason`. */
const incompleteReasons: Partial<Record<string, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
}

function readEnd(state: ResponseState, event: Event<'turn.completed'>): ResponseState {
  const incomplete = incompleteReasons[state.finishReason ?? '']
  const end: ResponseEnd = incomplete
    ? { status: 'incomplete', incomplete }
    : { status: 'completed' }
  return state.joined ? { ...state, held: end } : ended(state, event, end)
}

/** The response continues with the next turn, which reads all messages that joined too late. */
const readNext = (state: ResponseState, event: Event<'session.activated'>): ResponseState =>
  state.held && state.end.status !== 'cancelled'
    ? { ...state, joined: undefined, held: undefined }
    : afterEnd(state, event)

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': readMessage,
  'session.started': 'ignored',
  'session.activated': readNext,
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': (state, { data, sequence }, out) => {
    if (state.call) dropCall(state.call, out)
    const { message_id: id = `message_${sequence}`, attempt = 1, expects_json } = data
    const name = id.slice(id.indexOf('_') + 1)
    const call = startCall(attempt > 1 ? `${name}_${attempt}` : name, out)
    const isJson = state.isJson || expects_json === true
    return { ...state, call, joined: undefined, finishReason: undefined, isJson }
  },
  'reason.thinking.started': (state, _event, out) => ({
    ...state,
    call: state.call && startThinking(state.call, out),
  }),
  'reason.thinking.delta': (state, { data }, out) => ({
    ...state,
    call: state.call && growThinking(state.call, data.delta, out),
  }),
  'reason.thinking.completed': 'ignored',
  'output.message.delta': (state, { data }, out) => ({
    ...state,
    call: state.call && growText(state.call, data.delta, out),
  }),
  'tool.input.delta': 'ignored',
  'llm.generation': (state, { data }) => ({
    ...state,
    // For old logs, whose replies have no `finish_reason`.
    finishReason: data.metadata.finish_reasons?.[0],
  }),
  'output.message.completed': readReply,
  'reason.completed': 'ignored',
  'act.started': (state, { data }) =>
    withStage(
      state,
      data.tool_calls.map(({ id }) => id),
      'next',
    ),
  'tool.approval_requested': (state, { data }, out) => {
    const item = approvalItem(state.facts.place, data.tool_call)
    out.end(out.add(item), item)
    const wait = { type: 'approval', approval_request_id: item.id, name: data.tool_call.name }
    return waiting(state, data.tool_call.id, wait)
  },
  'tool.approval_resolved': (state, { data }) => withStage(state, [data.tool_call_id], 'next'),
  'tool.call_requested': readRequest,
  'tool.input_resolved': (state, { data }) => withStage(state, [data.tool_call_id], 'next'),
  'tool.started': readToolStart,
  'tool.completed': readToolEnd,
  'tool.progress': 'ignored',
  'act.completed': (state) => ({ ...state, calls: new Map() }),
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': (state, event) => (event.data.is_final ? state : readBudget(state, event)),
  'budget.paused': readBudget,
  'budget.resumed': (state) => ({ ...state, waits: [] }),
  'turn.completed': readEnd,
  'turn.failed': (state, event) => {
    const { error: message, error_code: code = 'turn_failed' } = event.data
    return ended({ ...state, waits: [] }, event, { status: 'failed', error: { code, message } })
  },
  // Its text so far and the ends of its calls follow.
  'turn.cancelled': (state) => ({ ...state, waits: [], end: { status: 'cancelled' } }),
  'session.idled': afterEnd,
  'feedback.given': 'ignored',
}

/** The stored events that a response is made of. */
export const responseEvents = (Object.keys(readers) as EventType[]).filter(
  (type) => (readers[type] !== 'ignored' || type === 'reason.started') && !type.endsWith('.delta'),
)
