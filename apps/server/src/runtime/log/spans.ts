import type { Span, SpanValue } from '../../observe/span.ts'
import { derivedSpanId, spanIdOf, traceOf } from '../../observe/trace-context.ts'
import { type LoggedEvent, textOf } from './state.ts'

/** An event, and when it was stored. */
export type StoredEvent = LoggedEvent & { ts: string }

export type TurnAbout = {
  orgId: string
  sessionId: string
  turnId: string
  inputMessageId: string
  agentId: string
  agentName: string
  withContent: boolean
}

type Attributes = Record<string, SpanValue | undefined>

/** A span whose end has not been met yet. */
type Open = Pick<Span, 'spanId' | 'name' | 'kind' | 'startMs' | 'attributes' | 'events'>

type Outcome = { attributes?: Attributes; error?: string | undefined }

/** What is known of a turn while its log is gone through. */
type Trace = {
  about: TurnAbout
  base: Pick<Span, 'traceId'>
  rootId: string
  done: Span[]
  /** By what ends them. */
  open: Map<string, Open>
  /** Who was asked, by the step of reasoning. */
  models: Map<string | undefined, string>
  /** The model of the latest call, and its vendor. */
  last: Attributes
}

/**
 * The spans of a turn that has ended, in the words of OpenTelemetry's conventions for generative AI. Ids and times are
 * the log's, so that it does not matter which nodes did what, or which of them asks.
 * Contract: pure. `events` are those of the turn and its message, in order, its end last; none for a turn whose caller
 * records nothing.
 */
export function spansOf(about: TurnAbout, events: readonly StoredEvent[]): Span[] {
  const input = events.find(
    (event) => event.type === 'input.message' && event.data.message.id === about.inputMessageId,
  )
  const context = traceOf(about.turnId, input?.context.traceparent)
  const own = events.filter((event) => event.context.turn_id === about.turnId)
  const end = own.findLast(({ type }) => endTypes.has(type))
  if (!context.isSampled || !end) return []
  const trace: Trace = {
    about,
    base: { traceId: context.traceId },
    rootId: spanIdOf(about.turnId),
    done: [],
    open: new Map(),
    models: new Map(),
    last: {},
  }
  if (input) begin(trace, 'queue', input, waitSpan('queue', derivedSpanId(`${about.turnId} queue`)))
  for (const event of own) {
    const read = readers[event.type] as Reader<typeof event.type> | undefined
    read?.(trace, event)
  }
  // What a cancel found in the middle of it is stored behind the cancel.
  const last = own.at(-1)!
  for (const key of [...trace.open.keys()]) finish(trace, key, last, { error: 'cancelled' })
  const { parentId } = context
  return [rootSpan(trace, { own, end, last, input, parentId }), ...trace.done]
}

const endTypes = new Set<string>(['turn.completed', 'turn.failed', 'turn.cancelled'])

type Reader<T extends StoredEvent['type']> = (trace: Trace, event: Of<T>) => void

/** What begins a span and what ends one. */
const readers: { [T in StoredEvent['type']]?: Reader<T> } = {
  'turn.started': (trace, event) => finish(trace, 'queue', event, {}),
  'reason.started': ({ models }, { context, data }) =>
    models.set(context.span_id, data.metadata?.model ?? 'none'),
  'output.message.started': readAsked,
  'llm.generation': readGeneration,
  'context.compacting': readCompacting,
  'context.compacted': readCompacted,
  'tool.started': (trace, event) =>
    beginTool(trace, event, { call: event.data.tool_call, spanId: spanIdOf(spanOf(event)) }),
  'tool.call_requested': readRequested,
  'tool.approval_requested': readApproval,
  'tool.approval_resolved': readDecision,
  'tool.completed': readTool,
}

const spanOf = ({ context }: StoredEvent) => context.span_id ?? ''
const parentOf = ({ context }: StoredEvent) => context.parent_span_id ?? ''

type Of<T extends StoredEvent['type']> = StoredEvent & { type: T }

const timeOf = ({ ts }: StoredEvent) => Date.parse(ts)

function begin(
  { open, about }: Trace,
  key: string,
  event: StoredEvent,
  {
    attributes = {},
    ...span
  }: Pick<Open, 'name' | 'kind' | 'spanId'> & { attributes?: Attributes },
) {
  const all = { 'gen_ai.conversation.id': about.sessionId, ...attributes }
  open.set(key, { ...span, startMs: timeOf(event), attributes: present(all), events: [] })
}

