import type { EventType, WaitingFor } from '@outlast/contract'
import type { TurnWait } from '../../store/turns/waits.ts'
import type { OpenCall } from './open-calls.ts'
import type { LoggedEvent } from './state.ts'

type Kind = WaitingFor['calls'][number]['type']

function waitTypeOf({ stage }: OpenCall): Kind {
  if (stage === 'input') return 'input'
  return stage === 'asked' ? 'approval' : 'tool_results'
}

/** A message ends waits of all types but the last: one such call is enough for its type. */
const byPrecedence: readonly Kind[] = ['tool_results', 'input', 'approval']

/** Returns the open calls and deadline of a wait. Contract: pure. */
export function waitOf(calls: readonly OpenCall[], since: string): TurnWait {
  const shown = calls.map((open) => ({
    tool_call_id: open.call.id,
    tool_name: open.call.name,
    type: waitTypeOf(open),
    expires_at: open.expiresAt!,
    sequence: open.sequence,
  }))
  const type = byPrecedence.find((kind) => shown.some((call) => call.type === kind))!
  const tool_call_ids = shown.map(({ tool_call_id }) => tool_call_id)
  const [expiresAt] = shown.map(({ expires_at }) => expires_at).sort()
  return { waitingFor: { type, tool_call_ids, since, calls: shown }, expiresAt: expiresAt! }
}

/**
 * Finds the event that last started or resumed the turn: its start, an answer, or a message that
 * ended the wait for the client.
 * Contract: pure.
 */
export function findResumingEvent<E extends LoggedEvent>(turnId: string, events: readonly E[]) {
  const withClient = new Set<string>()
  let latest: E | undefined
  for (const event of events) {
    const isOwn = event.type === 'input.message' || event.context.turn_id === turnId
    const goesOn = goesOnWith[event.type] as Reader<EventType> | 'ignored'
    if (isOwn && typeof goesOn === 'function' && goesOn(withClient, event)) latest = event
  }
  return latest
}

/** Whether the turn resumes with the event. `withClient` collects the client's open calls. */
type Reader<T extends EventType> = (
  withClient: Set<string>,
  event: Extract<LoggedEvent, { type: T }>,
) => boolean

const goesOnWith: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': (withClient, { data }) => withClient.size > 0 && data.on_busy !== 'queue',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': () => true,
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
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': () => true,
  'tool.call_requested': (withClient, { data }) => {
    for (const { id } of data.tool_calls) withClient.add(id)
    return false
  },
  'tool.input_resolved': (withClient, { data }) => {
    withClient.delete(data.tool_call_id)
    return true
  },
  'tool.started': 'ignored',
  'tool.completed': (withClient, { data }) => withClient.delete(data.tool_call_id),
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': () => true,
  'turn.completed': 'ignored',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}
