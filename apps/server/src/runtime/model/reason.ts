import type { ModelMetadata, ModelProfile } from '@outlast/contract'
import { newId, newSpanId, uuidOf } from '../../ids.ts'
import { spanIdOf, traceOf, traceparentFor } from '../../observe/trace-context.ts'
import { profileOf } from '../../providers/catalogue.ts'
import { connectionOf, requireKey } from '../../providers/connection.ts'
import { type FailureKind, failureOf, KnownFailure } from '../../providers/failure.ts'
import { answeringBy } from '../../providers/final-answer.ts'
import { languageModel, providers } from '../../providers/index.ts'
import { modelScope } from '../../providers/keys.ts'
import type { ModelCallOptions, VendorModel } from '../../providers/provider.ts'
import { BudgetRefusedError } from '../../store/budgets/charges.ts'
import { writtenOrder } from '../../store/bus/written-order.ts'
import { viewOf } from '../../store/log/conversation.ts'
import { findModelRoute, type ModelRoute } from '../../store/models/models.ts'
import { textPreview, withoutNul } from '../../text.ts'
import { throughOutages } from '../journal/append.ts'
import type { Turn } from '../journal/attempt.ts'
import { callContext, contextOf, stepContext } from '../journal/contexts.ts'
import { callTimeMs, commit, draft, mayBegin, nowOf } from '../journal/journal.ts'
import { openLive } from '../journal/live.ts'
import { logOf } from '../journal/metrics.ts'
import { newReason, type OpenReason, type TurnAction } from '../log/state.ts'
import {
  commitReserving,
  draftRefusal,
  estimateCall,
  failureKindOf,
  isFinal,
  refusalSentence,
  reportedTokens,
  tokensOfDrafts,
} from './budget/budget.ts'
import { callModel, ModelCallError } from './call.ts'
import { type Fitting, fit, tokensIn } from './compact.ts'
import { type Effort, effortFor } from './effort.ts'
import { promptWithImages } from './images/images.ts'
import { type OutputOptions, withOutput } from './output-format.ts'
import { controlsOf, promptOf, promptTools } from './prompt.ts'
import { type ModelCallOutcome, type ModelRequest, recordResult } from './record.ts'
import { agentMessage, emptyReply, type ModelReply, withOneCall } from './reply.ts'
import { sendInForm } from './request-forms.ts'
import { type Attempt, type CallResult, callWithRetry } from './retry.ts'

export type ReasonAction = Extract<TurnAction, { kind: 'reason' }>

/** A model call with its settings. */
type ModelCallPlan = ModelRequest & {
  effort: Effort | undefined
  /** Limit of output tokens that the message sets. */
  outputMax: number | undefined
}

/** The model, its route and its key. */
type RoutedModel = { route: ModelRoute; model: VendorModel; secret: string | undefined }

/**
 * Calls the model with retries and records the result.
 * Contract: stores its intent first. Throws BudgetRefusedError if the call has to wait.
 */
export async function reason(turn: Turn, action: ReasonAction): Promise<void> {
  const plan = await prepare(turn, action)
  const begun = performance.now()
  const answer = await ask(turn, plan)
  recordResult(turn, plan, { ...answer, durationMs: Math.round(performance.now() - begun) })
}

async function prepare(turn: Turn, { open: known }: ReasonAction): Promise<ModelCallPlan> {
  const controls = controlsOf(turn)
  const route = await routeOf(turn, controls.model_id)
  if (route?.id !== turn.modelOfForms) turn.forms.clear()
  turn.modelOfForms = route?.id
  const profile = route && profileOf(route.provider_type, route.model_id)
  const metadata = {
    model: route?.model_id ?? 'none',
    ...(route && { model_id: uuidOf(route.id), provider_id: uuidOf(route.provider_id) }),
  }
  const open = known ?? beginReason(turn, metadata)
  return {
    route,
    profile,
    effort: effortFor(profile, controls.reasoning?.effort),
    outputMax: controls.max_output_tokens ?? undefined,
    open,
    messageId: open.messageId ?? newId('message'),
    metadata,
    context: callContext(contextOf(turn), open, newSpanId()),
    omittedImages: [],
  }
}

