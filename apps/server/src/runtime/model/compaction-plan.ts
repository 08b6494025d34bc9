import type { EventMessage } from '@outlast/contract'
import {
  type ConversationEntry,
  imagesIn,
  shortenedMessage,
  textOfResult,
} from '../../store/log/conversation.ts'

/** The next compaction step. Sequences are those of the last affected message. */
export type CompactionPlan =
  | { kind: 'fits' }
  | { kind: 'shorten'; to: number }
  | Summarizing
  /** No further reduction is possible. */
  | { kind: 'stuck' }

/** `lengthMax`: limit of each message in the transcript, in UTF-16 units, if one is too long. */
export type Summarizing = {
  kind: 'summarize'
  to: number
  entries: ConversationEntry[]
  tokensMax: number
  lengthMax?: number
}

export type Room = {
  /** Limit of prompt tokens. */
  tokensMax: number
  /** Tokens of the fixed part: the system prompt and the tools. */
  tokensFixed: number
  /** Whether a summary may leave out the middle of a message that is too long by itself. */
  cutsMessages: boolean
}

/** Share of the room for the newest messages, and the smallest useful gain of shortening. */
const keptShare = 0.3
const gainShare = 0.1
/** Limits of a summary: share of the room, and tokens. */
const summaryShare = 0.2
const summaryTokensMax = 2_000
/** Share of the room for one message of a transcript that does not fit as a whole. */
const messageShare = 0.5
/** Shortest part of a message that is worth a summary, in UTF-16 units. */
const lengthMin = 20

/**
 * Plans how to fit a conversation: first shortens old tool results, then replaces its start with a
 * summary.
 * Contract: pure; the newest message stays, and calls stay with their results.
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
  const cuts = cutsAround(entries, kept)
  const summarizing = (lengths: readonly number[]): Summarizing | undefined => {
    for (const at of cuts) {
      const cut = cutBefore(entries, lengths, { at, tokensMax: free })
      const first = entries.slice(0, cut)
      const worth =
        sum(sizes.slice(0, cut)) > tokensMax && first.some(({ isSummary }) => !isSummary)
      if (worth) return { kind: 'summarize', to: first.at(-1)!.sequence, entries: first, tokensMax }
    }
    return undefined
  }
  const whole = summarizing(sizes)
  if (whole) return whole
  if (!room.cutsMessages) return { kind: 'stuck' }
  const longest = Math.floor(free * messageShare)
  for (let lengthMax = longest; lengthMax >= lengthMin; lengthMax = Math.floor(lengthMax / 2)) {
    // A unit is at most one token.
    const part = summarizing(sizes.map((size) => Math.min(size, lengthMax)))
    if (part) return { ...part, lengthMax }
  }
  return { kind: 'stuck' }
}

/** Index of the first of the newest messages that fit together; includes at least the last one. */
function keptFrom(sizes: readonly number[], tokensMax: number): number {
  let from = sizes.length - 1
  let kept = sizes[from] ?? 0
  while (from > 0 && kept + sizes[from - 1]! <= tokensMax) {
    from -= 1
    kept += sizes[from]!
  }
  return from
}

/** Tests whether messages before `index` can be summarized: calls stay with their results. */
const isCut = (entries: readonly ConversationEntry[], index: number) =>
  entries[index]!.message.role !== 'tool_result'

/** The last cut up to `kept`, and the next one, for a reply with many results. */
function cutsAround(entries: readonly ConversationEntry[], kept: number): number[] {
  const indexes = [...entries.keys()].filter((index) => isCut(entries, index))
  const before = indexes.findLast((index) => index <= kept)
  const after = indexes.find((index) => index > kept)
  return [before ?? 0, after ?? 0]
}

/** The last cut up to `at` whose messages fit the summary call. */
function cutBefore(
  entries: readonly ConversationEntry[],
  sizes: readonly number[],
  { at, tokensMax }: { at: number; tokensMax: number },
): number {
  let cut = at
  while (cut > 0 && (sum(sizes.slice(0, cut)) > tokensMax || !isCut(entries, cut))) cut -= 1
  return cut
}

const gains = new WeakMap<EventMessage, number>()

/** Tokens saved by shortening a message. */
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

/**
 * Estimates the tokens of a message: vendors count differently, and few offer a count in advance.
 */
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

/** Counts four Latin characters, or one other character, as a token. */
export function tokensOfText(text: string): number {
  const others = text.length - text.replace(/[^\u0000-\u024f]+/g, '').length
  return Math.ceil((text.length - others) / 4 + others)
}
