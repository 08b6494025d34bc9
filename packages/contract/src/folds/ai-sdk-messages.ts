/** The messages of a session as the AI SDK has them. */
import type { Event } from '../events/event.ts'
import type { ContentPart, EventMessage } from '../messages/message.ts'
import { outputOf, type UIChunk } from './ai-sdk-chunks.ts'
import { beginTurnFold, endOfWait, foldTurn, type TurnFold } from './ai-sdk-turn.ts'
import { base64Of, fileInText } from './text-file.ts'

/** A part of a message: see `UIMessagePart` of the AI SDK. */
export type UIPart = { type: string; [name: string]: unknown }
export type UIMessageOf = {
  id: string
  role: 'user' | 'assistant'
  parts: UIPart[]
  metadata?: Record<string, unknown>
}

/** Metadata of a message that holds the id that its client gave it. */
export const clientIdField = 'client_message_id'

export type MessageOptions = { typedTools?: boolean }

/**
 * Converts the events of a session, in order, to the messages of a chat: one for each message of a
 * user, and one for each turn.
 * Contract: pure. They equal the messages of a client that followed the turns. The events may begin
 * between two turns.
 */
export function foldMessages(events: Iterable<Event>, options: MessageOptions = {}): UIMessageOf[] {
  const messages: UIMessageOf[] = []
  const queued = new Map<string, UIMessageOf>()
  let turn: Turn | undefined
  for (const event of events) {
    addInput({ messages, queued }, event)
    // The next turn ends one that was cancelled.
    if (turn) addToTurn(messages, turn, event)
    if (event.type !== 'session.activated') continue
    endTurn(turn)
    turn = beginTurn(event.data.turn_id, options)
  }
  endTurn(turn)
  return [...messages, ...queued.values()]
}

type Turn = { fold: TurnFold; message: UIMessageOf }

/** Waits do not end the message of a turn. */
const beginTurn = (turnId: string, options: MessageOptions): Turn => ({
  fold: beginTurnFold({
    ...options,
    target: { turnId },
    version: 7,
    answeredUntil: Number.POSITIVE_INFINITY,
  }),
  message: { id: turnId, role: 'assistant', parts: [] },
})

function addToTurn(messages: UIMessageOf[], turn: Turn, event: Event) {
  const { fold, chunks } = foldTurn(turn.fold, event)
  turn.fold = fold
  for (const chunk of chunks) {
    if (chunk.type === 'start') messages.push(turn.message)
    applyChunk(turn.message, chunk)
  }
}

function endTurn(turn: Turn | undefined) {
  const end = turn && endOfWait(turn.fold)
  if (end) applyChunk(turn.message, end)
}

type Inputs = { messages: UIMessageOf[]; queued: Map<string, UIMessageOf> }

/** Adds messages of no turn. A queued one has its place where its turn begins, or ends unbegun. */
function addInput({ messages, queued }: Inputs, event: Event) {
  if (event.type === 'input.message') {
    const { message, on_busy } = event.data
    const shown = message.role === 'user' ? userMessage(message) : importedMessage(message)
    if (on_busy === 'queue') queued.set(message.id, shown)
    else messages.push(shown)
  }
  const dequeued = dequeuedBy(event)
  if (dequeued !== undefined) {
    const waited = queued.get(dequeued)
    if (waited) messages.push(waited)
    queued.delete(dequeued)
  }
  if (event.type === 'output.message.completed' && event.data.imported) {
    messages.push(importedMessage(event.data.message))
  }
  if (event.type === 'tool.completed' && event.data.imported) addResult(messages, event)
}

/** The message whose turn begins, or ends, with an event: a turn may end before it begins. */
function dequeuedBy({ type, data, context }: Event): string | undefined {
  if (type === 'session.activated') return data.input_message_id
  return type === 'turn.cancelled' || type === 'turn.failed' ? context.input_message_id : undefined
}

/** A message of a user, with the id and the metadata that its client gave it. */
export function userMessage({ id, content, metadata }: EventMessage): UIMessageOf {
  const { [clientIdField]: clientId, ...rest } = (metadata ?? {}) as Record<string, unknown>
  return {
    id: typeof clientId === 'string' ? clientId : id,
    role: 'user',
    parts: content.flatMap(partOf),
    ...(Object.keys(rest).length > 0 && { metadata: rest }),
  }
}

function partOf(part: ContentPart): UIPart[] {
  if (part.type === 'text') {
    const file = fileInText(part.text)
    if (!file) return [{ type: 'text', text: part.text }]
    const { filename, mediaType } = file
    const url = `data:${mediaType};base64,${base64Of(file)}`
    return [{ type: 'file', mediaType, ...(filename && { filename }), url }]
  }
  if (part.type === 'image') {
    const mediaType = part.media_type ?? 'image/*'
    const url = part.base64 == null ? part.url : `data:${mediaType};base64,${part.base64}`
    return [{ type: 'file', mediaType, url }]
  }
  if (part.type === 'image_file') {
    const { image_id, filename } = part
    return [{ type: 'data-outlast-image', data: { image_id, ...(filename && { filename }) } }]
  }
  return []
}

/** A reply of another system, with which the session was created. */
function importedMessage({ id, content }: EventMessage): UIMessageOf {
  const parts = content.flatMap((part): UIPart[] => {
    if (part.type !== 'tool_call') return partOf(part).map((one) => ({ ...one, state: 'done' }))
    const { name: toolName, id: toolCallId, arguments: input } = part
    const state = { state: 'input-available', input, providerExecuted: true }
    return [{ type: 'dynamic-tool', toolName, toolCallId, ...state }]
  })
  return { id, role: 'assistant', parts }
}

