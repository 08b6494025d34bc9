import type { Change } from '@outlast/contract'
import type { WireEvent } from '../log/events.ts'
import { isSameText, type Piece, piecesLength } from './live-message.ts'

/** Events of a session were stored. */
export type StoredHint = {
  kind: 'stored'
  session: string
  /** The last sequence. */
  sequence: number
  /** Nodes of an earlier version omit the organization. */
  org?: string
  /**
   * The last events, in the history of the database that has this identity. Only if another node
   * wants them; none if they are too long.
   */
  news?: { events: WireEvent[]; history: string }
}

/** A part of a running message. */
export type TextHint = {
  kind: 'text'
  session: string
  /** The sequence of the message's `output.message.started`. */
  sequence: number
  /** Number of UTF-16 units of the message before these pieces. */
  offset: number
  pieces: Piece[]
  /** Sent with the first text of a message: the other fields of its deltas. */
  about?: { turnId: string; context: string }
}

/** A resource of an organization changed. For a session: a change without an event. */
export type ChangedHint = {
  kind: 'changed'
  org: string
  noun: Change['noun'] | 'session'
  id: string | null
}

/** Messages between nodes. Contract: losing any of them only causes a delay. */
export type Hint =
  /** The sender has connected or reconnected: its earlier hints may be lost. */
  | { kind: 'hello' }
  | StoredHint
  /** Asks the other nodes to send events of this session for 5 minutes. */
  | { kind: 'want'; session: string }
  | { kind: 'deleted'; session: string; org?: string }
  | ChangedHint
  | { kind: 'cancel'; session: string; turn: string }
  /** Asks a node to read its row: it was set to drain, or to take turns again. */
  | { kind: 'look'; node: string }
  | TextHint
  /** Asks the node that writes this message to store a snapshot of it. */
  | { kind: 'ask'; session: string; sequence: number }
  /** A snapshot of this message has been stored. */
  | { kind: 'snapshot'; session: string; sequence: number }

/** Hints to send. Of several about the same subject, the last one or their combination is kept. */
export type PendingHints = Map<string, Hint>

export function addHint(waiting: PendingHints, hint: Hint): void {
  const key = keyOf(hint)
  const known = waiting.get(key)
  if (known?.kind === 'text' && hint.kind === 'text' && follows(known, hint)) join(known, hint)
  else if (known?.kind === 'stored' && hint.kind === 'stored') waiting.set(key, joined(known, hint))
  else waiting.set(key, hint.kind === 'text' ? { ...hint, pieces: [...hint.pieces] } : hint)
}

function keyOf(hint: Hint): string {
  if (hint.kind === 'hello') return 'hello'
  if (hint.kind === 'cancel') return `cancel ${hint.turn}`
  if (hint.kind === 'look') return `look ${hint.node}`
  if (hint.kind === 'changed') return `changed ${hint.org} ${hint.noun} ${hint.id}`
  if (hint.kind === 'text') return `text ${hint.session} ${hint.sequence}`
  return `${hint.kind} ${hint.session}`
}

const follows = (known: TextHint, hint: TextHint) =>
  known.offset + piecesLength(known.pieces) === hint.offset

function join(known: TextHint, { pieces }: TextHint): void {
  for (const piece of pieces) {
    const last = known.pieces.at(-1)
    if (last && isSameText(last, piece))
      known.pieces[known.pieces.length - 1] = { ...last, text: last.text + piece.text }
    else known.pieces.push(piece)
  }
}

/** UTF-16 units of the events of one hint. Followers read what is longer. */
const newsLengthMax = 16_000

export const newsLength = ({ news }: StoredHint) =>
  news?.events.reduce((length, { json }) => length + json.length, 0) ?? 0

const withoutEvents = ({ news, ...rest }: StoredHint): StoredHint =>
  news ? { ...rest, news: { ...news, events: [] } } : rest

/** The hint, without its events if they are longer than the limit, or than `room`. */
export function withLimitedNews(hint: StoredHint, room = newsLengthMax): StoredHint {
  if (newsLength(hint) <= Math.min(room, newsLengthMax)) return hint
  return withoutEvents(hint)
}

/** The hint of the later events, with those of both if they are consecutive in either order. */
function joined(one: StoredHint, other: StoredHint): StoredHint {
  const [first, last] = one.sequence < other.sequence ? [one, other] : [other, one]
  const isNext = last.news?.events[0]?.sequence === first.sequence + 1
  if (!first.news || !last.news || !isNext || first.news.history !== last.news.history) return last
  const events = [...first.news.events, ...last.news.events]
  return withLimitedNews({ ...last, news: { ...last.news, events } })
}

