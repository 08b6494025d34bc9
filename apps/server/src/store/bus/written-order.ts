import type { WrittenSpan } from '@outlast/contract'
import type { LiveKind, Piece } from './live-message.ts'

const spanTypes = {
  'reason.thinking.delta': 'thinking',
  'output.message.delta': 'text',
  'tool.input.delta': 'arguments',
} satisfies Record<LiveKind, WrittenSpan['type']>

const usualOrder: readonly WrittenSpan['type'][] = ['thinking', 'text', 'arguments']

/** Limit of the spans that are stored with a reply. */
const spansMax = 1_000

/** Adds a piece to the spans of a reply. */
export function addSpan(spans: WrittenSpan[], { kind, text }: Pick<Piece, 'kind' | 'text'>) {
  const type = spanTypes[kind]
  const last = spans.at(-1)
  if (last?.type === type) last.length += text.length
  else if (spans.length <= spansMax) spans.push({ type, length: text.length })
}

/** The order to store with a reply; nothing for the usual one, and for too many spans. */
export function writtenOrder(spans: WrittenSpan[]): { written_order?: WrittenSpan[] } {
  const rank = ({ type }: WrittenSpan) => usualOrder.indexOf(type)
  const isUsual = spans.every((span, n) => n === 0 || rank(spans[n - 1]!) < rank(span))
  return isUsual || spans.length > spansMax ? {} : { written_order: spans }
}

/** The thinking and the text of a reply in its order. */
export function writtenPieces(
  order: readonly WrittenSpan[],
  { thinking, text }: { thinking: string; text: string },
): Piece[] {
  const left = { thinking, text }
  const take = (type: 'thinking' | 'text', length = left[type].length): Piece => {
    const taken = left[type].slice(0, length)
    left[type] = left[type].slice(length)
    const kind = type === 'text' ? 'output.message.delta' : 'reason.thinking.delta'
    return { kind, text: taken }
  }
  const spans = order.flatMap(({ type, length }) =>
    type === 'arguments' ? [] : [take(type, length)],
  )
  // The text of a failed call without any is the sentence of the failure, which has no span.
  return [...spans, take('thinking'), take('text')].filter((piece) => piece.text !== '')
}

/** Returns how many of the first `offset` units of a reply are arguments of calls. */
export function argumentsBefore(order: readonly WrittenSpan[], offset: number): number {
  let begin = 0
  let found = 0
  for (const { type, length } of order) {
    const known = Math.min(length, Math.max(0, offset - begin))
    if (type === 'arguments') found += known
    begin += length
  }
  return found
}
