import type { Event } from '@outlast/contract'
import type { Evidence, SessionEvidence } from './evidence.ts'

/**
 * Nothing stays reserved, and the budget has what the log reports. It has more only for calls
 * without a reported usage, as of a process that died.
 */
export function wrongBudgets({ logs, budget }: SessionEvidence): string[] {
  const events = logs[0]?.events ?? []
  const reported = events.flatMap(usageOf)
  const inLog = reported.reduce((sum, tokens) => sum + tokens, 0)
  const calls = events.filter(({ type }) => type === 'output.message.started').length
  const { used, reserved } = budget
  const isWrong = reported.length === calls ? used !== inLog : used < inLog
  return [
    ...(reserved === 0 ? [] : [`${reserved} tokens stayed reserved`]),
    ...(isWrong ? [`${used} tokens were charged for ${inLog} in the log, of ${calls} calls`] : []),
  ]
}

/**
 * The budget of all sessions was never exceeded, not even by reservations. Its use is the sum of
 * their own budgets, since each call is charged to both in one statement.
 */
export function wrongSharedBudget({ sessions, sharedBudget }: Evidence): string[] {
  const { granted, least, used, reserved } = sharedBudget
  const ofSessions = sessions.reduce((sum, { budget }) => sum + budget.used, 0)
  const inLogs = sessions.flatMap(({ logs }) => (logs[0]?.events ?? []).flatMap(usageOf))
  const reported = inLogs.reduce((sum, tokens) => sum + tokens, 0)
  return [
    ...(least < 0 ? [`${-least} tokens more were used and reserved than it had`] : []),
    ...(reserved === 0 ? [] : [`${reserved} tokens stayed reserved`]),
    ...(used <= granted ? [] : [`${used} tokens were used of ${granted}`]),
    ...(reported <= granted ? [] : [`the logs report ${reported} tokens, it had ${granted}`]),
    ...(used === ofSessions ? [] : [`${used} tokens were charged, ${ofSessions} to the sessions`]),
  ]
}

/** The tokens of a recorded model call; none for a call without a reported usage. */
function usageOf(event: Event): number[] {
  if (event.type !== 'llm.generation') return []
  const { usage } = event.data.metadata
  return usage ? [usage.input_tokens + usage.output_tokens] : []
}
