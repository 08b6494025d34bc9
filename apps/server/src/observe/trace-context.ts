import { createHash } from 'node:crypto'

/** The trace of a turn, in the terms of W3C Trace Context. */
export type TraceContext = {
  /** 32 hex digits. */
  traceId: string
  /** The parent of the turn's root span: the caller's span. */
  parentId: string | undefined
  /** False when the caller does not sample: then no part of the turn is recorded. */
  isSampled: boolean
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const lengthMax = 256
const isZero = (digits: string) => /^0+$/.test(digits)

/**
 * Returns the header in canonical form; undefined if it names no trace: then the turn begins one.
 */
export function traceparentOf(header: unknown): string | undefined {
  if (typeof header !== 'string' || header.length > lengthMax) return undefined
  const [, version, traceId, spanId, flags, more] = form.exec(header) ?? []
  if (!version || !traceId || !spanId || !flags) return undefined
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  return isZero(traceId) || isZero(spanId) ? undefined : `00-${traceId}-${spanId}-${flags}`
}

/**
 * Returns the trace of a turn: that of its message's sender, else one derived from the turn's id.
 * Every node that resumes the turn finds the same trace.
 * Contract: pure.
 */
export function traceOf(turnId: string, traceparent: string | undefined): TraceContext {
  const [, , traceId, parentId, flags] = form.exec(traceparent ?? '') ?? []
  if (!traceId || !flags) {
    return { traceId: digitsOf(turnId), parentId: undefined, isSampled: true }
  }
  return { traceId, parentId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Returns the header for calls that a span makes. */
export const traceparentFor = ({ traceId, isSampled }: TraceContext, spanId: string) =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`

/** Returns the 32 digits of an id of this server, or of a dashed UUID. */
const digitsOf = (id: string) => id.slice(id.indexOf('_') + 1).replaceAll('-', '')

/** Returns the span id of an id, or of a span as events name it: its random half. */
export const spanIdOf = (id: string) => digitsOf(id).slice(-16)

/** Derives the span id of a step without an id in the log. */
export const derivedSpanId = (name: string) =>
  createHash('sha256').update(name).digest('hex').slice(0, 16)