function addResult(messages: UIMessageOf[], { data }: Event<'tool.completed'>) {
  const { tool_call_id: toolCallId, success, result, error, status } = data
  const ofCall = messages.findLast(({ parts }) => toolPart(parts, toolCallId))
  if (!ofCall) return
  const about = { toolCallId, providerExecuted: true }
  const output = outputOf(result ?? [])
  const errorText = error ?? status
  applyChunk(
    ofCall,
    success
      ? { type: 'tool-output-available', ...about, output }
      : { type: 'tool-output-error', ...about, errorText },
  )
}

const toolPart = (parts: UIPart[], id: string) =>
  parts.findLast(({ toolCallId }) => toolCallId === id)

/** Adds a chunk to a message, as the AI SDK does. */
export function applyChunk(message: UIMessageOf, chunk: UIChunk): void {
  const apply = appliers[chunk.type as keyof typeof appliers] as Apply<UIChunk['type']> | undefined
  if (apply) apply(message, chunk)
  else if ('data' in chunk && !chunk.transient) setData(message.parts, chunk)
}

type ChunkOf<T extends UIChunk['type']> = Extract<UIChunk, { type: T }>
type Apply<T extends UIChunk['type']> = (message: UIMessageOf, chunk: ChunkOf<T>) => void

const addMetadata = (
  message: UIMessageOf,
  { messageMetadata }: ChunkOf<'start' | 'finish' | 'message-metadata'>,
) => {
  message.metadata = { ...message.metadata, ...messageMetadata }
}

/** Sets properties of the part of a call; creates it if it is new. */
function setTool(
  message: UIMessageOf,
  chunk: ChunkOf<'tool-input-start' | 'tool-input-available'>,
) {
  const { toolCallId, toolName, dynamic, providerExecuted } = chunk
  const known = toolPart(message.parts, toolCallId)
  const kind = dynamic ? { type: 'dynamic-tool', toolName } : { type: `tool-${toolName}` }
  const isWhole = chunk.type === 'tool-input-available'
  const state = isWhole
    ? { state: 'input-available', input: chunk.input }
    : { state: 'input-streaming' }
  const set = { ...kind, toolCallId, ...state, ...(providerExecuted && { providerExecuted }) }
  if (known) Object.assign(known, set)
  else message.parts.push(set)
}

function endTool(message: UIMessageOf, id: string, end: object) {
  const part = toolPart(message.parts, id)
  if (part) Object.assign(part, end)
}

const appliers: { [T in Exclude<UIChunk['type'], `data-${string}`>]?: Apply<T> } = {
  start: addMetadata,
  finish: addMetadata,
  'message-metadata': addMetadata,
  'start-step': ({ parts }) => void parts.push({ type: 'step-start' }),
  'reset-step': ({ parts }) => {
    parts.length = parts.findLastIndex(({ type }) => type === 'step-start') + 1
  },
  'text-start': ({ parts }) => void parts.push({ type: 'text', text: '', state: 'streaming' }),
  'text-delta': ({ parts }, { delta }) => addText(parts, 'text', delta),
  'text-end': ({ parts }) => endText(parts, 'text'),
  'reasoning-start': ({ parts }, { id }) =>
    void parts.push({ type: 'reasoning', id, text: '', state: 'streaming' }),
  'reasoning-delta': ({ parts }, { delta }) => addText(parts, 'reasoning', delta),
  'reasoning-end': ({ parts }) => endText(parts, 'reasoning'),
  'tool-input-start': setTool,
  'tool-input-available': setTool,
  'tool-approval-request': (message, { approvalId: id, toolCallId }) =>
    endTool(message, toolCallId, { state: 'approval-requested', approval: { id } }),
  'tool-approval-response': (message, { approvalId: id, approved, reason }) => {
    const approval = { id, approved, ...(reason !== undefined && { reason }) }
    endTool(message, id, { state: 'approval-responded', approval })
  },
  'tool-output-denied': (message, { toolCallId }) =>
    endTool(message, toolCallId, { state: 'output-denied' }),
  'tool-output-available': (message, { toolCallId, output, providerExecuted }) =>
    endTool(message, toolCallId, {
      state: 'output-available',
      output,
      ...(providerExecuted && { providerExecuted }),
    }),
  'tool-output-error': (message, { toolCallId, errorText, providerExecuted }) =>
    endTool(message, toolCallId, {
      state: 'output-error',
      errorText,
      ...(providerExecuted && { providerExecuted }),
    }),
}

const lastOf = (parts: UIPart[], type: string) => parts.findLast((part) => part.type === type)

function addText(parts: UIPart[], type: string, delta: string) {
  const part = lastOf(parts, type)
  if (part) part.text = `${part.text as string}${delta}`
}

function endText(parts: UIPart[], type: string) {
  const part = lastOf(parts, type)
  if (part) part.state = 'done'
}

function setData(parts: UIPart[], { type, id, data }: ChunkOf<`data-${string}`>) {
  const known =
    id === undefined ? undefined : parts.find((one) => one.type === type && one.id === id)
  if (known) known.data = data
  else parts.push({ type, ...(id !== undefined && { id }), data })
}