/** Finds the model: of the newest message, session or agent, else the organization's default. */
async function routeOf(turn: Turn, ofMessage: string | null | undefined) {
  const { node, run, taken, conversation, state } = turn
  const isFirst = state.iterations === 0 && conversation.entries.at(-1)?.sequence === taken.sequence
  if (isFirst && taken.route) return taken.route
  const wanted = [ofMessage, taken.model_id, taken.default_model_id]
  const candidates = wanted.filter((id) => typeof id === 'string')
  return throughOutages(turn, turn.signal, () =>
    findModelRoute(node.db, modelScope(node.config, run.orgId), candidates),
  )
}

function beginReason(turn: Turn, metadata: ModelMetadata): OpenReason {
  const open = newReason({ execId: newId('exec'), spanId: newSpanId() })
  draft(turn, 'reason.started', stepContext(contextOf(turn), open), {
    agent_id: turn.taken.agent_id,
    metadata,
  })
  return open
}

type CompactedResult = CallResult & Pick<ModelCallOutcome, 'compaction'>

/** Target size, as a share of the estimate, after a provider rejects a prompt as too long. */
const secondShare = 0.6

/** Asks the model. A budget that refuses the call for good fails it. */
async function ask(turn: Turn, plan: ModelCallPlan): Promise<CompactedResult> {
  try {
    return await askModel(turn, plan)
  } catch (error) {
    if (!(error instanceof BudgetRefusedError) || !isFinal(error.refusal)) throw error
    const { refusal } = error
    if (refusal.reason === 'exhausted') draftRefusal(turn, refusal)
    return giveUp(turn, plan, unanswered(failureKindOf(refusal), refusalSentence(refusal)))
  }
}

async function askModel(turn: Turn, plan: ModelCallPlan): Promise<CompactedResult> {
  const { route, context } = plan
  if (!route) return giveUp(turn, plan, unanswered('not_configured', noModel))
  const vendor = await vendorOf(turn, route).catch((error) => keyless(turn, route, error))
  if ('failed' in vendor) return giveUp(turn, plan, vendor)
  const { profile } = plan
  const tokensMax = tokensMaxOf(turn, plan)
  const fitting = { ...vendor, profile, context, tokensMax, cutsMessages: false }
  const { done: compaction, failed } = await fit(turn, fitting)
  if (failed) return giveUp(turn, plan, failed)
  const attempts = attemptsOf(turn, plan, { ...vendor, before: 0 })
  const first = await callWithRetry(turn, route, attempts)
  if (first.failed?.failure.kind !== 'too_long') return { ...first, compaction }
  return askShorter(turn, plan, { first: { ...first, compaction }, fitting })
}

/**
 * Retries once with a shorter prompt, if it can be shortened. The estimate alone cuts no message,
 * because it may be wrong; a refusal does, or no later call of the session would fit.
 */
async function askShorter(
  turn: Turn,
  plan: ModelCallPlan,
  { first, fitting }: { first: CompactedResult; fitting: RoutedModel & Fitting },
): Promise<CompactedResult> {
  const tokensMax = Math.min(fitting.tokensMax, Math.floor(tokensIn(turn) * secondShare))
  const { done: compaction } = await fit(turn, { ...fitting, tokensMax, cutsMessages: true })
  if (!compaction) return first
  const attempts = attemptsOf(turn, plan, { ...fitting, before: first.attempts })
  const second = await callWithRetry(turn, fitting.route, attempts)
  return {
    ...second,
    compaction,
    attempts: first.attempts + second.attempts,
    waitedMs: first.waitedMs + second.waitedMs,
    codes: [...first.codes, first.failed!.failure.code, ...second.codes],
  }
}

const noModel = 'No model is configured. Add a provider and set one of its models as the default.'

function unanswered(kind: FailureKind, detail: string): CallResult {
  const failed = { failure: failureOf(new KnownFailure(kind, detail)), detail }
  return { reply: emptyReply(), failed, attempts: 1, waitedMs: 0, codes: [] }
}