function finish(trace: Trace, key: string, event: StoredEvent, { attributes, error }: Outcome) {
  const span = trace.open.get(key)
  if (!span) return
  trace.open.delete(key)
  trace.done.push({
    ...trace.base,
    ...span,
    parentId: trace.rootId,
    endMs: timeOf(event),
    attributes: { ...span.attributes, ...present({ ...attributes, 'error.type': error }) },
    error,
  })
}

/** Without what is not known. It runs several times a turn. */
function present(attributes: Attributes): Span['attributes'] {
  const known: Span['attributes'] = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) known[name] = value
  }
  return known
}

const waitSpan = (kind: 'queue' | 'client' | 'approval', spanId: string, attributes = {}) => ({
  name: `wait ${kind}`,
  kind: 'internal' as const,
  spanId,
  attributes: { 'outlast.wait.kind': kind, ...attributes },
})

const chatKey = (event: StoredEvent) => `chat ${parentOf(event)}`
const compactKey = (event: StoredEvent) => `compact ${parentOf(event)}`

/** Asked again, in one process or by the next, it is the same call. */
function readAsked(trace: Trace, event: Of<'output.message.started'>) {
  const key = chatKey(event)
  const { model = 'none', attempt } = event.data
  const known = trace.open.get(key)
  if (known) return again(known, event, attempt)
  begin(trace, key, event, chatSpan(model, spanIdOf(parentOf(event))))
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

function again({ events }: Open, event: StoredEvent, attempt = events.length + 2) {
  const attributes = { 'outlast.attempt': attempt }
  events.push({ name: 'retry', timeMs: timeOf(event), attributes })
}

function readGeneration(trace: Trace, event: Of<'llm.generation'>) {
  const { metadata } = event.data
  const { usage, time_to_first_token_ms: firstMs, retry } = metadata
  const provider = metadata.provider && (providerNames[metadata.provider] ?? metadata.provider)
  trace.last = { 'gen_ai.provider.name': provider, 'gen_ai.request.model': metadata.model }
  finish(trace, chatKey(event), event, {
    attributes: {
      'gen_ai.provider.name': provider ?? 'unknown',
      'gen_ai.response.finish_reasons': metadata.finish_reasons,
      'gen_ai.response.id': metadata.response_id,
      'gen_ai.response.time_to_first_chunk': firstMs === undefined ? undefined : firstMs / 1_000,
      'gen_ai.conversation.compacted': metadata.compaction?.compacted,
      'outlast.retry.error_codes': retry?.error_codes?.length ? retry.error_codes : undefined,
      ...usageAttributes(usage),
      ...contentOf(trace, 'gen_ai.output.messages', () => outputOf(event)),
    },
    error: metadata.success ? undefined : (metadata.error_code ?? 'unknown'),
  })
}

/** What the conventions call the vendors that they know. */
const providerNames: Record<string, string> = {
  google: 'gcp.gemini',
  azure_openai: 'azure.ai.openai',
  openai_completions: 'openai',
}

type Usage = NonNullable<Of<'turn.completed'>['data']['usage']>

const usageAttributes = (usage: Usage | undefined): Attributes => ({
  'gen_ai.usage.input_tokens': usage?.input_tokens,
  'gen_ai.usage.output_tokens': usage?.output_tokens,
  'gen_ai.usage.cache_read.input_tokens': usage?.cache_read_tokens ?? undefined,
  'gen_ai.usage.cache_write.input_tokens': usage?.cache_creation_tokens ?? undefined,
  'outlast.usage.cost_usd': usage?.cost_usd ?? undefined,
})

/** A summary is a call of its own, to the model that the reply is asked of. */
function readCompacting(trace: Trace, event: Of<'context.compacting'>) {
  const known = trace.open.get(compactKey(event))
  if (known) return again(known, event)
  const spanId = derivedSpanId(`${parentOf(event)} compact ${event.sequence}`)
  const model = trace.models.get(parentOf(event)) ?? 'none'
  begin(trace, compactKey(event), event, chatSpan(model, spanId, { 'outlast.purpose': 'summary' }))
}

function readCompacted(trace: Trace, event: Of<'context.compacted'>) {
  finish(trace, compactKey(event), event, { attributes: usageAttributes(event.data.usage) })
}

type Call = Of<'tool.started'>['data']['tool_call']

const toolAttributes = ({ id, name }: Pick<Call, 'id' | 'name'>): Attributes => ({
  'gen_ai.tool.name': name,
  'gen_ai.tool.call.id': id,
})

type Started = { call: Call; spanId: string; runsOn?: 'server' | 'client' }

function beginTool(trace: Trace, event: StoredEvent, { call, spanId, runsOn = 'server' }: Started) {
  begin(trace, `tool ${call.id}`, event, {
    name: `execute_tool ${call.name}`,
    kind: 'internal',
    spanId,
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.type': 'function',
      'outlast.tool.runs_on': runsOn,
      ...toolAttributes(call),
      ...contentOf(trace, 'gen_ai.tool.call.arguments', () => call.arguments),
    },
  })
}

