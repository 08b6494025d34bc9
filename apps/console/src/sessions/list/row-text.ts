import type { Session } from '@outlast/sdk'
import type { StateKind } from '../../shell/entry.tsx'

/** What a session does, and for whom it waits. */
export function stateOf({
  status,
  waiting_for,
}: Pick<Session, 'status' | 'waiting_for'>): [StateKind, string] {
  if (waiting_for?.type === 'approval') return ['warn', 'waits for approval']
  if (waiting_for) return ['warn', 'waits for its client']
  if (status === 'active') return ['busy', 'active']
  // Any other as it is called: a newer server may know more.
  return ['off', status === 'started' ? 'new' : status]
}

/** What is said in one line needs no Markdown. */
export const plain = (text: string) => text.replace(/\*\*|`|^#+ /gm, '')

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const dollars = new Intl.NumberFormat('en', {
  style: 'currency',
  currency: 'USD',
  maximumSignificantDigits: 2,
})

export function spentOf({ usage }: Pick<Session, 'usage'>): string {
  if (!usage) return ''
  const tokens = `${short.format(usage.input_tokens + usage.output_tokens)} tokens`
  return usage.cost_usd ? `${tokens} · ${dollars.format(usage.cost_usd)}` : tokens
}
