import type { ScheduleEvidence } from '../evidence.ts'
import { isOver } from '../load/schedules.ts'

const secondMs = 1_000

/** Each second occurs once, from the first to the last, and has ended. */
export function wrongTicks({ executions }: ScheduleEvidence): string[] {
  const times = executions.map(({ scheduled_at }) => Date.parse(scheduled_at))
  const uneven = times.slice(1).flatMap((time, index) => {
    const apart = time - times[index]!
    return apart === secondMs
      ? []
      : [`${executions[index + 1]!.scheduled_at} comes ${apart} ms after the time before it`]
  })
  const open = executions.filter((execution) => !isOver(execution))
  return [...uneven, ...open.map(({ id, status }) => `execution ${id} is still ${status}`)]
}

/**
 * Each execution has stored its message, once; the session has no other message. One that was
 * skipped, because too many others were open, has none. No outage is so long that times are missed.
 */
export function wrongTickMessages({ executions, messages }: ScheduleEvidence): string[] {
  const counts = Map.groupBy(messages, (id) => id)
  const uneven = executions.flatMap(({ id, status, error }) => {
    const count = counts.get(id)?.length ?? 0
    const isSkipped = status === 'skipped' && error?.startsWith('The limit of')
    if (count === (isSkipped ? 0 : 1)) return []
    const reason = error ? `: ${error}` : ''
    return [`execution ${id} (${status}${reason}) has ${count} messages`]
  })
  const known = new Set(executions.map(({ id }) => id))
  const stray = messages.filter((id) => !known.has(id))
  return [...uneven, ...stray.map((id) => `a message names execution ${id}, which is not there`)]
}
