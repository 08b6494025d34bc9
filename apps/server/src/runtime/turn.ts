import { outputIn } from '../capabilities/schemas/output.ts'
import { failureKinds } from '../providers/failure.ts'
import { BudgetRefusedError } from '../store/budgets/charges.ts'
import type { TurnFailure } from '../store/turns/turn-appends.ts'
import { parkTurn } from '../store/turns/waits.ts'
import { type Draft, lastOf, type Turn } from './journal/attempt.ts'
import { contextOf } from './journal/contexts.ts'
import { FencedError } from './journal/errors.ts'
import {
  commit,
  draft,
  makeDraft,
  nextTurn,
  nowOf,
  parkBy,
  timeLeft,
  waitBegan,
} from './journal/journal.ts'
import { logOf } from './journal/metrics.ts'
import type { OpenCall } from './log/open-calls.ts'
import { contentText, next, type TurnOutcome } from './log/state.ts'
import { turnTotals } from './log/turn-totals.ts'
import { waitOf } from './log/wait.ts'
import { waitForBudget } from './model/budget/budget.ts'
import { type ReasonAction, reason } from './model/reason.ts'
import { missingCapabilities } from './refusal.ts'
import { act } from './tools/act.ts'

/** `left`: for the next node that takes it. `parked`: until an answer resumes it. */
export type HowFar = 'over' | 'left' | 'parked'

/**
 * Performs actions until the turn ends, waits for an answer, or `stopping` hands it over. All
 * drafts are stored then.
 * Contract: throws FencedError when this attempt may not continue.
 */
export async function runTurn(turn: Turn, stopping: () => boolean): Promise<HowFar> {
  const { kind } = turn.state.phase
  if (kind !== 'unbegun' && kind !== 'ended') warnUnavailable(turn)
  const { TOOL_REPEATS_MAX: repeatsMax } = turn.node.config
  const { iterationsMax } = turn.limits
  for (;;) {
    const action = next(turn.state, { iterationsMax, repeatsMax, overdue: timeLeft(turn) <= 0 })
    if (action.kind === 'done') return 'over'
    if (action.kind === 'wait') {
      if (await park(turn, action.calls)) return 'parked'
      continue
    }
    if (action.kind !== 'end' && stopping()) {
      await commit(turn)
      return 'left'
    }
    if (action.kind === 'begin') begin(turn)
    if (action.kind === 'reason' && (await reasonOrPark(turn, action))) return 'parked'
    if (action.kind === 'act') await act(turn, action)
    if (action.kind === 'end') await end(turn, action.outcome)
  }
}

/** Calls the model. True if the turn is parked, because the call does not fit into a budget. */
async function reasonOrPark(turn: Turn, action: ReasonAction): Promise<boolean> {
  try {
    await reason(turn, action)
    return false
  } catch (error) {
    if (!(error instanceof BudgetRefusedError)) throw error
    return waitForBudget(turn, error.refusal)
  }
}

/** Parks the turn, unless drafts remain or something came in between. */
async function park(turn: Turn, calls: readonly OpenCall[]): Promise<boolean> {
  if (turn.drafts.length > 0) {
    await commit(turn)
    return false
  }
  const { node, run } = turn
  const since = waitBegan(
    turn,
    calls.map(({ sequence }) => sequence),
  )
  const at = { nodeId: node.id, last: lastOf(turn), ...waitOf(calls, since) }
  return parkBy(turn, () => parkTurn(node.db, run, at))
}

function begin(turn: Turn): void {
  const { turnId } = turn.run
  const { input } = turn.state
  const about = { turn_id: turnId, input_message_id: turn.taken.turn_input }
  const missing = missingCapabilities(turn.node.capabilities, turn.taken)
  draft(turn, 'session.activated', contextOf(turn), {
    ...about,
    ...((input?.queued || input?.again) && { input_sequence: input.sequence }),
    ...(missing.length > 0 && { missing_capabilities: missing }),
  })
  draft(turn, 'turn.started', spanned(turn), {
    ...about,
    ...inputContent(turn),
    prompt_hash: turn.prompt.hash,
    tools_hash: turn.tools.hash,
    ...(turn.output && { output_schema_hash: turn.output.hash }),
  })
  warnUnavailable(turn)
}

