import type { Event } from '@outlast/contract'
import type { SessionEvidence } from './evidence.ts'

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

/** The tokens of a recorded model call; none for a call without a reported usage. */
function usageOf(event: Event): number[] {
  if (event.type !== 'llm.generation') return []
  const { usage } = event.data.metadata
  return usage ? [usage.input_tokens + usage.output_tokens] : []
}
