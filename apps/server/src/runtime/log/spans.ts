import type { ToolCall } from '@outlast/contract'
import { type StepEvent, type TurnStep, type TurnSteps, turnStepsOf } from '@outlast/sdk/turn-steps'
import type { Span, SpanValue } from '../../observe/span.ts'
import { derivedSpanId, spanIdOf, traceOf } from '../../observe/trace-context.ts'
import { contentText, type LoggedEvent } from './state.ts'

/** An event and the time at which it was stored. */
export type StoredEvent = LoggedEvent & { ts: string }

export type TurnAbout = {
  orgId: string
  sessionId: string
  turnId: string
  inputMessageId: string
  agentId: string
  agentName: string
  /** The end user to whom the session belongs. */
  user: string | null
  withContent: boolean
}

type Attributes = Record<string, SpanValue | undefined>

/** Values that all spans of a trace share. */
type Trace = {
  about: TurnAbout
  base: Pick<Span, 'traceId' | 'parentId'>
  last: StepEvent
  /** Error of steps that are open at the end of the turn. */
  openError: string
}

type Step<Kind extends TurnStep['kind']> = Extract<TurnStep, { kind: Kind }>

/**
 * Builds the spans of an ended turn by OpenTelemetry's conventions for generative AI. Ids and times
 * come from the log, so that every node builds the same spans.
 * Contract: pure. `events` are those of the turn and its message, in order, with its end last.
 * Empty when the caller's trace is not sampled.
 */
export function spansOf(about: TurnAbout, events: readonly StoredEvent[]): Span[] {
  const turn = turnStepsOf(events).find(({ turnId }) => turnId === about.turnId)
  if (!turn?.ended) return []
  const { traceId, parentId, isSampled } = traceOf(about.turnId, turn.input?.context.traceparent)
  if (!isSampled) return []
  const base = { traceId, parentId: spanIdOf(about.turnId) }
  const failure = codeOfFailedTurn(turn)
  const trace = { about, base, last: turn.last, openError: failure ?? 'cancelled' }
  // A budget that fails the turn is not waited for.
  const isWait = ({ kind, ended }: TurnStep) => !(kind === 'budget' && !ended && failure)
  const steps = turn.steps.filter(isWait).map((step) => stepSpan(trace, step))
  return [rootSpan(trace, turn, parentId), ...steps, ...clientWaits(trace, turn.steps)]
}

/** The error code of a failed turn. */
const codeOfFailedTurn = ({ ended }: TurnSteps) =>
  ended?.type === 'turn.failed' ? (ended.data.error_code ?? 'unknown') : undefined

function stepSpan(trace: Trace, step: TurnStep): Span {
  switch (step.kind) {
    case 'queue':
      return queueSpan(trace, step)
    case 'model':
      return modelSpan(trace, step)
    case 'summary':
      return summarySpan(trace, step)
    case 'approval':
      return approvalSpan(trace, step)
    case 'budget':
      return budgetSpan(trace, step)
    case 'question':
      return questionSpan(trace, step)
    case 'tool':
    case 'client_tool':
      return toolSpan(trace, step)
  }
}

const loggedSpan = ({ context }: StepEvent) => context.span_id ?? ''
const parentOf = ({ context }: StepEvent) => context.parent_span_id ?? ''

const eventTimeMs = ({ ts }: StepEvent) => Date.parse(ts)

type Made = Pick<Span, 'name' | 'kind' | 'spanId'> & {
  began: StepEvent
  /**
   * Without an end the span lasts as long as the turn: a cancel stores running steps after itself.
   */
  ended: StepEvent | undefined
  attributes: Attributes
  error?: string | undefined
  events?: Span['events']
}

function spanFrom({ about, base, last, openError }: Trace, made: Made): Span {
  const { began, ended, ...span } = made
  const error = ended ? made.error : openError
  const named = { 'gen_ai.conversation.id': about.sessionId, ...span.attributes }
  return {
    ...base,
    ...span,
    startMs: eventTimeMs(began),
    endMs: eventTimeMs(ended ?? last),
    attributes: definedAttributes({ ...named, 'error.type': error }),
    events: span.events ?? [],
    error,
  }
}

/** Drops undefined attributes. Runs several times per turn. */
function definedAttributes(attributes: Attributes): Span['attributes'] {
  const known: Span['attributes'] = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) known[name] = value
  }
  return known
}

const waitSpan = (
  kind: 'queue' | 'client' | 'approval' | 'input' | 'budget',
  spanId: string,
  attributes = {},
) => ({
  name: `wait ${kind}`,
  kind: 'internal' as const,
  spanId,
  attributes: { 'outlast.wait.kind': kind, ...attributes },
})

function queueSpan(trace: Trace, { attempts: [first], ended }: Step<'queue'>): Span {
  const span = waitSpan('queue', derivedSpanId(`${trace.about.turnId} queue`))
  return spanFrom(trace, { ...span, began: first!.began, ended })
}

