import { setTimeout as sleep } from 'node:timers/promises'
import type { WaitingPage } from '@outlast/contract'
import { type Currency, fromUnits, toUnits } from '../currencies.ts'
import type { BudgetEvidence } from '../evidence.ts'
import type { Random } from '../random.ts'
import { noteState } from './budgets.ts'
import type { Client } from './client.ts'

/** Little for one session, so that turns wait from the beginning. */
export const sharedLimits = { tokens: 20_000, usd: toUnits('usd', 0.02) }
/** Least and most of a top-up: enough for small reservations of all, and for a few large ones. */
const topUps: Record<Currency, [number, number]> = {
  tokens: [200_000, 600_000],
  usd: [toUnits('usd', 0.8), toUnits('usd', 2.4)],
}
const pauseMs = 250
/** Longest time that turns wait before money is added: less than a standstill. */
const patienceMs = 1_000

/** Adds money whenever turns wait for it, until the signal; notes the balances each time. */
export async function keepPaying(
  budgets: BudgetEvidence[],
  { client, random, signal }: { client: Client; random: Random; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    for (const budget of budgets) await noteState(client, budget)
    const { body } = await client.insist({ method: 'GET', path: '/v1/waiting?type=budget' })
    const awaited = new Set((body as WaitingPage).data.map(({ budget_id }) => budget_id))
    for (const budget of budgets.filter(({ id }) => awaited.has(id))) {
      await sleep(random.between(0, patienceMs), undefined, { signal })
      await addMoney(client, budget, random.between(...topUps[budget.currency]))
    }
    await sleep(pauseMs, undefined, { signal })
  }
}

async function addMoney(client: Client, budget: BudgetEvidence, units: number): Promise<void> {
  const { id, currency } = budget
  // Before the request: the response may be lost, and the amount may count already.
  budget.granted += units
  budget.topUps += 1
  const key = `top-up ${id} ${budget.topUps}`
  const body = { amount: fromUnits(currency, units) }
  await client.insist({ method: 'POST', path: `/v1/budgets/${id}/top-up`, body, key })
}
