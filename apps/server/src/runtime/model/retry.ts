import { setTimeout as sleep } from 'node:timers/promises'
import { withCost } from '../../providers/cost.ts'
import { type Failure, failureKinds, failureOf, KnownFailure } from '../../providers/failure.ts'
import { providers } from '../../providers/index.ts'
import type { ModelRoute } from '../../store/models/models.ts'
import { notePause } from '../../store/turns/pauses.ts'
import type { Turn } from '../journal/attempt.ts'
import { FencedError } from '../journal/errors.ts'
import { mayBegin, timeLeft } from '../journal/journal.ts'
import { countUsage, logOf } from '../journal/metrics.ts'
import { addUsage } from '../log/usage.ts'
import { noteSpent } from './budget/budget.ts'
import { ModelCallError } from './call.ts'
import { emptyReply, type ModelReply } from './reply.ts'

/** The result of a model call after all retries. */
export type CallResult = {
  reply: ModelReply
  failed: FailedCall | undefined
  attempts: number
  /** Time before and between the attempts. */
  waitedMs: number
  /** Error codes of the attempts before the last one. */
  codes: string[]
}

/** A failure: its kind is public, `detail` is in `llm.generation` only. */
export type FailedCall = { failure: Failure; detail: string }

const firstPauseMs = 500

/** Kinds of failure that count for the circuit breaker. */
const countsAgainstProvider = new Set<string>(['overloaded', 'network', 'timeout', 'broken_stream'])

/**
 * Classifies a failure for the circuit breaker. A garbled reply counts for neither side, nor does
 * the time limit of a whole reply: the provider may be sending, or the turn had little time left.
 */
function shownBy({ kind, passing }: Failure): 'works' | 'fails' | undefined {
  if (kind === 'bad_response' || (kind === 'timeout' && !passing)) return undefined
  return countsAgainstProvider.has(kind) ? 'fails' : 'works'
}

/** One attempt in two steps. `begin` stores the intent also when no request follows. */
export type Attempt = {
  begin: (attempt: number) => Promise<void>
  request: (attempt: number) => Promise<ModelReply>
}

/**
 * Makes a model call with retries.
 * Contract: throws FencedError when the attempt at the turn is stopped, and errors of `begin`;
 * returns all other failures.
 */
export async function callWithRetry(
  turn: Turn,
  route: ModelRoute,
  { begin, request }: Attempt,
): Promise<CallResult> {
  const codes: string[] = []
  let waitedMs = 0
  for (let attempts = 1; ; attempts += 1) {
    await begin(attempts)
    const { reply, failed, trialMs } = await callOnce(turn, route, () => request(attempts))
    waitedMs += trialMs
    noteSpent(turn, reply, failed?.failure.kind)
    const answer = { reply, failed, attempts, waitedMs, codes }
    if (!failed) return answer
    const pauseMs = retryDelay(turn, attempts, failed.failure)
    if (pauseMs === undefined) return answer
    logOf(turn).warn('model call failed', { error: failed.detail })
    codes.push(failed.failure.code)
    noteUsage(turn, route, reply)
    waitedMs += pauseMs
    explainPause(turn, { code: failed.failure.code, ms: pauseMs })
    await sleep(pauseMs, undefined, { signal: turn.signal }).catch(() => {
      throw new FencedError()
    })
  }
}

/** Stores the reason of a pause without waiting for it. */
function explainPause(turn: Turn, pause: { code: string; ms: number }): void {
  notePause(turn.node.db, turn.run.turnId, pause).catch((error) =>
    logOf(turn).debug('could not store the reason of a pause', { error }),
  )
}

/**
 * Counts the reported usage of a call that gets no `llm.generation`: the next append adds it to the
 * sums, and the next event that takes it to the turn.
 */
export function noteUsage(
  turn: Turn,
  { provider_type: provider, model_id: model }: ModelRoute,
  reply: Pick<ModelReply, 'usage'>,
): void {
  const usage = withCost(turn.counted?.profile, reply.usage)
  if (!usage) return
  turn.effects.usage = addUsage(turn.effects.usage, usage)
  turn.effects.usedModel = model
  turn.sessionUsage = addUsage(turn.sessionUsage, usage)
  turn.unlogged = addUsage(turn.unlogged, usage)
  countUsage(turn.node.metrics, { provider, model }, usage)
}

