import { createHash } from 'node:crypto'

/** Where a turn stands in a trace, as W3C Trace Context has it. */
export type TraceContext = {
  /** 32 hex digits. */
  traceId: string
  /** The span that the turn's own begins under: the caller's. */
  parentId: string | undefined
  /** False where the caller records nothing: then nobody does. */
  isSampled: boolean
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const lengthMax = 256
const isZero = (digits: string) => /^0+$/.test(digits)

/** The header in canonical form; undefined if it names no trace: then the turn begins one. */
export function traceparentOf(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > lengthMax) return undefined
  const [, version, traceId, spanId, flags, more] = form.exec(header) ?? []
  if (!version || !traceId || !spanId || !flags) return undefined
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  return isZero(traceId) || isZero(spanId) ? undefined : `00-${traceId}-${spanId}-${flags}`
}

/**
 * The trace of a turn: that of whoever sent its message, else one whose id is the turn's. Every
 * node that goes on with the turn finds the same. Contract: pure.
 */
export function traceOf(turnId: string, traceparent: string | undefined): TraceContext {
  const [, , traceId, parentId, flags] = form.exec(traceparent ?? '') ?? []
  if (!traceId || !flags) {
    return { traceId: digitsOf(turnId), parentId: undefined, isSampled: true }
  }
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** What goes out to whom is called from a span. */
export const traceparentFor = ({ traceId, isSampled }: TraceContext, spanId: string) =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`

/** The 32 digits of one of our ids, or of a dashed UUID. */
const digitsOf = (id: string) => id.slice(id.indexOf('_') + 1).replaceAll('-', '')

/** The span of one of our ids, or of a span as events name it: the half that is random. */
export const spanIdOf = (id: string) => digitsOf(id).slice(-16)

/** The span of what has no id of its own in the log. */
export const derivedSpanId = (name: string) =>
  createHash('sha256').update(name).digest('hex').slice(0, 16)
