import type { WaitingFor } from '@outlast/contract'
import type { Wait } from '../store/waits.ts'
import type { OpenCall } from './log.ts'

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