/** Returns the noted usage that no event has yet, for the event that is to have it. */
export function takeUnlogged(turn: Turn) {
  const { unlogged } = turn
  turn.unlogged = undefined
  return unlogged
}

type Once = Pick<CallResult, 'reply' | 'failed'>

/** `trialMs`: the wait before the call. */
async function callOnce(
  turn: Turn,
  route: ModelRoute,
  call: () => Promise<ModelReply>,
): Promise<Once & { trialMs: number }> {
  const { breaker } = turn.node
  // A model in this process needs no circuit breaker.
  const provider = providers[route.provider_type].local ? undefined : route.provider_id
  const { waitMs, trialMs } = provider ? await waitForTrial(turn, provider) : admitted
  if (waitMs) return { ...blockedByBreaker(waitMs), trialMs }
  let shown: 'works' | 'fails' | undefined
  try {
    const reply = await call()
    shown = 'works'
    return { reply, failed: undefined, trialMs }
  } catch (error) {
    if (!(error instanceof ModelCallError)) throw error
    const { failure, message: detail, partial: reply } = error
    if (turn.signal.aborted) {
      noteSpent(turn, reply, undefined)
      throw new FencedError()
    }
    shown = shownBy(failure)
    return { reply, failed: { failure, detail }, trialMs }
  } finally {
    if (provider) breaker.ended(provider, shown)
  }
}

/** `waitMs`: ms to wait of a provider that is refused. `trialMs`: the wait for a trial. */
type Admission = { waitMs: number | undefined; trialMs: number }

const admitted: Admission = { waitMs: undefined, trialMs: 0 }

const trialPollMs = 1_000

/** Polls the circuit breaker while another call is its trial. The wait is not an attempt. */
async function waitForTrial(turn: Turn, provider: string): Promise<Admission> {
  const { breaker, config } = turn.node
  const { code } = failureKinds.overloaded
  const begun = performance.now()
  const longestMs = Math.min(config.MODEL_WAIT_MAX_MS, timeLeft(turn))
  for (let polls = 0; ; polls += 1) {
    const refused = breaker.admit(provider)
    const trialMs = polls && Math.round(performance.now() - begun)
    if (refused !== 'trial' || trialMs >= longestMs) {
      if (polls > 0) explainPause(turn, { code, ms: 0 })
      return { waitMs: refused === 'trial' ? trialPollMs : refused, trialMs }
    }
    if (polls === 0) explainPause(turn, { code, ms: longestMs })
    await sleep(trialPollMs, undefined, { signal: turn.signal }).catch(() => {
      noteSpent(turn, emptyReply(), 'overloaded')
    })
    await mayBegin(turn)
  }
}

function blockedByBreaker(waitMs: number): Once {
  const detail = 'The provider failed several times in a row. Requests to it are paused.'
  const failure = failureOf(new KnownFailure('overloaded', detail))
  return { reply: emptyReply(), failed: { failure: { ...failure, retryAfterMs: waitMs }, detail } }
}

/** The pause before the next attempt in ms; undefined without one. */
function retryDelay(
  turn: Turn,
  attempts: number,
  { passing, retryAfterMs = 0 }: Failure,
): number | undefined {
  const { MODEL_ATTEMPTS_MAX: attemptsMax, MODEL_WAIT_MAX_MS: waitMaxMs } = turn.node.config
  if (!passing || attempts >= attemptsMax || retryAfterMs > waitMaxMs) return undefined
  // Not before the vendor's Retry-After, and with jitter.
  const backoffMs = firstPauseMs * 2 ** (attempts - 1) * (0.5 + Math.random())
  const pauseMs = Math.round(Math.max(retryAfterMs, Math.min(backoffMs, waitMaxMs)))
  const jitterMs = retryAfterMs > 0 ? Math.round(Math.random() * firstPauseMs) : 0
  return pauseMs + jitterMs < timeLeft(turn) ? pauseMs + jitterMs : undefined
}
