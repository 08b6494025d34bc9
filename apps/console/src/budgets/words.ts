import type { Budget, BudgetPeriod } from '@outlast/sdk'
import type { StateKind } from '../shell/entry.tsx'

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
  api_key: 'API key',
  session: 'Session',
}

/** An amount with its unit: `$12.50`, or `1,200 tokens`. */
export function amountText(amount: number, currency: string): string {
  if (currency !== 'usd') return `${amount.toLocaleString('en')} ${currency}`
  const digits = Math.abs(amount) < 1 && amount !== 0 ? 4 : 2
  return `${amount < 0 ? '-' : ''}$${Math.abs(amount).toFixed(digits)}`
}

export function periodText(period: BudgetPeriod | null | undefined): string | undefined {
  if (!period) return undefined
  if (period.type === 'calendar') return `each ${period.unit} (${period.time_zone ?? 'UTC'})`
  return period.type === 'rolling' ? `every ${period.window}` : `every ${period.seconds} s`
}
