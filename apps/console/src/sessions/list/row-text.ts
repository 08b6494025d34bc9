import type { Session } from '@outlast/sdk'
import type { StateKind } from '../../shell/screen/state.tsx'
import { shortCount, shortDollars } from '../../shell/text/money.ts'

/** Returns the state of a session for the list. A wait or a failure comes before the status. */
export function stateOf({
  status,
  waiting_for,
  last_turn,
}: Pick<Session, 'status' | 'waiting_for' | 'last_turn'>): [StateKind, string] {
  if (waiting_for?.type === 'approval') return ['warn', 'needs approval']
  if (waiting_for?.type === 'input') return ['warn', 'needs answers']
  if (waiting_for?.type === 'budget') return ['warn', 'needs budget']
  if (waiting_for) return ['warn', 'waiting for client']
  if (last_turn?.status === 'failed') return ['bad', 'failed']
  if (status === 'active') return ['busy', 'active']
  // Unknown statuses of a newer server are shown as they are.
  return ['off', status === 'started' ? 'new' : status]
}

/** Removes Markdown from a one-line preview. */
export const plain = (text: string) => text.replace(/\*\*|`|^#+ /gm, '')

export function spentOf({ usage }: Pick<Session, 'usage'>): string {
  if (!usage) return ''
  const tokens = `${shortCount(usage.input_tokens + usage.output_tokens)} tokens`
  return usage.cost_usd ? `${tokens} · ${shortDollars(usage.cost_usd)}` : tokens
}
