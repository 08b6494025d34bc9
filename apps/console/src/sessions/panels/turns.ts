import {
  type Event,
  type StepAttempt,
  type TokenUsage,
  type ToolCall,
  type TurnStep,
  type TurnSteps,
  turnStepsOf,
} from '@outlast/sdk'
import { failedExitCode } from '../tools/failed-command.ts'

/** `retry` and `takeover`: attempts that were restarted on the same or on another node. */
export type SpanKind = 'wait' | 'model' | 'tool' | 'summary' | 'retry' | 'takeover'

/** A step within a turn. */
export type Span = {
  key: string
  kind: SpanKind
  name: string
  startMs: number
  /** Undefined while it runs. */
  endMs: number | undefined
  hasFailed: boolean
  /** Error message of a failed step. */
  error?: string | undefined
  /** Facts for the details line. */
  details: string[]
  /** 0: a model call, 1: a call of its reply, 2: a wait of that call. */
  depth: number
  /** Tokens and cost of a model call or a summary that has ended. */
  usage: TokenUsage | undefined
  /** `sequence` of the `llm.generation` of a model call that has ended. */
  generation: number | undefined
  /** The outcome of a step that summarizes messages. */
  summary: Summary | undefined
  call: ToolCall | undefined
}

type Summary = Extract<Event, { type: 'context.compacted' }>['data']
type StoredInput = NonNullable<TurnSteps['input']>['data']['message']

export type TurnStatus = 'running' | 'completed' | 'failed' | 'cancelled'

export type Turn = {
  id: string
  number: number
  /** The message that the turn answers, if it is among the events. */
  input: StoredInput | undefined
  status: TurnStatus
  startMs: number
  endMs: number | undefined
  spans: Span[]
  usage: TokenUsage | undefined
  models: readonly string[]
  error?: string | undefined
}

/** Returns the turns of a log with their steps. Contract: pure. A truncated log has open spans. */
export const turnsOf = (events: readonly Event[]): Turn[] =>
  turnStepsOf(events).map((turn, index) => ({
    id: turn.turnId,
    number: index + 1,
    input: turn.input?.data.message,
    status: turnStatusOf(turn),
    startMs: timeOf(turn.first),
    endMs: turn.ended && timeOf(turn.ended),
    spans: spansOf(turn),
    usage: usageOf(turn),
    models: modelsOf(turn),
    error: turn.ended?.type === 'turn.failed' ? turn.ended.data.error : undefined,
  }))

type Stored = Pick<TurnSteps['first'], 'ts' | 'sequence'>

const timeOf = ({ ts }: Stored) => Date.parse(ts)
const sequenceOf = ({ sequence = 0 }: Stored) => sequence

const turnStatusOf = ({ ended }: TurnSteps) =>
  (ended?.type.slice('turn.'.length) ?? 'running') as TurnStatus

const modelsOf = ({ steps }: TurnSteps) => [
  ...new Set(steps.filter(({ kind }) => kind === 'model').map(nameOf)),
]

/** Returns the usage of a turn. Its end event has the sum of all model calls before it. */
function usageOf({ ended, steps }: TurnSteps): TokenUsage | undefined {
  const generations = steps.flatMap((step) => (step.kind === 'model' ? (step.ended ?? []) : []))
  const known = ended?.data.usage
  return generations
    .filter((event) => !known || sequenceOf(event) > sequenceOf(ended!))
    .map(({ data }) => data.metadata.usage)
    .reduce((sum, usage) => (sum && usage ? added(sum, usage) : (sum ?? usage)), known)
}

function added(one: TokenUsage, other: TokenUsage): TokenUsage {
  const cost = one.cost_usd === undefined ? other.cost_usd : one.cost_usd + (other.cost_usd ?? 0)
  return {
    input_tokens: one.input_tokens + other.input_tokens,
    output_tokens: one.output_tokens + other.output_tokens,
    cache_read_tokens: (one.cache_read_tokens ?? 0) + (other.cache_read_tokens ?? 0),
    ...(cost !== undefined && { cost_usd: cost }),
  }
}

/** Returns the spans of a turn as the rows of a tree, without the time in the queue. */
function spansOf(turn: TurnSteps): Span[] {
  const rows: { order: number[]; span: Span }[] = []
  const begun = new Map<string, number>()
  let group = 0
  for (const step of turn.steps) {
    if (step.kind === 'queue') continue
    const first = sequenceOf(step.attempts[0]!.began)
    const id = callOf(step)?.id
    if (id === undefined) group = first
    else if (!begun.has(id)) begun.set(id, first)
    const place = id === undefined ? 0 : begun.get(id)!
    for (const [at, { began }] of step.attempts.entries()) {
      const order = [group, place, isWait(step) ? 1 : 0, sequenceOf(began)]
      rows.push({ order, span: spanOf(turn, step, at) })
    }
  }
  return rows.sort((one, other) => compared(one.order, other.order)).map(({ span }) => span)
}

