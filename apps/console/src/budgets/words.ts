import type { Budget, BudgetPeriod } from '@outlast/sdk'
import type { StateKind } from '../shell/screen/state.tsx'
import { dollarsText } from '../shell/text/money.ts'

export const statusKinds: Record<Budget['status'], StateKind> = {
  active: 'good',
  paused: 'warn',
  exhausted: 'bad',
  disabled: 'off',
}

export const subjectWords: Record<Budget['subject_type'], string> = {
  organization: 'Organization',
  agent: 'Agent',
  user: 'Account',
  end_user: 'End user',
  agent_channel: 'Channel',
  channel_user: 'User of a channel',
  api_key: 'API key',
  session: 'Session',
}

/** Amounts have at most 6 decimal places. */
const amountFormat = new Intl.NumberFormat('en', { maximumFractionDigits: 6 })

/** An amount with its unit: `$12.50`, or `1,200 tokens`. */
export function amountText(amount: number, currency: string): string {
  return currency === 'usd' ? dollarsText(amount) : `${amountFormat.format(amount)} ${currency}`
}

export function periodText(period: BudgetPeriod | null | undefined): string | undefined {
  if (!period) return undefined
  if (period.type === 'calendar') return `each ${period.unit} (${period.time_zone ?? 'UTC'})`
  return period.type === 'rolling' ? `every ${period.window}` : `every ${period.seconds} s`
}