const chatSpan = (model: string, spanId: string, attributes: Attributes = {}) => ({
  name: `chat ${model}`,
  kind: 'client' as const,
  spanId,
  attributes: {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': model,
    'gen_ai.request.stream': true,
    ...attributes,
  },
})

/** Retries, in one process or the next, belong to the same call. */
const retriesOf = ({ attempts }: Step<'model' | 'summary'>): Span['events'] =>
  attempts.slice(1).map(({ began }, index) => {
    const { attempt = index + 2 } = began.data as { attempt?: number }
    const attributes = { 'outlast.attempt': attempt }
    return { name: 'retry', timeMs: eventTimeMs(began), attributes }
  })

function modelSpan(trace: Trace, step: Step<'model'>): Span {
  const { began } = step.attempts[0]!
  const { ended } = step
  const { attributes, ...span } = chatSpan(step.model ?? 'none', spanIdOf(parentOf(began)))
  const metadata = ended?.data.metadata
  return spanFrom(trace, {
    ...span,
    began,
    ended,
    attributes: { ...attributes, ...(ended && generationAttributes(trace, ended)) },
    error: metadata?.success === false ? (metadata.error_code ?? 'unknown') : undefined,
    events: retriesOf(step),
  })
}

function generationAttributes(trace: Trace, event: StepEvent<'llm.generation'>): Attributes {
  const { metadata } = event.data
  const { usage, time_to_first_token_ms: firstMs, retry } = metadata
  return {
    'gen_ai.provider.name': providerOf(event) ?? 'unknown',
    'gen_ai.response.finish_reasons': metadata.finish_reasons,
    'gen_ai.response.id': metadata.response_id,
    'gen_ai.response.time_to_first_chunk': firstMs === undefined ? undefined : firstMs / 1_000,
    'gen_ai.conversation.compacted': metadata.compaction?.compacted,
    'outlast.retry.error_codes': retry?.error_codes?.length ? retry.error_codes : undefined,
    ...usageAttributes(usage),
    ...contentAttribute(trace, 'gen_ai.output.messages', () => outputMessages(event)),
  }
}

/** Names of vendors in the conventions. */
const providerNames: Record<string, string> = {
  google: 'gcp.gemini',
  azure_openai: 'azure.ai.openai',
  openai_completions: 'openai',
}

function providerOf({ data: { metadata } }: StepEvent<'llm.generation'>) {
  return metadata.provider && (providerNames[metadata.provider] ?? metadata.provider)
}

type Usage = NonNullable<StepEvent<'turn.completed'>['data']['usage']>

const usageAttributes = (usage: Usage | undefined): Attributes => ({
  'gen_ai.usage.input_tokens': usage?.input_tokens,
  'gen_ai.usage.output_tokens': usage?.output_tokens,
  'gen_ai.usage.cache_read.input_tokens': usage?.cache_read_tokens ?? undefined,
  'gen_ai.usage.cache_write.input_tokens': usage?.cache_creation_tokens ?? undefined,
  'outlast.usage.cost_usd': usage?.cost_usd ?? undefined,
})

/** A summary is a separate call to the model of the reply. */
function summarySpan(trace: Trace, step: Step<'summary'>): Span {
  const { began } = step.attempts[0]!
  const { ended } = step
  const spanId = derivedSpanId(`${parentOf(began)} compact ${began.sequence}`)
  const span = chatSpan(step.model ?? 'none', spanId, {
    'outlast.purpose': 'summary',
    ...usageAttributes(ended?.data.usage),
  })
  return spanFrom(trace, { ...span, began, ended, events: retriesOf(step) })
}

const toolAttributes = ({ id, name }: Pick<ToolCall, 'id' | 'name'>): Attributes => ({
  'gen_ai.tool.name': name,
  'gen_ai.tool.call.id': id,
})

/** Covers the latest attempt only: an earlier one on a lost node has no outcome. */
function toolSpan(
  trace: Trace,
  { kind, attempts, ended, call }: Step<'tool' | 'client_tool'>,
): Span {
  const { began } = attempts.at(-1)!
  const isClients = kind === 'client_tool'
  const data = ended?.data
  return spanFrom(trace, {
    name: `execute_tool ${call.name}`,
    kind: 'internal',
    spanId: isClients
      ? derivedSpanId(`${loggedSpan(began)} ${call.id}`)
      : spanIdOf(loggedSpan(began)),
    began,
    ended,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.type': 'function',
      'outlast.tool.runs_on': isClients ? 'client' : 'server',
      ...toolAttributes(call),
      ...contentAttribute(trace, 'gen_ai.tool.call.arguments', () => call.arguments),
      'outlast.tool.status': data?.status,
      ...(data && contentAttribute(trace, 'gen_ai.tool.call.result', () => data.result)),
    },
    error: data?.success === false ? data.status : undefined,
  })
}

