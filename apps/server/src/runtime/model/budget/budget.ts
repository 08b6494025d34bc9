import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelProfile, WaitingFor } from '@outlast/contract'
import { withCost, worstPrices } from '../../../providers/cost.ts'
import type { FailureKind } from '../../../providers/failure.ts'
import { providers } from '../../../providers/index.ts'
import {
  type BudgetRefusal,
  BudgetRefusedError,
  type CallEstimate,
  type Spent,
} from '../../../store/budgets/charges.ts'
import type { ModelRoute } from '../../../store/models/models.ts'
import { parkForBudget } from '../../../store/turns/waits.ts'
import { dollarsOf, nanosOf } from '../../../store/usage.ts'
import { type CountedCall, lastOf, type Turn } from '../../journal/attempt.ts'
import { contextOf } from '../../journal/contexts.ts'
import { FencedError } from '../../journal/errors.ts'
import { commit, draft, parkBy, waitBegan } from '../../journal/journal.ts'
import { tokensOf, tokensOfText } from '../compaction-plan.ts'
import type { ModelReply } from '../reply.ts'

/** The call is not worth its prompt with fewer tokens of output. */
const outputMin = 256
/** A call with room for this many does not wait for other calls to release theirs. */
const outputFair = 8_192
/** Vendors count up to a quarter more tokens than the estimate. */
const inputMargin = 1.25

type CallSize = {
  route: ModelRoute
  profile: ModelProfile | undefined
  execId: string
  /** Estimated tokens of the prompt, and the most tokens of output. */
  inputTokens: number
  outputTokens: number
  /** Tokens of the prompt as the vendor has counted them. */
  inputMin?: number
}

/** Estimates the most that a model call uses. */
export function estimateCall(turn: Turn, size: CallSize): CallEstimate {
  const { route, profile, execId, outputTokens } = size
  const inputTokens = Math.max(Math.ceil(size.inputTokens * inputMargin), size.inputMin ?? 0)
  const free = providers[route.provider_type].local ? { input: 0, perOutputToken: 0 } : undefined
  const prices = worstPrices(profile, inputTokens) ?? free
  return {
    exec_id: execId,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    output_min: outputMin,
    output_fair: outputFair,
    input_cost: prices?.input ?? null,
    output_price: prices?.perOutputToken ?? null,
    counts_only_tokens: turn.node.config.BUDGET_UNKNOWN_PRICES === 'tokens',
  }
}

/** Tokens of the drafts that the next call has in its prompt. */
export const tokensOfDrafts = ({ drafts }: Turn): number =>
  drafts.reduce((sum, { logged, stored }) => {
    if (logged.type === 'output.message.completed') return sum + tokensOf(logged.data.message)
    return logged.type === 'tool.completed' ? sum + tokensOfText(stored.data) : sum
  }, 0)

/**
 * Returns the tokens that the vendor counted in the prompt of the turn's last call of this model,
 * with the estimate of the messages since, and the thinking that is sent back with its reply; 0
 * without one, and after a compaction.
 */
export function reportedTokens(turn: Turn, model: string): number {
  const { events, drafts, conversation, forms } = turn
  const logged = [...events, ...drafts.map((drafted) => drafted.logged)]
  const at = logged.findLastIndex(
    ({ type }) => type === 'llm.generation' || type === 'context.compacted',
  )
  const last = logged[at]
  if (last?.type !== 'llm.generation' || last.data.metadata.model !== model) return 0
  const { usage } = last.data.metadata
  if (!usage) return 0
  // Messages may have arrived during the call, before its record.
  const added = conversation.entries.filter(({ sequence }) => sequence > turn.context.sequence)
  const sizes = added.map(({ message }) => tokensOf(message))
  const since = sizes.reduce((sum, size) => sum + size, tokensOfDrafts(turn))
  const replied = logged.slice(at).find((event) => event.type === 'output.message.completed')
  const reply = replied?.data.message
  const isReturned = reply?.thinking_signature || (reply && forms.has('returned_thinking'))
  const thought = isReturned ? Math.max(0, usage.output_tokens - tokensOf(reply)) : 0
  return usage.input_tokens + thought + since
}

/** Kinds of failure after which the vendor may have begun a reply. */
const mayHaveBegun = new Set<FailureKind>(['timeout', 'broken_stream', 'bad_response', 'refused'])

/**
 * Notes what an ended call has used, as reported, else as far as this process can tell: the next
 * append settles its reservations.
 */
export function noteSpent(turn: Turn, reply: ModelReply, failed: FailureKind | undefined): void {
  const { counted, granted, effects } = turn
  if (turn.isReserved && counted) effects.spent = spentBy(counted, { reply, failed, granted })
}

/** Vendors charge for thinking that they do not send. It counts so for each second of silence. */
const hiddenTokensPerSecond = 100

/** A cancel, and failures of a vendor that may have thought until then. */
const cutsThinking = new Set<FailureKind | undefined>([undefined, 'timeout', 'broken_stream'])

/**
 * Counts the time before the first output of a call that was cut off, which would cost only its
 * prompt otherwise, however often a caller cancels or the server retries.
 */
function hiddenTokens(profile: ModelProfile | undefined, { reply, failed }: EndedCall): number {
  const { thinking, finishReason, firstTokenMs, durationMs } = reply
  const isCut = finishReason === undefined && cutsThinking.has(failed)
  if (!profile?.reasoning || thinking !== '' || !isCut) return 0
  return Math.ceil(((firstTokenMs ?? durationMs) / 1000) * hiddenTokensPerSecond)
}