/** Records a call that is not sent: it starts and fails. */
async function giveUp(
  turn: Turn,
  plan: ModelCallPlan,
  answer: CallResult,
): Promise<CompactedResult> {
  draftRequest(turn, plan, plan.open.attempt + 1)
  await commit(turn)
  return { ...answer, compaction: undefined }
}

/** Logs an error for the operator and fails the call without retrying. */
function keyless(turn: Turn, route: ModelRoute, error: unknown): CallResult {
  if (!(error instanceof KnownFailure)) throw error
  const about = { provider: route.provider_id, reason: error.message }
  logOf(turn).error('no usable key for the model of a turn', about)
  return unanswered(error.kind, error.message)
}

async function vendorOf({ node, run }: Turn, route: ModelRoute): Promise<RoutedModel> {
  const { provider_id: id, provider_type: type, base_url: baseUrl, api_key: sealed } = route
  const connection = await connectionOf(node, { orgId: run.orgId, id, type, baseUrl, sealed })
  requireKey(type, connection)
  const model = await languageModel(type, connection, route.model_id)
  return { route, model, secret: connection.apiKey }
}

/** The token limit of the prompt. */
function tokensMaxOf({ node: { config } }: Turn, { profile }: ModelCallPlan): number {
  const tokens = inputTokensMax(profile) ?? config.CONTEXT_TOKENS_UNKNOWN
  return Math.floor((tokens * config.CONTEXT_PERCENT) / 100)
}

/** Subtracts the room for the reply, at most half of the context. */
function inputTokensMax(profile: ModelProfile | undefined): number | undefined {
  if (!profile?.limits) return undefined
  const { context, output, input } = profile.limits
  return Math.min(input ?? context, context - outputTokensMax({ context, output }))
}

const outputTokensMax = ({ context, output }: { context: number; output: number }) =>
  Math.min(output, Math.floor(context / 2))

/** Attempts of a call. Numbers continue after earlier attempts. */
function attemptsOf(
  turn: Turn,
  plan: ModelCallPlan,
  vendor: RoutedModel & { before: number },
): Attempt {
  const numbered = (attempt: number) => plan.open.attempt + vendor.before + attempt
  return {
    async begin(attempt) {
      const counted = { call: estimateOf(turn, plan, vendor.route), profile: plan.profile }
      await commitReserving(turn, counted, () => draftRequest(turn, plan, numbered(attempt)))
      await mayBegin(turn)
    },
    async request(attempt) {
      try {
        return await stream(turn, plan, { ...vendor, attempt: numbered(attempt) })
      } catch (error) {
        if (error instanceof ModelCallError && turn.signal.aborted) {
          draftPartial(turn, plan, error.partial)
        }
        throw error
      }
    },
  }
}

function estimateOf(turn: Turn, plan: ModelCallPlan, route: ModelRoute) {
  const { profile, open } = plan
  const inputTokens = tokensIn(turn) + tokensOfDrafts(turn)
  const inputMin = reportedTokens(turn, route.model_id)
  const outputTokens = outputTokensOf(turn, plan)
  const size = { route, profile, execId: open.execId, inputTokens, inputMin, outputTokens }
  return estimateCall(turn, size)
}

/** The most tokens of output that a call asks for. */
const outputTokensOf = (
  { node: { config } }: Turn,
  { profile, outputMax = Number.POSITIVE_INFINITY }: Pick<ModelCallPlan, 'profile' | 'outputMax'>,
) => {
  const { limits } = profile ?? {}
  const most = limits ? outputTokensMax(limits) : Math.floor(config.CONTEXT_TOKENS_UNKNOWN / 2)
  return Math.min(most, outputMax)
}

/** Drafts the partial text of a reply, which a cancel keeps. */
function draftPartial(
  turn: Turn,
  { context, metadata, messageId }: ModelCallPlan,
  partial: ModelReply,
) {
  if (partial.text === '') return
  const about = { id: messageId, model: metadata.model, now: nowOf(turn) }
  const message = agentMessage({ ...partial, toolCalls: [] }, about)
  const order = writtenOrder(partial.spans)
  draft(turn, 'output.message.completed', context, { message, metadata, ...order })
  turn.effects.outputPreview = textPreview(withoutNul(partial.text))
}

