import { setTimeout as sleep } from 'node:timers/promises'
import type { Budget, LedgerEntry } from '@outlast/contract'
import { type Currency, currencies, fromUnits, toUnits } from '../currencies.ts'
import type { BudgetEvidence } from '../evidence.ts'
import type { Client } from './client.ts'

const pauseMs = 500
const pageSize = 500

/** Far more than a session uses: every call is charged, and none waits. */
export const ampleLimits = { tokens: 1_000_000_000, usd: toUnits('usd', 1_000_000) }

type Subject = { type: 'session' | 'agent'; id: string }
type Limits = Record<Currency, number>

/** Gives a subject a budget in each currency. */
export const openBudgets = (
  client: Client,
  subject: Subject,
  limits: Limits,
): Promise<BudgetEvidence[]> =>
  Promise.all(
    currencies.map((currency) =>
      openBudget(client, subject, { currency, limit: limits[currency] }),
    ),
  )

async function openBudget(
  client: Client,
  { type, id }: Subject,
  { currency, limit }: { currency: Currency; limit: number },
): Promise<BudgetEvidence> {
  const body = { subject_type: type, subject_id: id, currency, limit: fromUnits(currency, limit) }
  const key = `budget ${id} ${currency}`
  const made = await client.insist({ method: 'POST', path: '/v1/budgets', body, key })
  const state = { granted: limit, least: limit, used: 0, reserved: 0 }
  return { id: made.body.id, currency, limit, topUps: 0, ...state, ledger: [] }
}

/** Reads the state of a budget. Contract: no top-up is under way. */
export async function noteState(client: Client, budget: BudgetEvidence): Promise<void> {
  const { id, currency, granted } = budget
  const { body } = await client.insist({ method: 'GET', path: `/v1/budgets/${id}` })
  const read = body as Budget
  const [balance, reserved] = [toUnits(currency, read.balance), toUnits(currency, read.reserved)]
  budget.least = Math.min(budget.least, balance - reserved)
  budget.used = granted - balance
  budget.reserved = reserved
}

/** Reads budgets at the end, each once nothing is reserved or the time is over. */
export async function readBudgets(
  client: Client,
  budgets: BudgetEvidence[],
  { signal, forMs }: { signal: AbortSignal; forMs: number },
): Promise<void> {
  const deadline = performance.now() + forMs
  for (const budget of budgets) {
    for (;;) {
      await noteState(client, budget)
      if (budget.reserved === 0 || performance.now() > deadline) break
      await sleep(pauseMs, undefined, { signal })
    }
    budget.ledger = await readLedgerOf(client, budget.id)
  }
}

async function readLedgerOf(client: Client, id: string): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for (;;) {
    const path = `/v1/budgets/${id}/ledger?limit=${pageSize}&offset=${entries.length}`
    const { body } = await client.insist({ method: 'GET', path })
    entries.push(...body)
    if (body.length < pageSize) return entries
  }
}
