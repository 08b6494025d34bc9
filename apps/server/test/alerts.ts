import assert from 'node:assert/strict'
import type { Alert, AlertFiring, NewAlert } from '@outlast/contract'
import type { Call } from './server.ts'
import { eventually } from './waiting.ts'

type Server = { call: Call }

/** Creates an alert: by default on failed turns, which one of an hour fires. */
export async function createAlert(
  { call }: Server,
  fields: Partial<NewAlert> = {},
): Promise<Alert> {
  const rule = { name: 'Failures', metric: 'failed_turns', threshold: 1, ...fields }
  const { status, body } = await call('POST', '/v1/alerts', rule)
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

export async function alertOf({ call }: Server, id: string): Promise<Alert> {
  const { status, body } = await call('GET', `/v1/alerts/${id}`)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

export async function firingsOf({ call }: Server, id: string): Promise<AlertFiring[]> {
  const { status, body } = await call('GET', `/v1/alerts/${id}/firings?limit=100`)
  assert.equal(status, 200, JSON.stringify(body))
  return body.data
}

/** Waits until an alert has a state, and returns it. */
export const untilState = (server: Server, id: string, state: Alert['state']): Promise<Alert> =>
  eventually(async () => {
    const alert = await alertOf(server, id)
    return alert.state === state ? alert : undefined
  })

/** Returns the alert as an evaluation left it that began after this call. */
export async function evaluated(server: Server, id: string): Promise<Alert> {
  let alert = await alertOf(server, id)
  // The next evaluation may have begun before the call.
  for (let count = 0; count < 2; count += 1) {
    const last = alert.evaluated_at
    alert = await eventually(async () => {
      const next = await alertOf(server, id)
      return next.evaluated_at === last ? undefined : next
    })
  }
  return alert
}
