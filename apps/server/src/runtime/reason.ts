import { setTimeout as sleep } from 'node:timers/promises'
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { EventContext, ModelMetadata, ToolCall } from '@outlast/contract'
import { newId, newSpanId, uuidOf } from '../ids.ts'
import { languageModel } from '../providers/index.ts'
import { environmentKey } from '../providers/keys.ts'
import { publicFetch } from '../providers/outbound.ts'
import { findModelRoute, type ModelRoute } from '../store/models.ts'
import { previewOf, withoutNul } from '../text.ts'
import { throughOutages } from './append.ts'
import { newestControls, promptOf } from './context.ts'
import { commit, contextOf, draft, draftGeneration, mayBegin, nowOf, type Turn } from './journal.ts'
import { type LiveWriter, openLive } from './live.ts'
import type { Action, OpenReason } from './log.ts'
import { callModel, ModelCallError } from './model-call.ts'
import { agentMessage, emptyReply, type Reply } from './reply.ts'
import { FencedError } from './stop.ts'

type ReasonAction = Extract<Action, { kind: 'reason' }>
type Effort = NonNullable<LanguageModelV4CallOptions['reasoning']>

/** One model call in the making. */
type Asking = {
  route: ModelRoute | undefined
  effort: Effort | undefined
  open: OpenReason
  messageId: string
  metadata: ModelMetadata
  /** The context of everything the call says. */
  context: EventContext
}

/** How a call went, once it is not asked again. */
type Answer = { reply: Reply; error: string | undefined; attempts: number; waitedMs: number }

const apology = 'Something went wrong while I was working on a reply. Please try again.'
const firstPauseMs = 500
const longestPauseMs = 30_000

/**
 * Asks the model, as often as it takes, and decides on what came of it.
 * Contract: the request goes out only after its intent is stored.
 */
export async function reason(turn: Turn, action: ReasonAction): Promise<void> {
  const asking = await prepare(turn, action)
  const begun = performance.now()
  const answer = await ask(turn, asking)
  draftAnswer(turn, asking, { ...answer, durationMs: Math.round(performance.now() - begun) })
}

async function prepare(turn: Turn, { open: known }: ReasonAction): Promise<Asking> {
  const controls = newestControls(turn.conversation.entries)
  const route = await routeOf(turn, controls.model_id)
  const metadata = {
    model: route?.model_id ?? 'none',
    ...(route && { model_id: uuidOf(route.id), provider_id: uuidOf(route.provider_id) }),
  }
  const open = known ?? beginReason(turn, metadata)
  const span = { parent_span_id: open.spanId, span_id: newSpanId() }
  return {
    route,
    effort: effortOf(controls.reasoning?.effort),
    open,
    messageId: open.messageId ?? newId('message'),
    metadata,
    context: { ...contextOf(turn), exec_id: open.execId, ...span },
  }
}

/** The model to ask: of the newest message, of the session, of the agent, else the organization's default. */
async function routeOf(turn: Turn, ofMessage: string | null | undefined) {
  const { node, run, taken, conversation, state } = turn
  const isFirst = state.iterations === 0 && conversation.entries.at(-1)?.sequence === taken.sequence
  if (isFirst && taken.route) return taken.route
  const wanted = [ofMessage, taken.model_id, taken.default_model_id]
  const candidates = wanted.filter((id) => typeof id === 'string')
  return throughOutages(node, turn.signal, () => findModelRoute(node.db, run.orgId, candidates))
}

function beginReason(turn: Turn, metadata: ModelMetadata): OpenReason {
  const open = {
    execId: newId('exec'),
    spanId: newSpanId(),
    messageId: undefined,
    model: undefined,
    askedAt: 0,
    attempt: 0,
  }
  draft(turn, 'reason.started', reasonContext(turn, open), {
    agent_id: turn.taken.agent_id,
    metadata,
  })
  return open
}

function reasonContext(turn: Turn, { execId, spanId }: OpenReason): EventContext {
  const context = contextOf(turn)
  return { ...context, exec_id: execId, span_id: spanId, parent_span_id: turn.run.turnId }
}

