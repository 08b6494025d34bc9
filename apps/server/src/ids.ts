import { createHash, randomFillSync } from 'node:crypto'
import { idPrefixes, type Noun } from '@outlast/contract'
import { ApiError, invalidId } from './errors.ts'

/** How far the database's clock is ahead of this machine's. */
let aheadMs = 0

/** Adopts the database's clock; `uncertainMs` is the part that network delay may explain. */
export function followDatabaseClock(shownMs: number, uncertainMs: number): void {
  const measuredMs = shownMs - Date.now()
  if (Math.abs(measuredMs - aheadMs) > uncertainMs) aheadMs = measuredMs
}

/** The database's clock at the latest lease renewal, in ms since 1970: node clocks may differ. */
export const databaseNow = () => Date.now() + aheadMs

const pool = Buffer.alloc(4096)
let used = pool.length

/**
 * 74 random bits after 48 bits of time, with the version and variant of a UUIDv7, as 32 hex digits.
 */
function uuid7(): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.toString('hex', used, used + 10)
  used += 10
  return marked(databaseNow(), random)
}

/** Time in ms and 20 hex digits, with the version and variant of a UUIDv7. */
function marked(time: number, digits: string): string {
  const variant = ((Number.parseInt(digits[3]!, 16) & 0x3) | 0x8).toString(16)
  return `${hex(time, 12)}7${digits.slice(0, 3)}${variant}${digits.slice(4, 19)}`
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')

export const newId = (noun: Noun) => `${idPrefixes[noun]}_${uuid7()}`

/** Derives an id from a time and a name: the same input gives the same id. */
export function derivedId(noun: Noun, ts: string, name: string): string {
  const digits = createHash('sha256').update(name).digest('hex')
  return `${idPrefixes[noun]}_${marked(Date.parse(ts), digits)}`
}

/** Converts an id to the dashed UUID that some fields on the wire require. */
export function uuidOf(id: string): string {
  const at = id.indexOf('_') + 1
  const part = (from: number, to: number) => id.slice(at + from, at + to)
  return `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}`
}

/** Creates the id of a user or key: a dashed UUID. */
export const newUuid = () => uuidOf(uuid7())

/** Creates the id of a trace span: a dashed UUID. */
export const newSpanId = () => uuidOf(uuid7())

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Contract: returns `text` when it is a dashed UUID, else throws 400 `invalid_id`. */
export function parseUuid(what: string, text: string): string {
  if (uuidPattern.test(text)) return text
  throw invalidId(what, '01933b5a-0000-7000-8000-000000000001')
}

const titles: Partial<Record<Noun, string>> = {
  exec: 'execution',
  mcp_server: 'MCP server',
  session_token: 'session token',
  share: 'share',
  audit: 'audit entry',
  agent_channel: 'agent channel',
  agent_key: 'agent key',
  ledger_entry: 'ledger entry',
}
const exampleDigits = '0123456789abcdef0123456789abcdef'
const patterns = Object.fromEntries(
  Object.entries(idPrefixes).map(([noun, prefix]) => [
    noun,
    new RegExp(`^${prefix}_[0-9a-f]{32}$`),
  ]),
) as Record<Noun, RegExp>

/** Contract: returns `text` when it is an id of the noun, else throws 400 `invalid_id`. */
export function parseId(noun: Noun, text: string, or = ''): string {
  if (patterns[noun].test(text)) return text
  throw invalidId(titles[noun] ?? noun, `${idPrefixes[noun]}_${exampleDigits}${or}`)
}

/**
 * The position of a client after an event: `sequence` of the stored event, and for a live delta
 * `offset`. The offset counts the UTF-16 units of the running message (thinking and answer, in
 * order of arrival) that the client has.
 */
export type EventPosition = { sequence: number; offset: number }

const sessionMarks = new Map<string, number>()

/** A hash of 21 bits that detects event ids of another session. */
function sessionMark(sessionId: string): number {
  const known = sessionMarks.get(sessionId)
  if (known !== undefined) return known
  const mark = createHash('sha256').update(sessionId).digest().readUIntBE(0, 3) & 0x1fffff
  if (sessionMarks.size > 10_000) sessionMarks.clear()
  sessionMarks.set(sessionId, mark)
  return mark
}

const offsetMax = 0x3fffff

/**
 * Creates the id of an event. It consists of 48 bits of time, 21 of its session, 31 of sequence and
 * 22 of offset, around the version and variant bits of a UUIDv7. The time is that of the stored
 * event at `sequence`, also for deltas of a message. It distinguishes the event from another one at
 * the same sequence after commits were lost.
 */
export function eventId(
  sessionId: string,
  ts: string | number,
  { sequence, offset }: EventPosition,
): string {
  const time = typeof ts === 'number' ? ts : Date.parse(ts)
  const mark = sessionMark(sessionId)
  const middle = (0x80000000 | ((mark & 0x1ff) << 21) | (sequence >>> 10)) >>> 0
  // The shift keeps the lower 10 bits of the sequence.
  const low = ((sequence << 22) | Math.min(offset, offsetMax)) >>> 0
  return `event_${hex(time, 12)}7${hex(mark >> 9, 3)}${hex(middle, 8)}${hex(low, 8)}`
}

/** Returns when the stored event of an id's position was stored, in ms since 1970. */
export const timeOf = (id: string) => Number.parseInt(id.slice(timeAt, timeAt + 12), 16)

const timeAt = 'event_'.length

/** Returns the id of the same event for a client at an offset of the running message around it. */
export function idInside(sessionId: string, id: string, offset: number): string {
  const { sequence } = eventPosition(sessionId, id)
  return eventId(sessionId, timeOf(id), { sequence, offset })
}

/**
 * Returns the position of a client after this event.
 * Contract: 400 when the id is not of this session.
 */
export function eventPosition(sessionId: string, id: string): EventPosition {
  if (!/^event_[0-9a-f]{32}$/.test(id)) throw invalidId('event', `event_${exampleDigits}`)
  const digits = id.slice('event_'.length)
  if (/^0+$/.test(digits)) return { sequence: 0, offset: 0 }
  const part = (from: number, to: number) => Number.parseInt(digits.slice(from, to), 16)
  const [top, middle, low] = [part(13, 16), part(16, 24), part(24, 32)]
  const mark = (top << 9) | ((middle >>> 21) & 0x1ff)
  if (digits[12] !== '7' || mark !== sessionMark(sessionId)) throw new ApiError('unknown_event_id')
  return { sequence: (middle & 0x1fffff) * 0x400 + (low >>> 22), offset: low & offsetMax }
}
