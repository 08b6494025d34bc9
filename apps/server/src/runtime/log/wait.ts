import type { WaitingFor } from '@outlast/contract'
import type { Wait } from '../../store/sessions/waits.ts'
import type { LoggedEvent, OpenCall } from './state.ts'

type Kind = WaitingFor['type']

const kindOf = ({ stage }: OpenCall): Kind => (stage === 'asked' ? 'approval' : 'tool_results')

/** What a turn with these open calls waits for, as sessions show it, and until when. Contract: pure. */
export function waitOf(calls: readonly OpenCall[], since: string): Wait {
  const shown = calls.map((open) => ({
    tool_call_id: open.call.id,
    tool_name: open.call.name,
    type: kindOf(open),
    expires_at: open.expiresAt!,
  }))
  // A message ends the wait for a client, so that a turn with one such call is of that kind.
  const type = shown.some((call) => call.type === 'tool_results') ? 'tool_results' : 'approval'
  const tool_call_ids = shown.map(({ tool_call_id }) => tool_call_id)
  const [expiresAt] = shown.map(({ expires_at }) => expires_at).sort()
  return { waitingFor: { type, tool_call_ids, since, calls: shown }, expiresAt: expiresAt! }
}

/**
 * The event with which a turn last went on: its beginning, somebody's answer, or a message that ended the wait for the
 * client. Contract: pure.
 */
export function wentOnWith<E extends LoggedEvent>(turnId: string, events: readonly E[]) {
  const withClient = new Set<string>()
  let latest: E | undefined
  for (const event of events) {
    if (event.type === 'input.message') {
      if (withClient.size > 0 && event.data.on_busy !== 'queue') latest = event
    } else if (event.context.turn_id === turnId) {
      if (event.type === 'tool.call_requested') {
        for (const { id } of event.data.tool_calls) withClient.add(id)
      }
      if (isAnswer(event, withClient)) latest = event
    }
  }
  return latest
}

function isAnswer(event: LoggedEvent, withClient: Set<string>) {
  if (event.type === 'tool.completed') return withClient.delete(event.data.tool_call_id)
  return event.type === 'turn.started' || event.type === 'tool.approval_resolved'
}