/** One wait covers all calls that were requested together. */
function clientWaits(trace: Trace, steps: readonly TurnStep[]): Span[] {
  const calls = steps.filter((step) => step.kind === 'client_tool')
  return [...Map.groupBy(calls, ({ attempts: [first] }) => first!.began)].map(([began, asked]) => {
    const ids = { 'outlast.wait.tool_call_ids': asked.map(({ call }) => call.id) }
    const ends = asked.map(({ ended }) => ended)
    const ended = ends.includes(undefined) ? undefined : latestOf(ends)
    return spanFrom(trace, {
      ...waitSpan('client', spanIdOf(loggedSpan(began)), ids),
      began,
      ended,
    })
  })
}

const latestOf = (events: readonly (StepEvent | undefined)[]) =>
  events.toSorted((a, b) => a!.sequence! - b!.sequence!).at(-1)

function approvalSpan(trace: Trace, { attempts: [first], ended, call }: Step<'approval'>): Span {
  const { began } = first!
  const attributes = {
    ...toolAttributes(call),
    'outlast.approval.decision': ended?.data.decision,
  }
  const span = waitSpan('approval', derivedSpanId(`${loggedSpan(began)} approval`), attributes)
  return spanFrom(trace, { ...span, began, ended })
}

function questionSpan(trace: Trace, { attempts: [first], ended, call }: Step<'question'>): Span {
  const { began } = first!
  const id = derivedSpanId(`${loggedSpan(began)} ${began.sequence} input`)
  return spanFrom(trace, { ...waitSpan('input', id, toolAttributes(call)), began, ended })
}

function budgetSpan(trace: Trace, { attempts: [first], ended }: Step<'budget'>): Span {
  const { began } = first!
  const id = derivedSpanId(`${loggedSpan(began)} ${began.sequence} budget`)
  const attributes = { 'outlast.budget.id': began.data.budget_id }
  return spanFrom(trace, { ...waitSpan('budget', id, attributes), began, ended })
}

function rootSpan({ about, base }: Trace, turn: TurnSteps, parentId: string | undefined): Span {
  const { ended, input, first, last, steps } = turn
  const error = codeOfFailedTurn(turn)
  const answered = steps.findLast((step) => step.kind === 'model' && step.ended)
  const generation = answered?.ended as StepEvent<'llm.generation'> | undefined
  // A retry of an earlier turn has none.
  const isQueued = steps.some(({ kind }) => kind === 'queue')
  return {
    ...base,
    spanId: base.parentId!,
    parentId,
    name: `invoke_agent ${about.agentName}`,
    kind: 'internal',
    startMs: eventTimeMs((isQueued && input) || first),
    endMs: eventTimeMs(last),
    attributes: definedAttributes({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': about.agentName,
      'gen_ai.conversation.id': about.sessionId,
      'user.id': about.user ?? undefined,
      'outlast.agent.id': about.agentId,
      'outlast.org.id': about.orgId,
      'outlast.turn.id': about.turnId,
      'outlast.turn.outcome': ended?.type.slice('turn.'.length),
      'outlast.turn.model_calls': turn.modelCalls,
      'gen_ai.provider.name': generation && providerOf(generation),
      'gen_ai.request.model': generation?.data.metadata.model,
      ...usageAttributes(ended?.data.usage),
      ...contentAttribute({ about }, 'gen_ai.input.messages', () => inputOf(input)),
      'error.type': error,
    }),
    events: [],
    error,
  }
}

/** Limit of each content in a trace. */
export const contentLengthMax = 32_768

/** Input and output as JSON, if the operator records content in traces. */
function contentAttribute(
  { about }: Pick<Trace, 'about'>,
  name: string,
  content: () => unknown,
): Attributes {
  if (!about.withContent) return {}
  const value = content()
  if (value === undefined) return {}
  return { [name]: JSON.stringify(value).slice(0, contentLengthMax) }
}

const textMessages = (role: string, text: string) => [
  { role, parts: [{ type: 'text', content: text }] },
]

const inputOf = (input: TurnSteps['input']) =>
  input && textMessages('user', contentText(input.data.message.content) ?? '')

/** Reads fields of a model call that the log stores but a resumed turn does not need. */
function outputMessages(event: StepEvent<'llm.generation'>) {
  const { output } = event.data as { output?: { text?: string | null; tool_calls?: ToolCall[] } }
  const calls = (output?.tool_calls ?? []).map(({ id, name, arguments: input }) => ({
    type: 'tool_call',
    id,
    name,
    arguments: input,
  }))
  const text = output?.text ? [{ type: 'text', content: output.text }] : []
  return [{ role: 'assistant', parts: [...text, ...calls] }]
}