/** Compares two lists by their first different numbers. */
function compared(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index])
  return at === -1 ? 0 : one[at]! - other[at]!
}

const callOf = (step: TurnStep) => ('call' in step ? step.call : undefined)

const isWait = ({ kind }: TurnStep) => kind === 'approval' || kind === 'question'

const depthOf = (step: TurnStep) => (callOf(step) ? (isWait(step) ? 2 : 1) : 0)

const brokenOff = {
  retry: 'Interrupted and retried',
  takeover: 'The node was lost. Another node took over',
  question: 'Asked a question. Started again with the answers',
} as const

function spanOf(turn: TurnSteps, step: TurnStep, at: number): Span {
  const { began, broke, code } = step.attempts[at]!
  const next = step.attempts[at + 1]?.began ?? step.ended
  const times = [next, turn.ended].flatMap((event) => (event ? timeOf(event) : []))
  return {
    key: `${nameOf(step)} ${callOf(step)?.id ?? ''} ${began.sequence}`,
    kind: broke && broke !== 'question' ? broke : spanKindOf(step),
    name: nameOf(step),
    depth: depthOf(step),
    call: callOf(step),
    ...(next === step.ended ? amountsOf(step) : noAmounts),
    startMs: timeOf(began),
    endMs: times.length > 0 ? Math.min(...times) : undefined,
    ...(broke
      ? { details: [brokenOff[broke], ...codesOf(broke, code)], hasFailed: false }
      : outcomeOf(turn, step)),
  }
}

const noAmounts = { usage: undefined, generation: undefined, summary: undefined }

/** The amounts of a step that has ended, and what its details show. */
function amountsOf(step: TurnStep): Pick<Span, 'usage' | 'generation' | 'summary'> {
  if (step.kind === 'model') {
    const { data, sequence } = step.ended ?? {}
    return { ...noAmounts, usage: data?.metadata.usage, generation: sequence }
  }
  if (step.kind !== 'summary') return noAmounts
  return { ...noAmounts, usage: step.ended?.data.usage, summary: step.ended?.data }
}

const codesOf = (broke: StepAttempt['broke'], code: string | undefined) =>
  broke === 'retry' && code !== undefined ? [code] : []

function spanKindOf({ kind }: TurnStep): SpanKind {
  if (kind === 'model' || kind === 'summary' || kind === 'tool') return kind
  return 'wait'
}

function nameOf(step: TurnStep): string {
  switch (step.kind) {
    case 'queue':
      return 'Waiting for a node'
    case 'model':
      return step.model ?? 'Model'
    case 'summary':
      return 'Summarizing earlier messages'
    case 'tool':
      return step.call.name
    case 'client_tool':
      return `${step.call.name}: waiting for client`
    case 'budget':
      return 'Waiting for a budget'
    case 'question':
      return `${step.call.name}: waiting for answers`
    case 'approval':
      return `${step.call.name}: waiting for approval`
  }
}

/** Returns the outcome of a step. A cancelled turn may end before its running steps. */
function outcomeOf(turn: TurnSteps, step: TurnStep): StepOutcome {
  const { ended } = step
  switch (ended?.type) {
    case 'llm.generation':
      return generationOf(ended)
    case 'tool.approval_resolved':
      return { details: [ended.data.decision], hasFailed: false }
    case 'tool.input_resolved':
      return { details: [ended.data.status.replace('_', ' ')], hasFailed: false }
    case 'tool.completed': {
      const isLate = turn.ended && sequenceOf(ended) > sequenceOf(turn.ended)
      return isLate ? { details: [], hasFailed: false } : callOutcomeOf(callOf(step), ended)
    }
    default:
      return { details: [], hasFailed: false }
  }
}

type StepOutcome = Pick<Span, 'details' | 'hasFailed' | 'error'>
type Completed = Extract<NonNullable<TurnStep['ended']>, { type: 'tool.completed' }>

/** A command that failed is a failed step, although its call has a result. */
function callOutcomeOf(call: ToolCall | undefined, { data }: Completed): StepOutcome {
  const { success, error, status, result } = data
  if (!success) return { details: [], hasFailed: true, error: error ?? status }
  const code = call && failedExitCode({ arguments: call.arguments, result: result ?? undefined })
  return { details: code ? [`exit code ${code}`] : [], hasFailed: code !== undefined }
}

type Generated = NonNullable<Extract<TurnStep, { kind: 'model' }>['ended']>

function generationOf({ data: { metadata } }: Generated): StepOutcome {
  const { usage, time_to_first_token_ms: first, success, error } = metadata
  const details = [
    ...(first === undefined ? [] : [`first token after ${first} ms`]),
    ...(usage ? [`${usage.input_tokens} input tokens, ${usage.output_tokens} output tokens`] : []),
  ]
  if (success) return { details, hasFailed: false }
  return { details, hasFailed: true, error: error ?? 'failed' }
}
