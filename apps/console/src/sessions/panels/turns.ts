import type { Event, TokenUsage } from '@outlast/sdk'

/** `retry` and `takeover`: what broke off and was begun anew, at the same node or at another. */
export type SpanKind = 'wait' | 'model' | 'tool' | 'summary' | 'retry' | 'takeover'

/** Something that took its time within a turn. */
export type Span = {
  key: string
  kind: SpanKind
  name: string
  startMs: number
  /** Undefined while it goes on. */
  endMs: number | undefined
  /** What went wrong. */
  error?: string | undefined
  /** For a person who wants to know more. */
  details: string[]
}

export type TurnStatus = 'running' | 'completed' | 'failed' | 'cancelled'

export type Turn = {
  id: string
  number: number
  status: TurnStatus
  startMs: number
  endMs: number | undefined
  spans: Span[]
  usage: TokenUsage | undefined
  models: readonly string[]
  error?: string | undefined
}

type Building = Turn & {
  open: Map<string, Span>
  /** Of the model call that is under way or was last: its attempts that broke off. */
  broken: Span[]
}

const timeOf = ({ ts }: Event) => Date.parse(ts)

/** The turns of a log and what they did, in order. Contract: pure; a log that is cut anywhere has spans without an end. */
export function turnsOf(events: readonly Event[]): Turn[] {
  const turns = new Map<string, Building>()
  for (const event of events) {
    const { turn_id: id } = event.context
    const key = id ?? (event.type === 'session.activated' ? event.data.turn_id : undefined)
    if (key === undefined) continue
    let turn = turns.get(key)
    if (!turn) {
      turn = begun(key, turns.size + 1, timeOf(event))
      turns.set(key, turn)
    }
    read(turn, event)
  }
  return [...turns.values()]
}

const begun = (id: string, number: number, startMs: number): Building => ({
  id,
  number,
  status: 'running',
  startMs,
  endMs: undefined,
  spans: [],
  usage: undefined,
  models: [],
  open: new Map(),
  broken: [],
})

function open(turn: Building, key: string, span: Pick<Span, 'kind' | 'name'> & { event: Event }) {
  const { kind, name, event } = span
  const id = `${key} ${event.id}`
  const made: Span = {
    key: id,
    kind,
    name,
    startMs: timeOf(event),
    endMs: undefined,
    details: [],
  }
  turn.spans.push(made)
  turn.open.set(key, made)
}

function close(turn: Building, key: string, event: Event, more: Partial<Span> = {}) {
  const span = turn.open.get(key)
  if (!span) return
  turn.open.delete(key)
  Object.assign(span, { endMs: timeOf(event), ...more })
  // A node was there at once.
  if (key === queue && timeOf(event) - span.startMs < waitMsMin) turn.spans.shift()
}

const brokenOff = {
  retry: 'Broke off and was begun anew',
  takeover: 'Its node was lost: another took over',
} as const

/** Ends what is open as something that broke off, and begins the same anew. */
function beginAnew(turn: Building, key: string, event: Event, kind: keyof typeof brokenOff): Span {
  const span = turn.open.get(key)!
  const before = { kind: span.kind, name: span.name }
  close(turn, key, event, { kind, details: [brokenOff[kind]] })
  open(turn, key, { ...before, event })
  return span
}

/** A shorter wait for a node is none. */
const waitMsMin = 20

const queue = 'queue'
const model = 'model'
const summary = 'summary'
const toolOf = (id: string) => `tool ${id}`
const approvalOf = (id: string) => `approval ${id}`

type Reader = (turn: Building, event: Event) => void

const readers: Partial<Record<Event['type'], Reader>> = {
  'session.activated': (turn, event) =>
    open(turn, queue, { kind: 'wait', name: 'Waits for a node', event }),
  'turn.started': (turn, event) => close(turn, queue, event),
  'output.message.started': readAsked,
  'output.message.completed': (turn, event) => close(turn, model, event),
  'llm.generation': readGeneration,
  'context.compacting': (turn, event) => {
    if (turn.open.has(summary)) beginAnew(turn, summary, event, 'retry')
    else open(turn, summary, { kind: 'summary', name: 'Summarizes what came before', event })
  },
  'context.compacted': (turn, event) => close(turn, summary, event),
  'tool.started': readStarted,
  'tool.approval_requested': readApproval,
  'tool.approval_resolved': readDecision,
  'tool.call_requested': readRequested,
  'tool.completed': readTool,
  'turn.completed': (turn, event) => end(turn, event, 'completed'),
  'turn.failed': (turn, event) => end(turn, event, 'failed'),
  'turn.cancelled': (turn, event) => end(turn, event, 'cancelled'),
}

