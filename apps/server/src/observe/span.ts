export type SpanKind = 'client' | 'internal'

export type SpanValue = string | number | boolean | string[]

/** One span, as it is given to whoever exports it. Times are ms since 1970. */
export type Span = {
  traceId: string
  spanId: string
  parentId: string | undefined
  name: string
  kind: SpanKind
  startMs: number
  endMs: number
  attributes: Record<string, SpanValue>
  events: { name: string; timeMs: number; attributes: Record<string, SpanValue> }[]
  /** What went wrong, as a code. */
  error: string | undefined
}

/** Where spans go. Without tracing there is none. */
export type Tracer = {
  /** Contract: never throws; never waits. */
  export: (spans: readonly Span[]) => void
  /** What models and tools wrote and read may be in spans. */
  withContent: boolean
  /** Who is told of the trace that a call to them belongs to. */
  propagatesTo: { models: boolean; mcp: boolean }
}