type EndedCall = {
  reply: ModelReply
  failed: FailureKind | undefined
  /** The most tokens of output that the call asked for. */
  granted: number | undefined
}

function spentBy({ call, profile }: CountedCall, ended: EndedCall): Spent {
  const { reply, failed, granted } = ended
  const { input_tokens, input_cost, output_price } = call
  const usage = withCost(profile, reply.usage)
  if (usage && usage.input_tokens + usage.output_tokens > 0) {
    const tokens = usage.input_tokens + usage.output_tokens
    return { tokens, dollars: usage.cost_usd ?? (input_cost === 0 ? 0 : null) }
  }
  const { text, thinking, toolCalls, unfinished } = reply
  const calls = toolCalls.length > 0 ? JSON.stringify(toolCalls) : ''
  const received = [text, thinking, calls, ...unfinished.values()].join('')
  const began = !failed || received !== '' || mayHaveBegun.has(failed)
  if (!began) return { tokens: 0, dollars: 0 }
  const seen = tokensOfText(received) + hiddenTokens(profile, ended)
  const output = Math.min(seen, granted ?? Number.POSITIVE_INFINITY)
  const cost = input_cost === null ? null : input_cost + output * (output_price ?? 0)
  return { tokens: input_tokens + output, dollars: cost && dollarsOf(nanosOf(cost)) }
}

/** Longest wait for running calls to settle, with the attempts, before the turn is parked. */
const contendedMs = 3_000
const pauseMs = 100

/**
 * Stores the drafts with those of `intend` and a reservation for the call.
 * Contract: throws BudgetRefusedError, with nothing stored. The earlier drafts stay then.
 */
export async function commitReserving(
  turn: Turn,
  counted: CountedCall,
  intend: () => void,
): Promise<void> {
  const { state, drafts } = turn
  const before = { state, drafts: [...drafts] }
  if (state.blockedBy) {
    const { budgetId: budget_id } = state.blockedBy
    draft(turn, 'budget.resumed', contextOf(turn), { budget_id })
  }
  intend()
  try {
    await commitPatiently(turn, counted)
  } catch (error) {
    if (error instanceof BudgetRefusedError) Object.assign(turn, before)
    throw error
  }
}

/** The use of no call, with which an append stores the warnings of a call settled before. */
const nothingSpent: Spent = { tokens: 0, dollars: 0 }

async function commitPatiently(turn: Turn, counted: CountedCall): Promise<void> {
  const begun = performance.now()
  for (;;) {
    turn.counted = counted
    turn.effects.call = counted.call
    try {
      return await commit(turn)
    } catch (error) {
      delete turn.effects.call
      if (!(error instanceof BudgetRefusedError)) throw error
      // The refusal has settled the call before this one.
      turn.effects.spent = nothingSpent
      turn.isReserved = false
      const isLate = performance.now() - begun > contendedMs
      if (!error.refusal.contended || isLate) throw error
    }
    const ms = Math.round(pauseMs * (0.5 + Math.random()))
    await sleep(ms, undefined, { signal: turn.signal }).catch(() => {
      throw new FencedError()
    })
  }
}

/** True if the call fails instead of waiting. */
export const isFinal = ({ reason, contended, on_exhausted }: BudgetRefusal) =>
  reason === 'unpriced' || (reason === 'exhausted' && !contended && on_exhausted === 'fail')

/** The failure of a call that a budget refuses for good. */
export const failureKindOf = ({ reason }: BudgetRefusal): FailureKind =>
  reason === 'unpriced' ? 'budget_unpriced' : 'budget_exhausted'

/**
 * Drafts the event about a refusal, unless it waits for the same as the latest one about the turn's
 * budgets.
 */
export function draftRefusal(turn: Turn, refusal: BudgetRefusal): void {
  const { budget, reason } = refusal
  const { blockedBy } = turn.state
  const type = reason === 'paused' ? 'budget.paused' : 'budget.exhausted'
  const final = isFinal(refusal) && { is_final: true }
  if (!final && blockedBy?.type === type && blockedBy.budgetId === budget.budget_id) return
  draft(turn, type, contextOf(turn), { ...budget, ...final, message: refusalSentence(refusal) })
}

export function refusalSentence({ reason, contended, least, budget }: BudgetRefusal): string {
  const { currency, balance } = budget
  if (reason === 'paused') return 'The budget is paused.'
  if (reason === 'unpriced') return 'The price of the model is not known.'
  const held = contended ? ', part of it reserved by running calls' : ''
  return `The model call needs at least ${least} ${currency}. The budget has ${balance} ${currency}${held}.`
}

/**
 * Parks the turn until the budget has more.
 * Contract: false if something came in between: the turn goes on.
 */
export async function waitForBudget(turn: Turn, refusal: BudgetRefusal): Promise<boolean> {
  draftRefusal(turn, refusal)
  await commit(turn)
  const { node, run } = turn
  const { budget, needed, least, ends_at } = refusal
  const waitingFor: WaitingFor = {
    type: 'budget',
    tool_call_ids: [],
    since: waitBegan(turn, [turn.state.blockedBy!.since]),
    calls: [],
    budget_id: budget.budget_id,
    needed,
    least,
    resets_at: ends_at && new Date(ends_at).toISOString(),
  }
  const at = { nodeId: node.id, last: lastOf(turn), waitingFor }
  return parkBy(turn, () => parkForBudget(node.db, run, at))
}