const efforts = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const

function effortOf(text: string | null | undefined): Effort | undefined {
  return efforts.find((effort) => effort === text)
}

async function ask(turn: Turn, asking: Asking): Promise<Answer> {
  const { node, signal } = turn
  const vendor = asking.route && (await vendorOf(turn, asking.route))
  let waitedMs = 0
  for (let attempts = 1; ; attempts += 1) {
    const attempt = asking.open.attempt + attempts
    draftRequest(turn, asking, attempt)
    await commit(turn)
    if (!vendor) {
      const error = 'No model configured: add a provider and make one of its models the default.'
      return { reply: emptyReply(), error, attempts, waitedMs }
    }
    await mayBegin(turn)
    try {
      return {
        reply: await stream(turn, asking, { ...vendor, attempt }),
        error: undefined,
        attempts,
        waitedMs,
      }
    } catch (error) {
      if (!(error instanceof ModelCallError)) throw error
      if (signal.aborted) throw interrupted(turn, asking, error.partial)
      if (!error.passing || attempts >= node.config.MODEL_ATTEMPTS_MAX) {
        return { reply: error.partial, error: error.message, attempts, waitedMs }
      }
      node.log.warn('model call broke', { session: turn.run.sessionId, error: error.message })
      waitedMs += await pause(attempts, error.retryAfterMs, signal)
    }
  }
}

/** Cancelled or handed over in the middle of a reply: what was said is the cancel's to keep. */
function interrupted(turn: Turn, { context, metadata, messageId }: Asking, partial: Reply) {
  if (partial.text !== '') {
    const about = { id: messageId, model: metadata.model, now: nowOf(turn) }
    const message = agentMessage({ ...partial, toolCalls: [] }, about)
    draft(turn, 'output.message.completed', context, { message, metadata })
    turn.effects.outputPreview = previewOf(withoutNul(partial.text))
  }
  return new FencedError()
}

async function pause(attempt: number, retryAfterMs: number | undefined, signal: AbortSignal) {
  const backoff = firstPauseMs * 2 ** (attempt - 1) * (0.5 + Math.random())
  const ms = Math.round(Math.min(longestPauseMs, retryAfterMs ?? backoff))
  await sleep(ms, undefined, { signal }).catch(() => {
    throw new FencedError()
  })
  return ms
}

/** The model to call, and the key with which. */
type Vendor = { model: LanguageModelV4; secret: string | undefined }

async function vendorOf({ node, run }: Turn, route: ModelRoute): Promise<Vendor> {
  const { provider_type: type, base_url: baseUrl, api_key: sealed, model_id: name } = route
  const own = sealed === null ? undefined : node.secrets?.open(sealed)
  const apiKey = own ?? environmentKey(node.config, { orgId: run.orgId, type, baseUrl })
  const { AUTH_MODE: mode, PRIVATE_HOSTS_ALLOWED: allowed } = node.config
  // Without authentication whoever may name an address is whoever runs the server.
  const isGuarded = baseUrl !== null && mode !== 'none'
  const fetch = isGuarded ? await publicFetch(allowed) : undefined
  const model = languageModel(type, { apiKey, baseUrl: baseUrl ?? undefined, fetch }, name)
  return { model: await model, secret: apiKey }
}

function draftRequest(
  turn: Turn,
  { context, messageId, metadata, effort }: Asking,
  attempt: number,
) {
  const data = {
    turn_id: turn.run.turnId,
    model: metadata.model,
    message_id: messageId,
    ...(attempt > 1 && { attempt }),
  }
  draft(turn, 'output.message.started', context, data)
  if (effort) {
    draft(turn, 'reason.thinking.started', context, { turn_id: turn.run.turnId, model: data.model })
  }
}

