/** The message that a model writes: its reasoning, its text, and its calls. */
import type { Event } from '../events/event.ts'
import type { AgUiEvent, AgUiToolCall } from './ag-ui-events.ts'
import { assistantMessage, textIn, toolCallsIn } from './ag-ui-messages.ts'
import {
  type AgUiChunk,
  type AgUiParts,
  type AgUiState,
  discard,
  endsOfText,
  type Fold,
  hasOpenReasoning,
  hasOpenText,
  noParts,
  numbered,
  reasoningIdOf,
  slots,
  type WrittenMessage,
  withoutOpenText,
} from './ag-ui-state.ts'

type Delta = Event<'reason.thinking.delta' | 'output.message.delta' | 'tool.input.delta'>

/** Sends new text of the message. Only its calls stay open beside each other. */
export function growMessage(state: AgUiState, event: Delta): Fold {
  const { writing } = state
  if (!writing || event.data.delta === '') return { state, chunks: [] }
  const { before, content, parts } = grownBy(writing, event)
  const chunks = [...numbered(before, slots.between), { slot: slots.delta, event: content }]
  return { state: { ...state, writing: { ...writing, parts } }, chunks }
}

type Growth = { before: AgUiEvent[]; content: AgUiEvent; parts: AgUiParts }

function grownBy(writing: WrittenMessage, event: Delta): Growth {
  const { shownAs, parts } = writing
  const { delta } = event.data
  const closed = withoutOpenText(parts)
  const ends = endsOfText(writing)
  if (event.type === 'reason.thinking.delta') {
    const messageId = reasoningIdOf(shownAs)
    const [span, start] = reasoningStart(messageId)
    const starts = parts.reasoning === 'begun' ? [start!] : [...ends, span!, start!]
    const before = hasOpenReasoning(parts) ? [] : starts
    const content = { type: 'REASONING_MESSAGE_CONTENT' as const, messageId, delta }
    return { before, content, parts: { ...closed, reasoning: 'open' } }
  }
  if (event.type === 'output.message.delta') {
    const before = hasOpenText(parts) ? [] : [...ends, textStart(shownAs)]
    const content = { type: 'TEXT_MESSAGE_CONTENT' as const, messageId: shownAs, delta }
    return { before, content, parts: { ...closed, text: 'open' } }
  }
  const { tool_call_id: id, name } = event.data
  const known = parts.calls.get(id)
  const sent = extended(known?.sent ?? '', delta)
  const before = known ? ends : [...ends, callStart(shownAs, { id, name })]
  const calls = new Map(parts.calls).set(id, { name, sent })
  const content = { type: 'TOOL_CALL_ARGS' as const, toolCallId: id, delta }
  return { before, content, parts: { ...closed, calls } }
}

const extended = (sent: string | number, delta: string) =>
  typeof sent === 'string' ? sent + delta : sent + delta.length

const reasoningStart = (messageId: string): AgUiEvent[] => [
  { type: 'REASONING_START', messageId },
  { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
]

const textStart = (messageId: string): AgUiEvent => ({
  type: 'TEXT_MESSAGE_START',
  messageId,
  role: 'assistant',
})

const callStart = (parentMessageId: string, { id, name }: { id: string; name: string }) => ({
  type: 'TOOL_CALL_START' as const,
  toolCallId: id,
  toolCallName: name,
  parentMessageId,
})

/** Sends the rest of a message. What was streamed and is not in it is taken back first. */
export function completeMessage(
  state: AgUiState,
  { data: { message, imported } }: Event<'output.message.completed'>,
): Fold {
  if (imported) return { state, chunks: [] }
  const open = state.writing ?? { id: message.id, shownAs: message.id, parts: noParts }
  const calls = toolCallsIn(message.content)
  const isTrue = [...open.parts.calls].every(([id, sent]) => isStart(sent, calls, id))
  const written = isTrue ? open : { ...open, parts: noParts }
  const chunks = [
    ...(isTrue ? [] : discard(state, open)),
    ...restOfReasoning(written, message.thinking ?? ''),
    ...restOfText(written, textIn(message.content)),
    ...calls.flatMap((call, index) => restOfCall(written, call, slots.calls + 3 * index)),
  ]
  const shown = assistantMessage(open.shownAs, message.content)
  const { writing: _writing, ...rest } = state
  return { state: { ...rest, messages: [...state.messages, ...(shown ? [shown] : [])] }, chunks }
}

type Sent = { name: string; sent: string | number }

/** Tests whether the arguments that were sent are those of the call, or their beginning. */
function isStart({ name, sent }: Sent, calls: readonly AgUiToolCall[], id: string): boolean {
  const call = calls.find((one) => one.id === id)?.function
  if (!call || call.name !== name) return false
  // White space makes the model's own text longer.
  if (typeof sent === 'number') return sent >= call.arguments.length
  return call.arguments.startsWith(sent) || call.arguments === inOneForm(sent)
}

function inOneForm(json: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(json))
  } catch {
    return undefined
  }
}

function restOfReasoning({ shownAs, parts }: WrittenMessage, delta: string): AgUiChunk[] {
  const messageId = reasoningIdOf(shownAs)
  const whole = numbered(
    [
      ...reasoningStart(messageId),
      { type: 'REASONING_MESSAGE_CONTENT', messageId, delta },
      { type: 'REASONING_MESSAGE_END', messageId },
      { type: 'REASONING_END', messageId },
    ],
    slots.reasoning,
  )
  if (parts.reasoning === 'none') return delta === '' ? [] : whole
  return whole.slice({ begun: 1, empty: 2, open: 3, ending: 4, closed: 5 }[parts.reasoning])
}

function restOfText({ shownAs: messageId, parts }: WrittenMessage, delta: string): AgUiChunk[] {
  if (parts.text === 'none' && delta === '') return []
  const whole = numbered(
    [
      textStart(messageId),
      { type: 'TEXT_MESSAGE_CONTENT', messageId, delta },
      { type: 'TEXT_MESSAGE_END', messageId },
    ],
    slots.text,
  )
  return whole.slice({ none: 0, begun: 1, open: 2, closed: 3 }[parts.text])
}

function restOfCall({ shownAs, parts }: WrittenMessage, call: AgUiToolCall, slot: number) {
  const { id, function: made } = call
  const sent = parts.calls.get(id)?.sent
  const start = callStart(shownAs, { id, name: made.name })
  const isStart = typeof sent !== 'number' && made.arguments.startsWith(sent ?? '')
  const delta = isStart ? made.arguments.slice(sent?.length ?? 0) : ''
  const args: AgUiEvent[] = delta === '' ? [] : [{ type: 'TOOL_CALL_ARGS', toolCallId: id, delta }]
  const chunks: AgUiChunk[] = [
    ...(sent === undefined ? [{ slot, event: start }] : []),
    ...numbered(args, slot + 1),
    { slot: slot + 2, event: { type: 'TOOL_CALL_END', toolCallId: id } },
  ]
  return chunks
}
