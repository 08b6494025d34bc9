import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from '@prometheus-io/client'
import type { TurnCounts } from '../store/sessions/turn-counts.ts'
import { createTally } from './tally.ts'

/** What a node looks up when it is read. */
export type Reading = {
  /** Undefined while the database does not say: then these are left out, and nothing else. */
  turns: TurnCounts | undefined
  /** Turns that this node runs, and streams that it has open. */
  running: number
  streams: number
  pool: { totalCount: number; idleCount: number; waitingCount: number }
  /** What waits for a connection before the queue of the pool. */
  waitingForDb: number
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/**
 * What a node counts, as Prometheus reads it. Labels have few values: codes and outcomes of ours,
 * and of what users name (models, tools) the first ones that come. No id is ever one.
 */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `outlast_${name}`, help, labelNames, registers })
  const histogram = <L extends string>(
    name: string,
    help: string,
    { labelNames = [], buckets = seconds }: Partial<HistogramConfiguration<L>> = {},
  ) => new Histogram<L>({ name: `outlast_${name}`, help, labelNames, buckets, registers })

  const show = addGauges(registers)
  let collecting = false

  return {
    turns: counter('turns_total', 'Turns that ended.', 'outcome', 'code'),
    turnSeconds: histogram('turn_seconds', 'From the start of a turn to its end.'),
    takeovers: counter('takeovers_total', 'Turns taken over from a node that died.'),
    modelCalls: counter(
      'model_calls_total',
      'Model calls, with all that was tried again as one.',
      'provider',
      'model',
      'outcome',
    ),
    modelRetries: counter('model_retries_total', 'Model calls made again, by why.', 'code'),
    modelCallSeconds: histogram('model_call_seconds', 'Time of a model call.', {
      labelNames: ['provider', 'model'],
    }),
    firstTokenSeconds: histogram('time_to_first_token_seconds', 'Until the first text came.', {
      labelNames: ['provider', 'model'],
    }),
    tokens: counter('tokens_total', 'Tokens used.', 'provider', 'model', 'kind'),
    cost: counter('cost_dollars_total', 'What calls cost, where it is known.', 'provider', 'model'),
    toolCalls: counter('tool_calls_total', 'Tool calls that ended.', 'tool', 'status'),
    errors: counter('errors_total', 'Requests refused or failed, by error code.', 'code'),
    requests: counter('http_requests_total', 'Requests answered.', 'method', 'route', 'status'),
    requestSeconds: histogram('http_request_seconds', 'Time of a request; not of streams.', {
      labelNames: ['route'],
      buckets: requestSeconds,
    }),
    spans: counter('spans_total', 'Spans of traces, by what became of them.', 'outcome'),
    modelLabel: boundedLabel(100),
    toolLabel: boundedLabel(200),
    tally: createTally(),

    contentType: registry.contentType,
    /** Everything, as text. What watches the process itself begins with the first reader. */
    text(reading: Reading): Promise<string> {
      if (!collecting) collectDefaultMetrics({ register: registry })
      collecting = true
      show(reading)
      return registry.metrics()
    },
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** The first `max` values as they are; whatever comes after them is `other`. */
function boundedLabel(max: number): (value: string) => string {
  const known = new Set<string>()
  return (value) => {
    if (known.has(value)) return value
    if (known.size >= max) return 'other'
    known.add(value)
    return value
  }
}

/** Gauges that are set at every reading. */
function addGauges(registers: Registry[]): (reading: Reading) => void {
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `outlast_${name}`, help, labelNames, registers })
  const own = gauge('turns_running', 'Turns that this node runs.')
  const streams = gauge('sse_clients', 'Streams open on this node.')
  const turns = gauge('turns', 'Turns of all nodes, by what they do.', 'state')
  const queueAge = gauge('queue_age_seconds', 'How long the oldest turn has waited for a node.')
  const connections = gauge('database_connections', 'Connections for requests and turns.', 'state')
  const awaiting = gauge('database_awaiting', 'Who waits for one of those connections.')

  return ({ turns: counts, pool, ...reading }) => {
    own.set(reading.running)
    streams.set(reading.streams)
    connections.set({ state: 'busy' }, pool.totalCount - pool.idleCount)
    connections.set({ state: 'idle' }, pool.idleCount)
    awaiting.set(pool.waitingCount + reading.waitingForDb)
    turns.reset()
    queueAge.reset()
    if (!counts) return
    for (const state of ['running', 'queued', 'waiting'] as const)
      turns.set({ state }, counts[state])
    queueAge.set(counts.queue_age_seconds)
  }
}
