import type { EventMessage } from '@outlast/contract'
import {
  type ConversationEntry,
  imagesIn,
  shortenedMessage,
  textOfResult,
} from '../../store/sessions/conversation.ts'

/** What to do about a conversation that does not fit. Sequences are those of its last message. */
export type CompactionPlan =
  | { kind: 'fits' }
  | { kind: 'shorten'; to: number }
  | { kind: 'summarize'; to: number; entries: ConversationEntry[]; tokensMax: number }
  /** Nothing is left that could be done. */
  | { kind: 'stuck' }

export type Room = {
  /** Tokens that a prompt may have. */
  tokensMax: number
  /** Tokens of what cannot be left out: the system prompt and the tools. */
  tokensFixed: number
}

/** Share of the room for the newest messages, and the least worthwhile gain of shortening. */
const keptShare = 0.3
const gainShare = 0.1
/** What a summary may be, of the room and at most. */
const summaryShare = 0.2
const summaryTokensMax = 2_000

/**
 * How to make room for a conversation: old tool results are cut short first; when that does not
 * help, a summary stands for its beginning. Contract: pure; the newest message stays, and a call is
 * never parted from its results.
 */
export function planFor(entries: readonly ConversationEntry[], room: Room): CompactionPlan {
  const sizes = entries.map(({ message }) => tokensOf(message))
  const all = sum(sizes)
  const free = room.tokensMax - room.tokensFixed
  if (all <= free) return { kind: 'fits' }
  const kept = keptFrom(sizes, Math.max(0, free) * keptShare)
  const gain = sum(entries.slice(0, kept).map(({ message }) => gainOf(message)))
  if (gain > 0 && (all - gain <= free || gain >= free * gainShare)) {
    return { kind: 'shorten', to: entries[kept - 1]!.sequence }
  }
  const tokensMax = Math.min(summaryTokensMax, Math.floor(free * summaryShare))
  const cut = cutBefore(entries, sizes, { at: kept, tokensMax: free })
  const first = entries.slice(0, cut)
  const worth = sum(sizes.slice(0, cut)) > tokensMax && first.some(({ isSummary }) => !isSummary)
  if (!worth) return { kind: 'stuck' }
  return { kind: 'summarize', to: first.at(-1)!.sequence, entries: first, tokensMax }
}

/** Where the newest messages begin that fit together; the last one is always among them. */
function keptFrom(sizes: readonly number[], tokensMax: number): number {
  let from = sizes.length - 1
  let kept = sizes[from] ?? 0
  while (from > 0 && kept + sizes[from - 1]! <= tokensMax) {
    from -= 1
    kept += sizes[from]!
  }
  return from
}

/** The last cut up to `at` before which everything fits and no call is parted from its results. */
function cutBefore(
  entries: readonly ConversationEntry[],
  sizes: readonly number[],
  { at, tokensMax }: { at: number; tokensMax: number },
): number {
  const isCut = (index: number) => entries[index]!.message.role !== 'tool_result'
  let cut = at
  while (cut > 0 && !isCut(cut)) cut -= 1
  // The newest reply alone is too much, with the results of its calls.
  if (cut === 0)
    cut = Math.max(
      0,
      entries.findIndex((_, index) => index > at && isCut(index)),
    )
  while (cut > 0 && (sum(sizes.slice(0, cut)) > tokensMax || !isCut(cut))) cut -= 1
  return cut
}

const gains = new WeakMap<EventMessage, number>()

/** What cutting it short would bring. */
function gainOf(message: EventMessage): number {
  if (message.role !== 'tool_result') return 0
  const known = gains.get(message)
  if (known !== undefined) return known
  const short = shortenedMessage(message)
  const gain = short === message ? 0 : tokensOf(message) - tokensOf(short)
  gains.set(message, gain)
  return gain
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

const tokensOfImage = 1_600
const tokensOfMessage = 8
const sizes = new WeakMap<EventMessage, number>()

/** About how many tokens a message is: vendors count differently, and few tell beforehand. */
export function tokensOf(message: EventMessage): number {
  const known = sizes.get(message)
  if (known !== undefined) return known
  const parts = message.content.map((part) => {
    if (part.type === 'image' || part.type === 'image_file') return tokensOfImage
    if (part.type === 'text') return tokensOfText(part.text)
    if (part.type === 'tool_call') return tokensOfText(part.name + JSON.stringify(part.arguments))
    const images = imagesIn(part.result).length * tokensOfImage
    return images + tokensOfText(part.error ?? textOfResult(part.result))
  })
  const thought = message.thinking_signature ? tokensOfText(message.thinking ?? '') : 0
  const size = tokensOfMessage + thought + sum(parts)
  sizes.set(message, size)
  return size
}

/** Four characters of Latin script a token, one of any other. */
export function tokensOfText(text: string): number {
  const others = text.length - text.replace(/[^\u0000-\u024f]+/g, '').length
  return Math.ceil((text.length - others) / 4 + others)
}