/** The wait is one, for as many calls as were asked for at once. */
function readRequested(trace: Trace, event: Of<'tool.call_requested'>) {
  const { tool_calls: calls } = event.data
  for (const call of calls) {
    const spanId = derivedSpanId(`${spanOf(event)} ${call.id}`)
    beginTool(trace, event, { call, spanId, runsOn: 'client' })
  }
  const ids = { 'outlast.wait.tool_call_ids': calls.map(({ id }) => id) }
  const span = waitSpan('client', spanIdOf(spanOf(event)), ids)
  begin(trace, `client ${spanOf(event)}`, event, span)
}

function readApproval(trace: Trace, event: Of<'tool.approval_requested'>) {
  const { tool_call: call } = event.data
  const span = waitSpan(
    'approval',
    derivedSpanId(`${spanOf(event)} approval`),
    toolAttributes(call),
  )
  begin(trace, `approval ${call.id}`, event, span)
}

function readDecision(trace: Trace, event: Of<'tool.approval_resolved'>) {
  const { tool_call_id: id, decision } = event.data
  finish(trace, `approval ${id}`, event, { attributes: { 'outlast.approval.decision': decision } })
}

function readTool(trace: Trace, event: Of<'tool.completed'>) {
  const { tool_call_id: id, status, success, result } = event.data
  finish(trace, `tool ${id}`, event, {
    attributes: {
      'outlast.tool.status': status,
      ...contentOf(trace, 'gen_ai.tool.call.result', () => result),
    },
    error: success ? undefined : status,
  })
  for (const [key, { attributes }] of trace.open) {
    const waited = attributes['outlast.wait.tool_call_ids']
    if (!Array.isArray(waited) || !waited.includes(id)) continue
    if (waited.every((one) => !trace.open.has(`tool ${one}`))) finish(trace, key, event, {})
  }
}

type Ends = {
  own: readonly StoredEvent[]
  end: StoredEvent
  last: StoredEvent
  input: StoredEvent | undefined
  parentId: string | undefined
}

function rootSpan(trace: Trace, { own, end, last, input, parentId }: Ends): Span {
  const { about, base, rootId } = trace
  const error = end.type === 'turn.failed' ? (end.data.error_code ?? 'unknown') : undefined
  const { usage } = end.data as Of<'turn.completed'>['data']
  return {
    ...base,
    spanId: rootId,
    parentId,
    name: `invoke_agent ${about.agentName}`,
    kind: 'internal',
    startMs: timeOf(input ?? own[0]!),
    endMs: timeOf(last),
    attributes: present({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': about.agentName,
      'gen_ai.conversation.id': about.sessionId,
      'outlast.agent.id': about.agentId,
      'outlast.org.id': about.orgId,
      'outlast.turn.id': about.turnId,
      'outlast.turn.outcome': end.type.slice('turn.'.length),
      'outlast.turn.model_calls': own.filter(({ type }) => type === 'reason.started').length,
      ...trace.last,
      ...usageAttributes(usage),
      ...contentOf(trace, 'gen_ai.input.messages', () => inputOf(input)),
      'error.type': error,
    }),
    events: [],
    error,
  }
}

const contentLengthMax = 32_768

/** What was written and read, as JSON, where whoever runs the server wants it in traces. */
function contentOf({ about }: Trace, name: string, content: () => unknown): Attributes {
  if (!about.withContent) return {}
  const value = content()
  if (value === undefined) return {}
  return { [name]: JSON.stringify(value).slice(0, contentLengthMax) }
}

const messageOf = (role: string, text: string) => [
  { role, parts: [{ type: 'text', content: text }] },
]

function inputOf(input: StoredEvent | undefined) {
  if (input?.type !== 'input.message') return undefined
  return messageOf('user', textOf(input.data.message.content) ?? '')
}

/** The log has more of a model call than a turn that goes on needs. */
function outputOf(event: Of<'llm.generation'>) {
  const { output } = event.data as { output?: { text?: string | null; tool_calls?: Call[] } }
  const calls = (output?.tool_calls ?? []).map(({ id, name, arguments: input }) => ({
    type: 'tool_call',
    id,
    name,
    arguments: input,
  }))
  const text = output?.text ? [{ type: 'text', content: output.text }] : []
  return [{ role: 'assistant', parts: [...text, ...calls] }]
}