function read(turn: Building, event: Event) {
  readers[event.type]?.(turn, event)
}

function readAsked(turn: Building, event: Event) {
  if (event.type !== 'output.message.started') return
  const { model: name = 'Model', attempt = 1 } = event.data
  if (attempt > 1 && turn.open.has(model)) {
    turn.broken.push(beginAnew(turn, model, event, 'retry'))
    return
  }
  turn.broken = []
  if (!turn.models.includes(name)) turn.models = [...turn.models, name]
  open(turn, model, { kind: 'model', name, event })
}

/** It may come before or after the message that it is about. */
function readGeneration(turn: Building, event: Event) {
  if (event.type !== 'llm.generation') return
  const { usage, time_to_first_token_ms: first, success, error, retry } = event.data.metadata
  const span = turn.open.get(model) ?? turn.spans.findLast(({ kind }) => kind === 'model')
  if (!span) return
  if (first !== undefined) span.details.push(`First text after ${first} ms`)
  if (usage) turn.usage = turn.usage ? added(turn.usage, usage) : usage
  if (usage) span.details.push(`${usage.input_tokens} tokens in, ${usage.output_tokens} out`)
  retry?.error_codes?.forEach((code, at, { length }) => {
    turn.broken.at(at - length)?.details.push(code)
  })
  // Attempts before those of the node that got the answer were another's.
  const left = turn.broken.at(-1 - (retry?.attempts ?? 0))
  if (left) Object.assign(left, { kind: 'takeover', details: [brokenOff.takeover] })
  if (success) return
  close(turn, model, event)
  span.error = error ?? 'failed'
}

/** What a turn used so far; when it ends it says so itself. */
function added(one: TokenUsage, other: TokenUsage): TokenUsage {
  const cost = one.cost_usd === undefined ? other.cost_usd : one.cost_usd + (other.cost_usd ?? 0)
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    cache_read_tokens: (one.cache_read_tokens ?? 0) + (other.cache_read_tokens ?? 0),
    ...(cost !== undefined && { cost_usd: cost }),
  }
}

/** The same call again: another node took the turn over. */
function readStarted(turn: Building, event: Event) {
  if (event.type !== 'tool.started') return
  const { id, name } = event.data.tool_call
  const key = toolOf(id)
  if (turn.open.has(key)) beginAnew(turn, key, event, 'takeover')
  else open(turn, key, { kind: 'tool', name, event })
}

function readApproval(turn: Building, event: Event) {
  if (event.type !== 'tool.approval_requested') return
  const { id, name } = event.data.tool_call
  open(turn, approvalOf(id), { kind: 'wait', name: `${name} waits to be allowed`, event })
}

function readDecision(turn: Building, event: Event) {
  if (event.type !== 'tool.approval_resolved') return
  const { tool_call_id: id, decision } = event.data
  const span = turn.open.get(approvalOf(id))
  span?.details.push(decision)
  close(turn, approvalOf(id), event)
}

function readRequested(turn: Building, event: Event) {
  if (event.type !== 'tool.call_requested') return
  for (const { id, name } of event.data.tool_calls) {
    open(turn, toolOf(id), { kind: 'wait', name: `${name} waits for a client`, event })
  }
}

function readTool(turn: Building, event: Event) {
  if (event.type !== 'tool.completed') return
  const { tool_call_id: id, success, error, status } = event.data
  close(turn, toolOf(id), event, success ? {} : { error: error ?? status })
}

function end(turn: Building, event: Event, status: TurnStatus) {
  turn.status = status
  turn.endMs = timeOf(event)
  if ('usage' in event.data) turn.usage = event.data.usage as TokenUsage
  if (event.type === 'turn.failed') turn.error = event.data.error
  for (const key of [...turn.open.keys()]) close(turn, key, event)
}
