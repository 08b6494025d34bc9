import { DiagLogLevel, diag, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Metrics } from './metrics.ts'
import type { Span, Tracer } from './span.ts'

/** Limit of spans that wait for a slow receiver; more are dropped, and counted. */
const queueMax = 20_000
const batchMax = 512
const delayMs = 500
const exportMs = 5_000
const complaintMs = 60_000

export type Exporter = Tracer & {
  /** Sends the waiting spans, for at most the time of one request. */
  stop: () => Promise<void>
}

export type ExporterOptions = {
  config: Config & { OTEL_EXPORTER_OTLP_ENDPOINT: string }
  version: string
  nodeId: string
  log: Log
  metrics: Pick<Metrics, 'spans'>
}

/** Sends spans over OTLP. Loaded only when tracing is configured: it takes 10 MB. */
export function startExporter(options: ExporterOptions): Exporter {
  const { config, version, nodeId, log, metrics } = options
  const resource = resourceFromAttributes({
    'service.name': config.OTEL_SERVICE_NAME,
    'service.version': version,
    'service.instance.id': nodeId,
    ...config.OTEL_RESOURCE_ATTRIBUTES,
  })
  complainTo(log)
  const exporter = new OTLPTraceExporter({
    url: `${config.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    timeoutMillis: exportMs,
  })
  let waiting = 0
  const processor = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        exporter.export(spans, (result) => {
          waiting -= spans.length
          metrics.spans.inc({ outcome: result.error ? 'failed' : 'sent' }, spans.length)
          done(result)
        })
      },
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize: queueMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: exportMs * 2,
  })
  const scope = { name: 'outlast', version }
  return {
    withContent: config.OTEL_RECORD_CONTENT,
    propagatesTo: {
      models: config.OTEL_PROPAGATE_TO.includes('models'),
      mcp: config.OTEL_PROPAGATE_TO.includes('mcp'),
    },
    export(spans) {
      const room = Math.max(0, queueMax - waiting)
      if (spans.length > room) metrics.spans.inc({ outcome: 'dropped' }, spans.length - room)
      for (const span of spans.slice(0, room)) {
        waiting += 1
        processor.onEnd(readable(span, { resource, instrumentationScope: scope }))
      }
    },
    async stop() {
      await processor.shutdown().catch(() => {})
    },
  }
}

/** Logs an unreachable receiver at most once a minute. */
function complainTo(log: Log): void {
  let last = Number.NEGATIVE_INFINITY
  const complain = (message: string) => {
    if (performance.now() - last < complaintMs) return
    last = performance.now()
    log.warn('traces could not be sent', { reason: message.slice(0, 500) })
  }
  const quiet = () => {}
  const logger = { error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

const kinds = { client: SpanKind.CLIENT, internal: SpanKind.INTERNAL }

/** Seconds and nanoseconds. */
const hrTime = (ms: number): [number, number] => {
  const seconds = Math.floor(ms / 1_000)
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)]
}

function readable(
  span: Span,
  common: Pick<ReadableSpan, 'resource' | 'instrumentationScope'>,
): ReadableSpan {
  const { traceId, spanId, parentId, startMs, endMs, error } = span
  const context = (id: string) => ({ traceId, spanId: id, traceFlags: TraceFlags.SAMPLED })
  return {
    ...common,
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => context(spanId),
    ...(parentId && { parentSpanContext: context(parentId) }),
    startTime: hrTime(startMs),
    endTime: hrTime(endMs),
    duration: hrTime(Math.max(0, endMs - startMs)),
    status: error ? { code: SpanStatusCode.ERROR, message: error } : { code: SpanStatusCode.UNSET },
    attributes: span.attributes,
    events: span.events.map(({ name, timeMs, attributes }) => ({
      name,
      time: hrTime(timeMs),
      attributes,
    })),
    links: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}