/** NOTIFY refuses 8,000 bytes. */
const payloadBytesMax = 7_000

/**
 * Packs hints into as few payloads as the limit allows. First line: the sender; then one hint per
 * line.
 */
export function packed(sender: string, hints: Iterable<Hint>): string[] {
  const payloads: string[] = []
  const room = payloadBytesMax - sender.length - 1
  let open = ''
  let used = 0
  for (const line of hintLines(hints, room)) {
    const bytes = Buffer.byteLength(line) + 1
    if (open !== '' && used + bytes <= payloadBytesMax) {
      open += `\n${line}`
      used += bytes
      continue
    }
    if (open !== '') payloads.push(open)
    open = `${sender}\n${line}`
    used = sender.length + bytes
  }
  return open === '' ? payloads : [...payloads, open]
}

function* hintLines(hints: Iterable<Hint>, bytesMax: number): Generator<string> {
  for (const hint of hints) {
    for (const part of cutHint(hint, bytesMax - 1)) yield JSON.stringify(part)
  }
}

function cutHint(hint: Hint, bytesMax: number): Iterable<Hint> {
  if (hint.kind === 'text') return cut(hint, bytesMax)
  return hint.kind === 'stored' && hint.news ? cutNews(hint, bytesMax) : [hint]
}

const jsonBytes = (value: object) => Buffer.byteLength(JSON.stringify(value))

/** Splits a hint between its events. Followers read one that is too long, and those after it. */
function* cutNews(hint: StoredHint, bytesMax: number): Generator<StoredHint> {
  const { events, history } = hint.news!
  const room = bytesMax - jsonBytes(withoutEvents(hint))
  let part: WireEvent[] = []
  let left = room
  for (const event of events) {
    const bytes = jsonBytes(event) + 1
    if (bytes > left && part.length > 0) {
      yield { ...hint, sequence: part.at(-1)!.sequence, news: { events: part, history } }
      part = []
      left = room
    }
    if (bytes > room) return yield withoutEvents(hint)
    part.push(event)
    left -= bytes
  }
  yield { ...hint, news: { events: part, history } }
}

/** The size of a piece as JSON without its text. */
const bytesWithout = (piece: Piece) => jsonBytes({ ...piece, text: '' })

/** Splits a hint into parts of at most `bytesMax` bytes as JSON. Never splits a surrogate pair. */
function* cut(hint: TextHint, bytesMax: number): Generator<TextHint> {
  let part: TextHint = { ...hint, pieces: [] }
  let left = bytesMax - jsonBytes(part)
  for (const whole of hint.pieces) {
    const { text } = whole
    const pieceBytes = bytesWithout(whole)
    for (let at = 0; at < text.length; ) {
      const count = unitsWithin(text, at, left - pieceBytes - 1)
      if (count === 0) {
        yield part
        const { about: _, ...rest } = part
        part = { ...rest, offset: part.offset + piecesLength(part.pieces), pieces: [] }
        left = bytesMax - jsonBytes(part)
        continue
      }
      const piece = { ...whole, text: text.slice(at, at + count) }
      part.pieces.push(piece)
      left -= jsonBytes(piece) + 1
      at += count
    }
  }
  yield part
}

const unitBytesMax = 6

/** Returns how many UTF-16 units of a text from `begin` fit into `bytes` bytes of JSON. */
function unitsWithin(text: string, begin: number, bytes: number): number {
  if ((text.length - begin) * unitBytesMax <= bytes) return text.length - begin
  let at = begin
  for (let left = bytes; at < text.length; ) {
    const code = text.codePointAt(at)!
    left -= codePointBytes(code)
    if (left < 0) break
    at += code > 0xffff ? 2 : 1
  }
  return at - begin
}

function codePointBytes(code: number): number {
  if (code < 0x20 || (code >= 0xd800 && code <= 0xdfff)) return unitBytesMax
  if (code === 0x22 || code === 0x5c) return 2
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x10000 ? 3 : 4
}

/** Parses a payload into its sender and hints. Readers ignore kinds that a newer version added. */
export function unpacked(payload: string): { sender: string; hints: () => Hint[] } {
  const end = payload.indexOf('\n')
  const lines = () => payload.slice(end + 1).split('\n')
  return {
    sender: payload.slice(0, Math.max(0, end)),
    hints: () => lines().map((line) => JSON.parse(line) as Hint),
  }
}
