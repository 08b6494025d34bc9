/** Collects the chunks of one event, and the output that they add to a response. */
import type { ResponseChunk, ResponseItem } from './openai-parts.ts'

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