async function stream(
  turn: Turn,
  { context, effort }: Asking,
  { model, secret, attempt }: Vendor & { attempt: number },
): Promise<Reply> {
  const { node, lease, run, agent, signal } = turn
  // `reason.thinking.started` may have come after it.
  const { sequence } = turn.events.findLast(({ type }) => type === 'output.message.started')!
  const about = { sequence, turnId: run.turnId, context: JSON.stringify(context) }
  let live: LiveWriter | undefined
  try {
    return await callModel(model, {
      options: {
        prompt: promptOf(agent.prompt, turn.conversation.entries),
        tools: toolsOf(turn),
        providerOptions: { llmsim: { attempt } },
        ...(effort && { reasoning: effort }),
      },
      signal,
      secret,
      timeoutMs: node.config.MODEL_TIMEOUT_MS,
      onText(kind, text) {
        live ??= openLive(node.bus, run.sessionId, about, { held: lease.held, signal })
        live.write(kind, text)
      },
    })
  } finally {
    live?.flush()
    live?.close()
  }
}

function toolsOf({ agent }: Turn): NonNullable<LanguageModelV4CallOptions['tools']> {
  return [...agent.tools.values()].map(({ name, description, input }) => ({
    type: 'function',
    name,
    description,
    inputSchema: input as never,
  }))
}

function draftAnswer(
  turn: Turn,
  { open, messageId, metadata, context, effort, route }: Asking,
  { reply: raw, error, attempts, waitedMs, durationMs }: Answer & { durationMs: number },
): void {
  const failed = error !== undefined
  const reply = { ...raw, toolCalls: failed ? [] : withNewIds(turn, raw.toolCalls) }
  const { usage, toolCalls } = reply
  if (reply.thinking !== '') {
    draft(turn, 'reason.thinking.completed', context, {
      turn_id: turn.run.turnId,
      thinking: reply.thinking.toWellFormed(),
    })
  }
  draftGeneration(turn, context, {
    output: { text: reply.text.toWellFormed(), tool_calls: toolCalls },
    metadata: {
      model: metadata.model,
      success: !failed,
      ...(route && { provider: route.provider_type }),
      ...(usage && { usage }),
      duration_ms: reply.durationMs,
      ...(reply.firstTokenMs !== undefined && { time_to_first_token_ms: reply.firstTokenMs }),
      finish_reasons: [failed ? 'error' : finishReason(reply)],
      ...(reply.responseId && { response_id: reply.responseId }),
      ...(failed && { error }),
      ...(attempts > 1 && { retry: { attempts: attempts - 1, total_wait_ms: waitedMs } }),
    },
  })
  const said = failed && reply.text === '' ? { ...reply, text: apology } : reply
  const about = { id: messageId, model: metadata.model, effort, now: nowOf(turn) }
  const message = agentMessage(said, about)
  draft(turn, 'output.message.completed', context, { message, metadata, ...(usage && { usage }) })
  draft(turn, 'reason.completed', reasonContext(turn, open), {
    success: !failed,
    has_tool_calls: toolCalls.length > 0,
    tool_call_count: toolCalls.length,
    ...(said.text !== '' && { text_preview: previewOf(said.text.toWellFormed()) }),
    ...(failed && { error }),
    duration_ms: durationMs,
    ...(usage && { usage }),
  })
  turn.effects.outcome = true
  if (said.text !== '') turn.effects.outputPreview = previewOf(withoutNul(said.text.toWellFormed()))
}

const finishReason = (reply: Reply) => {
  if (reply.toolCalls.length > 0) return 'tool_calls'
  return reply.finishReason === 'length' ? 'length' : 'stop'
}

/** A call keeps the vendor's id only if it is new in this session: ids must tell calls apart. */
function withNewIds({ conversation: { entries } }: Turn, calls: ToolCall[]): ToolCall[] {
  if (calls.length === 0) return calls
  const known = new Set<string>()
  for (const { message } of entries) {
    for (const part of message.content) if (part.type === 'tool_call') known.add(part.id)
  }
  return calls.map((call) => {
    const id =
      call.id === '' || known.has(call.id) ? newId('exec').replace('exec', 'call') : call.id
    known.add(id)
    return { ...call, id }
  })
}
