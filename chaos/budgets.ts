import { setTimeout as sleep } from 'node:timers/promises'
import type { Budget } from '@outlast/contract'
import type { Client } from './client.ts'
import type { SessionEvidence } from './evidence.ts'

/** Far more than a session uses: every call is charged, and none waits. */
const limit = 1_000_000_000
const pauseMs = 500

/** Gives a session a budget of its own, in tokens. */
export async function openBudget(client: Client, sessionId: string): Promise<void> {
  const body = { subject_type: 'session', subject_id: sessionId, currency: 'tokens', limit }
  await client.insist({ method: 'POST', path: '/v1/budgets', body, key: `budget ${sessionId}` })
}

/** Reads what each session has used, once nothing is reserved or the time is over. */
export async function readBudgets(
  client: Client,
  sessions: SessionEvidence[],
  { signal, forMs }: { signal: AbortSignal; forMs: number },
): Promise<void> {
  const deadline = performance.now() + forMs
  for (const session of sessions) {
    for (;;) {
      const path = `/v1/sessions/${session.id}/budgets`
      const { body } = await client.insist({ method: 'GET', path })
      const [budget] = body as Budget[]
      const { balance, reserved } = budget!
      session.budget = { used: limit - balance, reserved }
      if (reserved === 0 || performance.now() > deadline) break
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
