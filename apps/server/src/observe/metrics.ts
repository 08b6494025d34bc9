import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type HistogramConfiguration,
  Registry,
} from '@prometheus-io/client'
import type { HookDelay } from '../store/log/hook-positions.ts'
import type { TurnCounts } from '../store/turns/turn-counts.ts'
import { createTally } from './tally.ts'

/** Values that a node reads from the database when its metrics are requested. */
export type DatabaseCounts = { turns: TurnCounts; hooks: HookDelay[] }

/** Values that a node reads when its metrics are requested. */
export type NodeReading = {
  /** Undefined while the database does not answer: then only these metrics are omitted. */
  counted: DatabaseCounts | undefined
  /** Turns running and streams open on this node. */
  running: number
  streams: number
  pool: { totalCount: number; idleCount: number; waitingCount: number }
  /** Requests and statements that wait ahead of the pool's own queue. */
  waitingForDb: number
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/**
 * The metrics of a node in the format of Prometheus. Labels have few values: codes and outcomes,
 * and of user-defined names (models, tools) the first ones seen. No label contains an id.
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
    turnSeconds: histogram('turn_seconds', 'Time from the start of a turn to its end.'),
    takeovers: counter('takeovers_total', 'Turns taken over from a node that died.'),
    modelCalls: counter(
      'model_calls_total',
      'Model calls; a call and its retries count once.',
      'provider',
      'model',
      'outcome',
    ),
    modelRetries: counter(
      'model_retries_total',
      'Retries of model calls, by the code of their cause.',
      'code',
    ),
    modelCallSeconds: histogram('model_call_seconds', 'Duration of a model call.', {
      labelNames: ['provider', 'model'],
    }),
    firstTokenSeconds: histogram(
      'time_to_first_token_seconds',
      'Time until the first text of a model call.',
      {
        labelNames: ['provider', 'model'],
      },
    ),
    tokens: counter('tokens_total', 'Tokens used.', 'provider', 'model', 'kind'),
    cost: counter(
      'cost_dollars_total',
      'Cost of model calls with known prices.',
      'provider',
      'model',
    ),
    toolCalls: counter('tool_calls_total', 'Tool calls that ended.', 'tool', 'status'),
    hookCalls: counter('event_hook_calls_total', 'Calls of event hooks.', 'hook', 'outcome'),
    webhookDeliveries: counter('webhook_deliveries_total', 'Attempts of webhooks.', 'outcome'),
    errors: counter('errors_total', 'Requests refused or failed, by error code.', 'code'),
    requests: counter('http_requests_total', 'Requests answered.', 'method', 'route', 'status'),
    requestSeconds: histogram(
      'http_request_seconds',
      'Duration of a request; streams are not included.',
      { labelNames: ['route'], buckets: requestSeconds },
    ),
    spans: counter('spans_total', 'Trace spans by outcome.', 'outcome'),
    modelLabel: boundedLabel(100),
    toolLabel: boundedLabel(200),
    tally: createTally(),

    contentType: registry.contentType,
    /** Returns all metrics as text. Collection of process metrics starts with the first request. */
    text(reading: NodeReading): Promise<string> {
      if (!collecting) collectDefaultMetrics({ register: registry })
      collecting = true
      show(reading)
      return registry.metrics()
    },
  }
}

export type Metrics = ReturnType<typeof createMetrics>

/** Passes through the first `max` values; later ones become `other`. */
function boundedLabel(max: number): (value: string) => string {
  const known = new Set<string>()
  return (value) => {
    if (known.has(value)) return value
    if (known.size >= max) return 'other'
    known.add(value)
    return value
  }
}

/** Creates the gauges that are set at every reading. */
function addGauges(registers: Registry[]): (reading: NodeReading) => void {
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `outlast_${name}`, help, labelNames, registers })
  const own = gauge('turns_running', 'Turns running on this node.')
  const streams = gauge('sse_clients', 'Streams open on this node.')
  const turns = gauge('turns', 'Turns of all nodes by state.', 'state')
  const queueAge = gauge(
    'queue_age_seconds',
    'How long the oldest queued turn has waited for a node.',
  )
  const hookDelay = gauge(
    'event_hook_delay_seconds',
    'Age of the oldest event that an event hook has not processed.',
    'hook',
  )
  const connections = gauge('database_connections', 'Connections for requests and turns.', 'state')
  const awaiting = gauge(
    'database_awaiting',
    'Requests and statements that wait for one of those connections.',
  )

  return ({ counted, pool, ...reading }) => {
    own.set(reading.running)
    streams.set(reading.streams)
    connections.set({ state: 'busy' }, pool.totalCount - pool.idleCount)
    connections.set({ state: 'idle' }, pool.idleCount)
    awaiting.set(pool.waitingCount + reading.waitingForDb)
    turns.reset()
    queueAge.reset()
    hookDelay.reset()
    if (!counted) return
    for (const state of ['running', 'queued', 'waiting'] as const)
      turns.set({ state }, counted.turns[state])
    queueAge.set(counted.turns.queue_age_seconds)
    for (const { hook, seconds } of counted.hooks) hookDelay.set({ hook }, seconds)
  }
}
