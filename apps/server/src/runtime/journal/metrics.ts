import type { EventDataOf, EventType, TokenUsage } from '@outlast/contract'
import type { Log } from '../../log.ts'
import { traceOf } from '../../observe/trace-context.ts'
import { type StoredEvent, spansOf, type TurnAbout } from '../log/spans.ts'
import type { LoggedEvent } from '../log/state.ts'
import type { Node } from '../node.ts'
import type { Turn } from './attempt.ts'

/** The fields of a stored event that metrics use. */
export type CountedEvent = Pick<LoggedEvent, 'type' | 'data'>

/** Counts stored events in metrics. Contract: each event once, by the node that stored it. */
export function countStored(
  { metrics }: Pick<Node, 'metrics'>,
  events: readonly CountedEvent[],
): void {
  for (const { type, data } of events) {
    const count = counters[type] as Counter<EventType> | 'ignored'
    if (typeof count === 'function') count(metrics, data)
  }
}

type Counter<T extends EventType> = (
  metrics: Node['metrics'],
  data: Extract<LoggedEvent, { type: T }>['data'],
) => void

const counters: { [T in EventType]: Counter<T> | 'ignored' } = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': (metrics, { metadata }) => countCall(metrics, metadata),
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.input_resolved': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': countTool,
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': (metrics, { duration_ms }) => {
    metrics.turns.inc({ outcome: 'completed', code: '' })
    if (duration_ms !== undefined) metrics.turnSeconds.observe(duration_ms / 1_000)
    metrics.tally.completed(duration_ms)
  },
  'turn.failed': (metrics, { error_code }) => {
    metrics.turns.inc({ outcome: 'failed', code: error_code ?? 'unknown' })
    metrics.tally.failed()
  },
  // Counted by the node that ends it.
  'turn.cancelled': 'ignored',
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}

type Metadata = EventDataOf<'llm.generation'>['metadata']

function countCall(metrics: Node['metrics'], metadata: Metadata): void {
  const { provider = 'none', usage, duration_ms, time_to_first_token_ms, retry } = metadata
  const labels = { provider, model: metrics.modelLabel(metadata.model) }
  const outcome = metadata.success ? 'success' : (metadata.error_code ?? 'unknown')
  metrics.modelCalls.inc({ ...labels, outcome })
  for (const code of retry?.error_codes ?? []) metrics.modelRetries.inc({ code })
  if (duration_ms !== undefined) metrics.modelCallSeconds.observe(labels, duration_ms / 1_000)
  if (time_to_first_token_ms !== undefined) {
    metrics.firstTokenSeconds.observe(labels, time_to_first_token_ms / 1_000)
    metrics.tally.firstToken(time_to_first_token_ms)
  }
  if (usage) countUsage(metrics, { provider, model: metadata.model }, usage)
}

/** Counts the usage of a model call. */
export function countUsage(
  { tokens, cost, modelLabel }: Node['metrics'],
  { provider, model }: { provider: string; model: string },
  usage: TokenUsage,
): void {
  const labels = { provider, model: modelLabel(model) }
  tokens.inc({ ...labels, kind: 'input' }, usage.input_tokens)
  tokens.inc({ ...labels, kind: 'output' }, usage.output_tokens)
  tokens.inc({ ...labels, kind: 'cache_read' }, usage.cache_read_tokens ?? 0)
  tokens.inc({ ...labels, kind: 'cache_creation' }, usage.cache_creation_tokens ?? 0)
  if (usage.cost_usd) cost.inc(labels, usage.cost_usd)
}

function countTool(metrics: Node['metrics'], { tool_name, status }: EventDataOf<'tool.completed'>) {
  metrics.toolCalls.inc({ tool: metrics.toolLabel(tool_name), status })
}

/**
 * Exports the trace of a turn. Contract: called once, by the node whose statement ended the turn.
 * All spans derive from the log, so that a crash neither adds nor repeats one.
 */
export function traceTurn(
  { tracer, log }: Pick<Node, 'tracer' | 'log'>,
  about: Omit<TurnAbout, 'withContent'>,
  events: readonly StoredEvent[],
): void {
  if (!tracer) return
  try {
    tracer.export(spansOf({ ...about, withContent: tracer.withContent }, events))
  } catch (error) {
    const input = events.find(({ type }) => type === 'input.message')
    const { traceId } = traceOf(about.turnId, input?.context.traceparent)
    const also = { trace_id: traceId, error }
    logOfTurn({ log }, about).error('could not export the trace of a turn', also)
  }
}

/** A log whose lines carry the turn, session and trace ids. */
export function logOf({ node, run, state }: Pick<Turn, 'node' | 'run' | 'state'>): Log {
  const { traceId } = traceOf(run.turnId, state.input?.traceparent)
  return logOfTurn(node, run, { trace_id: traceId })
}

/** The same for a turn whose log is not read, without a trace id. */
export function logOfTurn(
  { log }: Pick<Node, 'log'>,
  { sessionId, turnId }: Pick<Turn['run'], 'sessionId' | 'turnId'>,
  also: object = {},
): Log {
  const about = { session: sessionId, turn: turnId, ...also }
  const at =
    (name: keyof Log) =>
    (what: string, more: object = {}) =>
      log[name](what, { ...about, ...more })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