function draftRequest(
  turn: Turn,
  { context, messageId, metadata, effort }: ModelCallPlan,
  attempt: number,
) {
  const about = { turn_id: turn.run.turnId, model: metadata.model }
  draft(turn, 'output.message.started', context, {
    ...about,
    message_id: messageId,
    ...(attempt > 1 && { attempt }),
    ...(turn.output && { expects_json: true }),
  })
  if (effort && effort !== 'none') draft(turn, 'reason.thinking.started', context, about)
}

const stream = (turn: Turn, plan: ModelCallPlan, vendor: RoutedModel & { attempt: number }) =>
  sendInForm(
    turn,
    () => optionsFor(turn, plan, vendor),
    (asked) => sendPrompt(turn, plan, { ...vendor, ...asked }),
  )

async function sendPrompt(
  turn: Turn,
  plan: ModelCallPlan,
  { route, model, secret, options, answerTool }: RoutedModel & OutputOptions,
): Promise<ModelReply> {
  const { node, lease, run, signal } = turn
  // `reason.thinking.started` may follow it.
  const { sequence } = turn.events.findLast(({ type }) => type === 'output.message.started')!
  const about = { sequence, turnId: run.turnId, context: JSON.stringify(plan.context) }
  try {
    const reply = await callModel(answerTool ? answeringBy(model, answerTool) : model, {
      options,
      signal,
      secret,
      silenceMs: node.config.MODEL_TIMEOUT_MS,
      timeoutMs: callTimeMs(turn),
      onBegun: () => node.breaker.answered(route.provider_id),
      onText(kind, text, call) {
        turn.live ??= openLive(node.bus, run.sessionId, about, { held: lease.held, signal })
        turn.live.write(kind, text, call)
      },
    })
    return turn.limits.oneCall ? withOneCall(reply) : reply
  } finally {
    turn.live?.flush()
  }
}

async function optionsFor(
  turn: Turn,
  plan: ModelCallPlan,
  { route, model, attempt }: Omit<RoutedModel, 'secret'> & { attempt: number },
): Promise<OutputOptions> {
  const { effort, profile } = plan
  const { agent, conversation, run, node, addedPrompt } = turn
  const type = route.provider_type
  const { tune = (all: ModelCallOptions) => all, imageLengthMax, imageSides } = providers[type]
  const prompt = promptOf([agent.prompt, addedPrompt], viewOf(conversation), route)
  const sees = seesImages(profile)
  const limits = { imageLengthMax, imageSides }
  const shown = await promptWithImages(turn, model, { prompt, sees, ...limits })
  plan.omittedImages = shown.omitted
  // A budget grants at most the limit of the message.
  const limit = turn.granted ?? (plan.outputMax && outputTokensOf(turn, plan))
  const options = {
    prompt: shown.prompt,
    tools: promptTools(agent),
    providerOptions: { llmsim: { attempt, scripts: node.config.SIMULATED_SCRIPTS } },
    ...(effort && { reasoning: effort }),
    ...(limit !== undefined && { maxOutputTokens: limit }),
    ...contextFor(turn, plan),
  }
  const most = limit ?? (profile?.limits && outputTokensMax(profile.limits))
  const asked = withOutput(turn, { type, profile }, options)
  // Vendors refuse the option in a call without tools.
  const oneCall = turn.limits.oneCall && agent.tools.size > 0
  const { sessionId } = run
  const { forms } = turn
  const about = { sessionId, modelId: route.model_id, outputTokensMax: most, oneCall, forms }
  return { ...asked, options: tune(asked.options, about) }
}

/** Trace headers for the vendor, if the operator enables them. */
function contextFor({ node: { tracer }, run, state }: Turn, { open }: ModelCallPlan) {
  if (!tracer?.propagatesTo.models) return undefined
  const trace = traceOf(run.turnId, state.input?.traceparent)
  return { headers: { traceparent: traceparentFor(trace, spanIdOf(open.spanId)) } }
}

const seesImages = (profile: ModelProfile | undefined) =>
  profile?.modalities?.input.includes('image') ?? true
