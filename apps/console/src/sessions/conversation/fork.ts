import type { Event, EventType } from '@outlast/sdk'

/** Events that close the step of a reply. A fork includes them, so that its turn is complete. */
const closing = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'closes',
  'output.message.completed': 'ignored',
  'reason.completed': 'closes',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.input_resolved': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': 'ignored',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': 'closes',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': 'closes',
  'feedback.given': 'ignored',
} satisfies Record<EventType, 'closes' | 'ignored'>

function indexOf(events: readonly Event[], messageId: string): number {
  const at = events.findLastIndex(
    ({ type, data }) =>
      (type === 'input.message' || type === 'output.message.completed') &&
      data.message.id === messageId,
  )
  if (at === -1) throw new Error('This message is not stored yet. Try again in a moment.')
  return at
}

/** Returns the last event of a fork that includes a reply. */
export function sequenceAfter(events: readonly Event[], messageId: string): number {
  let at = indexOf(events, messageId)
  while (at + 1 < events.length && closing[events[at + 1]!.type] === 'closes') at += 1
  return events[at]!.sequence!
}

/** Returns the last event of a fork that ends before a message. */
export function sequenceBefore(events: readonly Event[], messageId: string): number {
  return events[indexOf(events, messageId)]!.sequence! - 1
}
