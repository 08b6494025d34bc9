export type SpanKind = 'client' | 'internal'

export type SpanValue = string | number | boolean | string[]

/** One span for the exporter. Times are ms since 1970. */
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
  /** The error code. */
  error: string | undefined
}

/** The destination of spans. Absent without tracing. */
export type Tracer = {
  /** Contract: never throws; never waits. */
  export: (spans: readonly Span[]) => void
  /** True when spans may contain the input and output of models and tools. */
  withContent: boolean
  /** The kinds of called servers that receive the trace context. */
  propagatesTo: { models: boolean; mcp: boolean }
}
