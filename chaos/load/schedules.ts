import { setTimeout as sleep } from 'node:timers/promises'
import type { Execution } from '@outlast/contract'
import type { ScheduleEvidence } from '../evidence.ts'
import type { Client } from './client.ts'

const path = '/v1/durable/schedules'
const pageSize = 100
const pauseMs = 500

/** Creates schedules that send a message each second, each to a session without other clients. */
export async function openSchedules(client: Client, count: number): Promise<ScheduleEvidence[]> {
  const about = { name: 'Clock', system_prompt: 'Be brief.' }
  const agent = await client.insist({
    method: 'POST',
    path: '/v1/agents',
    body: about,
    key: 'clock agent',
  })
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const body = { agent_id: agent.body.id }
      const key = `clock session ${index}`
      const session = await client.insist({ method: 'POST', path: '/v1/sessions', body, key })
      const input = { session_id: session.body.id, text: 'Say tick' }
      const target = { type: 'workflow', name: 'send_message', input }
      const schedule = { name: `Clock ${index}`, cron_expression: '* * * * * *', target }
      const made = await client.insist({
        method: 'POST',
        path,
        body: schedule,
        key: `clock ${index}`,
      })
      return { id: made.body.id, sessionId: session.body.id, executions: [], messages: [] }
    }),
  )
}

/** Pauses the schedules, waits until their executions have ended, and reads the results. */
export async function readSchedules(
  client: Client,
  schedules: ScheduleEvidence[],
  { signal, forMs }: { signal: AbortSignal; forMs: number },
): Promise<void> {
  const deadline = performance.now() + forMs
  for (const schedule of schedules) {
    await client.insist({ method: 'POST', path: `${path}/${schedule.id}/pause` })
    do {
      schedule.executions = await allExecutions(client, schedule.id)
      if (schedule.executions.every(isOver)) break
      await sleep(pauseMs, undefined, { signal })
    } while (performance.now() < deadline)
    const events = `/v1/sessions/${schedule.sessionId}/events?types=input.message`
    const { body } = await client.insist({ method: 'GET', path: events })
    schedule.messages = body.data.map(executionOf)
  }
}

export const isOver = ({ status }: Pick<Execution, 'status'>) =>
  status !== 'pending' && status !== 'running'

type Input = { data: { message: { metadata: { execution_id: string } } } }

const executionOf = ({ data }: Input) => data.message.metadata.execution_id

/** Oldest first. */
async function allExecutions(client: Client, id: string): Promise<Execution[]> {
  const all: Execution[] = []
  for (;;) {
    const page = `${path}/${id}/executions?limit=${pageSize}&offset=${all.length}`
    const { body } = await client.insist({ method: 'GET', path: page })
    all.push(...body.data)
    if (body.data.length < pageSize) return all.reverse()
  }
}
