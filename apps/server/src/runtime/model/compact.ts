import type { CompactionInfo, EventContext, ModelProfile, TokenUsage } from '@outlast/contract'
import type { RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import { KnownFailure } from '../../providers/failure.ts'
import { providers } from '../../providers/index.ts'
import type { ModelCallOptions, VendorModel } from '../../providers/provider.ts'
import { type Compacted, viewOf, withCompaction } from '../../store/log/conversation.ts'
import type { ModelRoute } from '../../store/models/models.ts'
import type { Turn } from '../journal/attempt.ts'
import { callTimeMs, commit, draft, mayBegin, nowOf } from '../journal/journal.ts'
import { commitReserving, estimateCall } from './budget/budget.ts'
import { callModel, ModelCallError } from './call.ts'
import {
  type CompactionPlan,
  planFor,
  type Room,
  type Summarizing,
  tokensOf,
  tokensOfText,
} from './compaction-plan.ts'
import { promptTools } from './prompt.ts'
import { emptyReply, type ModelReply } from './reply.ts'
import { sendInForm } from './request-forms.ts'
import { type CallResult, callWithRetry, noteUsage, takeUnlogged } from './retry.ts'
import { summaryPrompt } from './summary-prompt.ts'

export type Fitting = {
  route: ModelRoute
  model: VendorModel
  secret: string | undefined
  profile: ModelProfile | undefined
  context: EventContext
} & Pick<Room, 'tokensMax' | 'cutsMessages'>

/** `done`: the compaction, if any. `failed`: the summary's model call, if it failed. */
export type Fitted = { done: CompactionInfo | undefined; failed: CallResult | undefined }

const nothing: Fitted = { done: undefined, failed: undefined }
const roundsMax = 8

/**
 * Compacts the conversation when it exceeds the model's limit. Removed parts stay in the log, and
 * an event records the compaction.
 */
export async function fit(turn: Turn, fitting: Fitting): Promise<Fitted> {
  if (surelyFits(turn, fitting.tokensMax)) return nothing
  // Drafts become part of the conversation once they are stored.
  await commit(turn)
  const begun = performance.now()
  const before = tokensIn(turn)
  let isDone = false
  for (let round = 0; round < roundsMax; round += 1) {
    const { tokensMax, cutsMessages } = fitting
    const room = { tokensMax, cutsMessages, tokensFixed: tokensFixed(turn) }
    const plan = planFor(viewOf(turn.conversation), room)
    if (plan.kind === 'fits' || plan.kind === 'stuck') break
    const failed = await carryOutPlan(turn, fitting, plan)
    if (failed) return { done: undefined, failed }
    isDone = true
  }
  if (!isDone) return nothing
  const done = {
    compacted: true,
    input_tokens_before: before,
    input_tokens_after: tokensIn(turn),
    duration_ms: Math.round(performance.now() - begun),
  }
  return { done, failed: undefined }
}

/** Cheap check that passes for most conversations: a text has at most one token per character. */
function surelyFits(turn: Turn, tokensMax: number): boolean {
  const { conversation, prompt, tools, drafts } = turn
  const drafted = drafts.map(({ stored }) => stored.data)
  const added = drafted.reduce((sum, { length }) => sum + length, 0)
  const own = prompt.body.length + turn.addedPrompt.length + (turn.output?.body.length ?? 0)
  const length = conversation.length + own + tools.body.length * schemaShare
  if (length + added <= tokensMax) return true
  return tokensIn(turn) + drafted.reduce((sum, data) => sum + tokensOfText(data), 0) <= tokensMax
}

/** Upper bound of the length of tools with schemas, relative to those without. */
const schemaShare = 10

const fixed = new WeakMap<RuntimeAgent, number>()

/** Tokens of the fixed part of a prompt: its system texts, the tools and the output schema. */
function tokensFixed({ agent, addedPrompt, output }: Turn): number {
  const known = fixed.get(agent)
  if (known !== undefined) return known
  const texts = [agent.prompt, JSON.stringify(promptTools(agent)), addedPrompt, output?.body ?? '']
  const tokens = texts.reduce((sum, text) => sum + tokensOfText(text), 0)
  fixed.set(agent, tokens)
  return tokens
}

/** Estimates the tokens of the current prompt. */
export function tokensIn(turn: Turn, conversation = turn.conversation): number {
  const entries = viewOf(conversation)
  return entries.reduce((total, { message }) => total + tokensOf(message), tokensFixed(turn))
}

type Making = Extract<CompactionPlan, { kind: 'shorten' | 'summarize' }>

async function carryOutPlan(
  turn: Turn,
  fitting: Fitting,
  plan: Making,
): Promise<CallResult | undefined> {
  const begun = performance.now()
  const said = turn.conversation.compactions.at(-1)?.said
  if (plan.kind === 'shorten') {
    await record(turn, fitting, { begun, said: { ...said, shortened_to: plan.to } })
    return undefined
  }
  const answer = await summarize(turn, fitting, plan)
  noteUsage(turn, fitting.route, answer.reply)
  if (answer.failed) return { ...answer, reply: emptyReply() }
  const { text: summary } = answer.reply
  const usage = takeUnlogged(turn)
  await record(turn, fitting, { begun, usage, said: { ...said, summary, summarized_to: plan.to } })
  return undefined
}

/** Summarizes with the model of the turn. A partial summary is discarded. */
function summarize(turn: Turn, fitting: Fitting, plan: Summarizing) {
  const { route, model, secret, context, profile } = fitting
  const { config } = turn.node
  const about = { turn_id: turn.run.turnId, summarized_to: plan.to, input_tokens: tokensIn(turn) }
  const outputTokens = outputTokensOf(plan, profile)
  const prompt = summaryPrompt(plan)
  const begin = async () => {
    const size = { route, profile, execId: context.exec_id!, outputTokens }
    const call = estimateCall(turn, { ...size, inputTokens: tokensOfText(JSON.stringify(prompt)) })
    const intend = () => draft(turn, 'context.compacting', context, about)
    await commitReserving(turn, { call, profile }, intend)
    await mayBegin(turn)
  }
  const request = async () => {
    const size = { prompt, outputTokens: turn.granted ?? outputTokens }
    const reply = await sendInForm(
      turn,
      () => ({ options: optionsFor(turn, route, size) }),
      ({ options }) =>
        callModel(model, {
          options,
          signal: turn.signal,
          secret,
          silenceMs: config.MODEL_TIMEOUT_MS,
          timeoutMs: callTimeMs(turn),
          onBegun: () => turn.node.breaker.answered(route.provider_id),
        }),
    )
    const problem = summaryProblem(reply, plan)
    if (problem === undefined) return reply
    throw new ModelCallError(new KnownFailure('bad_response', problem), reply)
  }
  return callWithRetry(turn, route, { begin, request })
}

/** Room for thinking, which models count as output. */
const thinkingTokens = 8_192

/** Twice the wanted length, because models miss it. */
function outputTokensOf({ tokensMax }: Summarizing, profile: ModelProfile | undefined): number {
  const { reasoning, limits } = profile ?? {}
  const most = limits?.output ?? Number.POSITIVE_INFINITY
  return Math.min(most, tokensMax * 2 + (reasoning ? thinkingTokens : 0))
}

function optionsFor(
  { run: { sessionId }, forms }: Turn,
  { provider_type, model_id: modelId }: ModelRoute,
  { prompt, outputTokens }: { prompt: ModelCallOptions['prompt']; outputTokens: number },
): ModelCallOptions {
  const { tune = (options: ModelCallOptions) => options } = providers[provider_type]
  const providerOptions = { llmsim: { purpose: 'summary' } }
  const about = { sessionId, modelId, outputTokensMax: outputTokens, isOnce: true, forms }
  return tune({ prompt, maxOutputTokens: outputTokens, providerOptions }, about)
}

/** Explains why a reply is no summary: one that is cut off must have its wanted length. */
function summaryProblem({ text, finishReason }: ModelReply, plan: Summarizing): string | undefined {
  if (text.trim() === '') return 'The summary is empty.'
  const isCut = finishReason === 'length' && tokensOfText(text) < plan.tokensMax
  return isCut ? 'The summary is cut off.' : undefined
}

type Recorded = { begun: number; said: Compacted; usage?: TokenUsage | undefined }

async function record(turn: Turn, { context }: Fitting, { begun, said, usage }: Recorded) {
  const { summary, summarized_to, shortened_to } = said
  const { turnId } = turn.run
  const at = { sequence: turn.sequence + 1, ts: new Date(nowOf(turn)).toISOString(), turnId }
  draft(turn, 'context.compacted', context, {
    turn_id: turnId,
    ...(summary !== undefined && { summary: summary.toWellFormed(), summarized_to }),
    ...(shortened_to !== undefined && { shortened_to }),
    input_tokens_before: tokensIn(turn),
    input_tokens_after: tokensIn(turn, withCompaction(turn.conversation, at, said)),
    duration_ms: Math.round(performance.now() - begun),
    ...(usage && { usage }),
  })
  turn.effects.outcome = true
  await commit(turn)
}
