import type { Evidence, FaultDone, ScheduleEvidence, SessionEvidence } from '../evidence.ts'
import type { Effect } from '../ledger.ts'
import { wrongBudgets, wrongCosts, wrongSharedBudgets } from './budgets.ts'
import { duplicatedEffects, strayEffects, unkeyedEffects, wrongSuccesses } from './effects.ts'
import { gapsInFollowing, textsThatDiffer } from './followers.ts'
import {
  brokenSequences,
  changedEvents,
  differingLogs,
  earlyIdles,
  notIdle,
  pagesWithGaps,
  standstills,
  unknownTexts,
} from './log.ts'
import { wrongTickMessages, wrongTicks } from './schedules.ts'
import {
  askedAgain,
  changedMessages,
  doubleAnswers,
  lostMessages,
  missingCancels,
  sharedTurns,
  unansweredMessages,
  unendedTurns,
  unevenCalls,
} from './turns.ts'
import { wrongWebhooks } from './webhooks.ts'

/** A broken promise, in words. */
export type Violation = { check: string; session: string | undefined; what: string }

/**
 * Checks a session's evidence against a promise: empty if it was kept. `effects` are the session's.
 */
export type Check = (
  session: SessionEvidence,
  effects: readonly Effect[],
  faults: readonly FaultDone[],
) => string[]

/** All promises that are checked, by their names in reports. */
export const checks: Record<string, Check> = {
  'sequences without gap or repeat': brokenSequences,
  'no gap at any time': pagesWithGaps,
  'every node tells the same log': differingLogs,
  'no event ever changed': changedEvents,
  'accepted messages are in the log, once': lostMessages,
  'messages stay as they were sent': changedMessages,
  'every message answered or ended with a reason': unansweredMessages,
  'no message answered twice': doubleAnswers,
  'a queued or interrupting message has a turn of its own': sharedTurns,
  'every turn has one end': unendedTurns,
  'every cancel is in the log': missingCancels,
  'a recorded reply is not asked for again': askedAgain,
  'every tool call has one outcome': unevenCalls,
  'no text that the model did not write': unknownTexts,
  'effects follow an intent': strayEffects,
  'unsafe effects at most once': duplicatedEffects,
  'a success has its effect': wrongSuccesses,
  'one idempotency key a call': unkeyedEffects,
  'followers saw the log': gapsInFollowing,
  'streamed text is the final text': textsThatDiffer,
  'idle only after everything is readable': earlyIdles,
  'no session without owner for 10 s': standstills,
  'idle at the end': notIdle,
  'every webhook is delivered with a stable id': wrongWebhooks,
  'a budget has the calls of the log, and reserves nothing at the end': wrongBudgets,
  'a call costs its tokens at list prices': wrongCosts,
}

/** The same for schedules. */
export const scheduleChecks: Record<string, (schedule: ScheduleEvidence) => string[]> = {
  'each time of a schedule once': wrongTicks,
  'each execution has one message': wrongTickMessages,
}

/** The check of the budgets that all sessions share. */
export const sharedBudgetCheck = 'no budget is exceeded while it runs out'

/** Checks all evidence. Contract: pure. */
export function audit(evidence: Evidence): Violation[] {
  const { sessions, schedules, effects, mishaps, faults } = evidence
  const bySession = Map.groupBy(effects, ({ session }) => session)
  const known = new Set(sessions.map(({ id }) => id))
  const found = sessions.flatMap((session) =>
    Object.entries(checks).flatMap(([check, look]) =>
      look(session, bySession.get(session.id) ?? [], faults).map((what) => ({
        check,
        session: session.id,
        what,
      })),
    ),
  )
  const ofSchedules = schedules.flatMap((schedule) =>
    Object.entries(scheduleChecks).flatMap(([check, look]) =>
      look(schedule).map((what) => ({ check, session: schedule.sessionId, what })),
    ),
  )
  const foreign = effects
    .filter(({ session }) => !known.has(session))
    .map(({ session }) => `an effect names session ${session}, which no client created`)
  return [
    ...found,
    ...ofSchedules,
    ...wrongSharedBudgets(evidence).map((what) => ({
      check: sharedBudgetCheck,
      session: undefined,
      what,
    })),
    ...foreign.map((what) => ({ check: 'effects follow an intent', session: undefined, what })),
    ...mishaps.map(({ what, times }) => ({
      check: 'nodes behave',
      session: undefined,
      what: `${what} (${times} times)`,
    })),
  ]
}

/** The minimum counts of events for a valid run. */
export type Minimum = Record<string, number>

/** Returns the counts below their minimum. Contract: pure. */
export function tooLittle(counts: Readonly<Record<string, number>>, minimum: Minimum): string[] {
  return Object.entries(minimum)
    .filter(([name, least]) => (counts[name] ?? 0) < least)
    .map(([name, least]) => `only ${counts[name] ?? 0} ${name}, at least ${least} are needed`)
}
