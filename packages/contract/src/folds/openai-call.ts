/** The chunks of one model call: its thinking, and its text. */
import type { OutputItems } from './openai-output.ts'
import { messageItem, reasoningItem, textPart } from './openai-parts.ts'

/**
 * Numbers that a block of text can have. Thinking, and a reply that broke off, have a block: the
 * log does not tell how much of them a client got before the text that follows.
 */
const blockSize = 2 ** 22

/** A model call without its outcome. */
export type ModelCall = {
  readonly itemId: string
  /** The number before the first chunk of its text. */
  readonly textAt: number
  readonly thinking: GrowingText | undefined
  readonly text: GrowingText | undefined
}

/** `length`: units that were sent. `at`: the number before its first delta. */
type GrowingText = { readonly index: number; readonly length: number; readonly at: number }

export const startCall = (itemId: string, out: OutputItems): ModelCall => ({
  itemId,
  textAt: out.number,
  thinking: undefined,
  text: undefined,
})

/** Opens the item of the thinking, which has text later, or none. */
export function startThinking(call: ModelCall, out: OutputItems): ModelCall {
  const index = out.add(reasoningItem(`rs_${call.itemId}`, ''))
  return {
    ...call,
    thinking: { index, length: 0, at: out.number + 1 },
    textAt: out.number + blockSize,
  }
}

/** Contract: after the first text, thinking has only its end. */
export function growThinking(call: ModelCall, delta: string, out: OutputItems): ModelCall {
  const { thinking, text } = call
  if (!thinking || text || delta === '') return call
  const place = { item_id: `rs_${call.itemId}`, output_index: thinking.index, summary_index: 0 }
  if (thinking.length === 0) {
    out.at(thinking.at - 1)
    const part = { type: 'summary_text', text: '' }
    out.send('response.reasoning_summary_part.added', { ...place, part })
  }
  const length = thinking.length + delta.length
  out.at(thinking.at + length - 1)
  out.send('response.reasoning_summary_text.delta', { ...place, delta })
  return { ...call, thinking: { ...thinking, length } }
}

export function growText(call: ModelCall, delta: string, out: OutputItems): ModelCall {
  if (delta === '') return call
  const text = call.text ?? openText(call, out)
  const length = text.length + delta.length
  out.at(text.at + length - 1)
  const place = { item_id: `msg_${call.itemId}`, output_index: text.index, content_index: 0 }
  out.send('response.output_text.delta', { ...place, delta, logprobs: [] })
  return { ...call, text: { ...text, length } }
}

function openText(call: ModelCall, out: OutputItems): GrowingText {
  out.at(call.textAt)
  const id = `msg_${call.itemId}`
  const index = out.add(messageItem(id, 'in_progress'))
  const place = { item_id: id, output_index: index, content_index: 0 }
  out.send('response.content_part.added', { ...place, part: textPart('') })
  return { index, length: 0, at: out.number }
}

export type CallOutcome = {
  text: string
  thinking: string
  /** The text does not count: the model is called again. */
  isRejected: boolean
}

export function endCall(
  call: ModelCall,
  { text, thinking, isRejected }: CallOutcome,
  out: OutputItems,
) {
  const thought = growThinking(call, thinking.slice(call.thinking?.length ?? 0), out)
  const whole = growText(thought, text.slice(thought.text?.length ?? 0), out)
  out.at(whole.text ? whole.text.at + whole.text.length : whole.textAt)
  closeText(whole, out, isRejected ? undefined : text)
  closeThinking(whole, out, thinking)
}

/**
 * Ends a call without a reply, or with one that broke off. The log lacks the text that a client may
 * have received, so every client gets an item.
 */
export function dropCall(call: ModelCall, out: OutputItems): void {
  const text = call.text ?? openText(call, out)
  out.at(call.textAt + blockSize)
  closeText({ ...call, text }, out, undefined)
  closeThinking(call, out, '')
}

/** `text`: undefined if it does not count. */
function closeText({ itemId, text: open }: ModelCall, out: OutputItems, text: string | undefined) {
  if (!open) return
  const id = `msg_${itemId}`
  const place = { item_id: id, output_index: open.index, content_index: 0 }
  const part = textPart(text ?? '')
  out.send('response.output_text.done', { ...place, text: part.text, logprobs: [] })
  out.send('response.content_part.done', { ...place, part })
  out.end(open.index, messageItem(id, text === undefined ? 'incomplete' : 'completed', text))
}

function closeThinking({ itemId, thinking }: ModelCall, out: OutputItems, text: string) {
  if (!thinking) return
  const id = `rs_${itemId}`
  const place = { item_id: id, output_index: thinking.index, summary_index: 0 }
  if (text !== '') {
    const part = { type: 'summary_text', text }
    out.send('response.reasoning_summary_text.done', { ...place, text })
    out.send('response.reasoning_summary_part.done', { ...place, part })
  }
  out.end(thinking.index, reasoningItem(id, text))
}