/** Warns once per turn of capabilities that it lacks, whichever attempt detects it. */
function warnUnavailable(turn: Turn): void {
  const told = new Set(
    turn.events.flatMap(({ type, data, context }) => {
      if (context.turn_id !== turn.run.turnId) return []
      if (type === 'mcp.unavailable') return [data.server_id]
      return type === 'capability.unavailable' ? [data.capability_id] : []
    }),
  )
  for (const { ref, error, thrown } of turn.agent.left) {
    if (error === undefined || told.has(ref)) continue
    if (thrown !== undefined) logOf(turn).error(error, { error: thrown })
    draft(turn, 'capability.unavailable', contextOf(turn), { capability_id: ref, error })
  }
  for (const ref of missingCapabilities(turn.node.capabilities, turn.taken)) {
    if (told.has(ref)) continue
    const error = `No node with the capability ${ref} could take the turn, which runs without it.`
    const about = { capability_id: ref, error, reason: 'missing' as const }
    draft(turn, 'capability.unavailable', contextOf(turn), about)
  }
  for (const { capability } of turn.agent.parts) {
    const { unavailable } = capability
    if (!unavailable || told.has(unavailable.server_id)) continue
    draft(turn, 'mcp.unavailable', contextOf(turn), unavailable)
  }
}

const inputContent = ({ state: { input } }: Turn) =>
  input?.text !== undefined && { input_content: input.text }

const spanned = (turn: Turn) => ({ ...contextOf(turn), span_id: turn.run.turnId })

/** Public sentences of failed turns, by `error_code`. */
export const sentences: Record<string, string> = {
  max_iterations: 'The turn reached its limit of model calls.',
  tool_loop:
    'The model repeated the same tool call with the same arguments, so the turn was ended.',
  turn_timeout: 'The turn exceeded its time limit.',
  turn_crashed:
    "The turn failed three times without progress and was ended; the server's log has the error.",
  turn_unstorable: 'The database could not store the events of the turn.',
  turn_unreadable: 'The log of the turn is too long to be read in time.',
  output_invalid: 'The answer does not match the output schema, also after a correction.',
  ...Object.fromEntries(Object.values(failureKinds).map(({ code, sentence }) => [code, sentence])),
}

/**
 * Ends the turn. When something comes in between, nothing ends and the next read of the log
 * decides. Input that no model call has seen becomes the next turn. For cancelled turns see
 * `cancel.ts`.
 */
export async function end(turn: Turn, outcome: TurnOutcome): Promise<void> {
  if (outcome.kind === 'cancelled') throw new FencedError()
  const following = nextTurn(turn.state)
  const drafts = [endDraft(turn, outcome)]
  if (!following) drafts.push(idledDraft(turn))
  const failure = outcome.kind === 'failed' ? turnFailure(turn, outcome) : undefined
  await commit(turn, { drafts, next: following, failure })
}

type FailedOutcome = Extract<TurnOutcome, { kind: 'failed' }>

const failureSentence = ({ code }: FailedOutcome) =>
  sentences[code] ?? failureKinds.unknown.sentence

function turnFailure({ node, state, taken }: Turn, outcome: FailedOutcome): TurnFailure {
  const sequence = state.input?.sequence ?? taken.turn_from
  const input = { messageId: state.inputMessageId, sequence }
  return { input, nodeId: node.id, error: failureSentence(outcome), code: outcome.code }
}

function endDraft(turn: Turn, outcome: Exclude<TurnOutcome, { kind: 'cancelled' }>): Draft {
  const { iterations, usage } = turn.state
  const about = { turn_id: turn.run.turnId, ...(usage && { usage }) }
  if (outcome.kind === 'failed') {
    const error = failureSentence(outcome)
    const errors = outcome.outputErrors && { output_errors: [...outcome.outputErrors] }
    const failed = { ...about, error, error_code: outcome.code, ...errors }
    return makeDraft('turn.failed', spanned(turn), failed)
  }
  return makeDraft('turn.completed', spanned(turn), {
    ...about,
    iterations,
    duration_ms: Math.max(0, Math.round(nowOf(turn) - turn.startedAt)),
    ...inputContent(turn),
    ...turnOutput(turn),
    status: 'completed',
    ...turnTotals(turn.run.turnId, [...turn.events, ...turn.drafts.map(({ logged }) => logged)]),
  })
}

/** The value of the turn's answer, which was checked when it was recorded. */
function turnOutput({ output, events, drafts }: Turn) {
  if (!output) return undefined
  const logged = [...events, ...drafts.map((one) => one.logged)]
  const answer = logged.findLast(({ type }) => type === 'output.message.completed')
  if (answer?.type !== 'output.message.completed' || answer.data.output_errors) return undefined
  return { output: outputIn(contentText(answer.data.message.content) ?? '') }
}

function idledDraft(turn: Turn): Draft {
  const { sessionUsage, state, run } = turn
  return makeDraft('session.idled', contextOf(turn), {
    turn_id: run.turnId,
    iterations: state.iterations,
    ...(sessionUsage && { usage: sessionUsage }),
  })
}
