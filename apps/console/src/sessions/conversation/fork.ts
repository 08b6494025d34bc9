import type { Event } from '@outlast/sdk'

/** These close the step that a reply stands in: with them a fork has the turn as it ended. */
const closing = new Set<string>([
  'llm.generation',
  'reason.completed',
  'turn.completed',
  'session.idled',
])

function indexOf(events: readonly Event[], messageId: string): number {
  const at = events.findLastIndex(
    ({ type, data }) =>
      (type === 'input.message' || type === 'output.message.completed') &&
      data.message.id === messageId,
  )
  if (at === -1) throw new Error('This message is not stored yet.')
  return at
}

/** The last event of a fork that has a reply. */
export function sequenceAfter(events: readonly Event[], messageId: string): number {
  let at = indexOf(events, messageId)
  while (at + 1 < events.length && closing.has(events[at + 1]!.type)) at += 1
  return events[at]!.sequence!
}

/** The last event of a fork that has everything before a message. */
export function sequenceBefore(events: readonly Event[], messageId: string): number {
  return events[indexOf(events, messageId)]!.sequence! - 1
}
