import { setTimeout as sleep } from 'node:timers/promises'
import type { Budget } from '@outlast/contract'
import type { Client } from './client.ts'
import type { SharedBudget } from './evidence.ts'
import type { Random } from './random.ts'

/** Little for one session, so that turns wait from the beginning. */
const limit = 20_000
/**
 * Least and most tokens of a top-up: enough for the reservations of all sessions at once, and less
 * than they use in a run. The budget lends the most to its shards.
 */
const [topUpMin, topUpMax] = [400_000, 1_200_000]
const pauseMs = 250
/** Longest time that turns wait before money is added: less than a standstill. */
const patienceMs = 1_000

/** Gives an agent a budget, in tokens, that all of its sessions share. */
export async function openSharedBudget(client: Client, agentId: string): Promise<SharedBudget> {
  const body = { subject_type: 'agent', subject_id: agentId, currency: 'tokens', limit }
  const path = '/v1/budgets'
  const made = await client.insist({ method: 'POST', path, body, key: 'shared budget' })
  return { id: made.body.id, granted: limit, topUps: 0, least: limit, used: 0, reserved: 0 }
}

/** Adds money whenever turns wait, until the signal; notes the balance each time. */
export async function keepPaying(
  shared: SharedBudget,
  { client, random, signal }: { client: Client; random: Random; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await noteState(client, shared)
    const waiting = await client.insist({ method: 'GET', path: '/v1/waiting?type=budget&limit=1' })
    if (waiting.body.counts.budget > 0) {
      await sleep(random.between(0, patienceMs), undefined, { signal })
      await addMoney(client, shared, random.between(topUpMin, topUpMax))
    }
    await sleep(pauseMs, undefined, { signal })
  }
}

async function addMoney(client: Client, shared: SharedBudget, amount: number): Promise<void> {
  // Before the request: the response may be lost, and the amount may count already.
  shared.granted += amount
  shared.topUps += 1
  const key = `shared budget ${shared.topUps}`
  const path = `/v1/budgets/${shared.id}/top-up`
  await client.insist({ method: 'POST', path, body: { amount }, key })
}

/** Reads the budget. Contract: no top-up is under way. */
async function noteState(client: Client, shared: SharedBudget): Promise<void> {
  const path = `/v1/budgets/${shared.id}`
  const { balance, reserved } = (await client.insist({ method: 'GET', path })).body as Budget
  shared.least = Math.min(shared.least, balance - reserved)
  shared.used = shared.granted - balance
  shared.reserved = reserved
}

/** Reads the budget at the end, once nothing is reserved or the time is over. */
export async function readSharedBudget(
  client: Client,
  shared: SharedBudget,
  { signal, forMs }: { signal: AbortSignal; forMs: number },
): Promise<void> {
  const deadline = performance.now() + forMs
  for (;;) {
    await noteState(client, shared)
    if (shared.reserved === 0 || performance.now() > deadline) return
    await sleep(pauseMs, undefined, { signal })
  }
}
