import assert from 'node:assert/strict'
import type { Execution, Schedule } from '@outlast/contract'
import type { Call } from './server.ts'
import { createSession } from './session.ts'
import { eventually } from './waiting.ts'

type Server = { call: Call; url: string }

export const schedules = '/v1/durable/schedules'
export const everySecond = '* * * * * *'
/** A cron expression that is not due soon. */
export const rarely = '0 0 29 2 *'

export const sending = (session_id: string, fields: object = {}) => ({
  type: 'workflow',
  name: 'send_message',
  input: { session_id, text: 'Hello', ...fields },
})

export const starting = (agent_id: string, fields: object = {}) => ({
  type: 'workflow',
  name: 'start_session',
  input: { agent_id, text: 'Hello', ...fields },
})

let names = 0

/** Creates a schedule that is not due during the test, unless its fields change that. */
export async function createSchedule(server: Server, fields: object = {}): Promise<Schedule> {
  names += 1
  const target = 'target' in fields ? fields.target : sending((await createSession(server)).id)
  const schedule = { name: `Schedule ${names}`, cron_expression: rarely, ...fields, target }
  const { status, body } = await server.call('POST', schedules, schedule)
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

export async function executionsOf(
  { call }: Server,
  id: string,
  query = '?limit=100',
): Promise<Execution[]> {
  const { status, body } = await call('GET', `${schedules}/${id}/executions${query}`)
  assert.equal(status, 200, JSON.stringify(body))
  return body.data
}

/** Waits until `count` executions have ended, and returns all, oldest first. */
export async function untilOver(server: Server, id: string, count: number): Promise<Execution[]> {
  return eventually(async () => {
    const all = (await executionsOf(server, id)).reverse()
    const over = all.filter(({ status }) => status !== 'pending' && status !== 'running')
    return over.length >= count ? all : undefined
  })
}

export async function trigger({ call }: Server, id: string): Promise<Execution> {
  const triggered = await call('POST', `${schedules}/${id}/trigger`)
  assert.equal(triggered.status, 200, JSON.stringify(triggered.body))
  return (await call('GET', `/v1/durable/executions/${triggered.body.execution_id}`)).body
}
