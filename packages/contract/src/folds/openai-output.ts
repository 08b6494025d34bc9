/** Collects the chunks of one event, and the output that they add to a response. */
import { messageItem, type ResponseChunk, type ResponseItem, textPart } from './openai-parts.ts'

export type OutputItems = {
  readonly chunks: ResponseChunk[]
  /** The number of the latest chunk. */
  readonly number: number
  readonly items: readonly ResponseItem[]
  /** Sets the number before that of the next chunk. */
  at: (number: number) => void
  send: (type: string, fields: Record<string, unknown>) => void
  /** Adds an item and returns its index. */
  add: (item: ResponseItem) => number
  /** Replaces an item by its final form. */
  end: (index: number, item: ResponseItem) => void
}

export function outputItems(after: number, before: readonly ResponseItem[]): OutputItems {
  const chunks: ResponseChunk[] = []
  let number = after
  let items = before
  function send(type: string, fields: Record<string, unknown>) {
    number += 1
    chunks.push({ type, sequence_number: number, ...fields })
  }
  return {
    chunks,
    get number() {
      return number
    },
    get items() {
      return items
    },
    at(next) {
      number = next
    },
    send,
    add(item) {
      const index = items.length
      items = [...items, item]
      send('response.output_item.added', { output_index: index, item })
      return index
    },
    end(index, item) {
      items = items.with(index, item)
      send('response.output_item.done', { output_index: index, item })
    },
  }
}

/**
 * The part of a chunk after a number: a delta is cut where the number is inside it. Undefined if
 * nothing is left.
 */
export function chunkAfter(chunk: ResponseChunk, number: number): ResponseChunk | undefined {
  const left = chunk.sequence_number - number
  if (left <= 0) return undefined
  const { delta } = chunk
  const isText = chunk.type.endsWith('_text.delta') && typeof delta === 'string'
  return isText && left < delta.length ? { ...chunk, delta: delta.slice(-left) } : chunk
}

/** Sends questions as a message. */
export function sendQuestions(id: string, text: string, out: OutputItems): void {
  const index = out.add(messageItem(id, 'in_progress'))
  const place = { item_id: id, output_index: index, content_index: 0 }
  out.send('response.content_part.added', { ...place, part: textPart('') })
  out.at(out.number + text.length - 1)
  out.send('response.output_text.delta', { ...place, delta: text, logprobs: [] })
  out.send('response.output_text.done', { ...place, text, logprobs: [] })
  out.send('response.content_part.done', { ...place, part: textPart(text) })
  out.end(index, messageItem(id, 'completed', text))
}

/** Sends a call of a client tool whole. */
export function sendFunctionCall(item: ResponseItem, out: OutputItems): void {
  const index = out.add({ ...item, arguments: '', status: 'in_progress' })
  const place = { item_id: item.id, output_index: index }
  const { name, arguments: whole } = item
  out.send('response.function_call_arguments.delta', { ...place, delta: whole })
  out.send('response.function_call_arguments.done', { ...place, name, arguments: whole })
  out.end(index, item)
}
