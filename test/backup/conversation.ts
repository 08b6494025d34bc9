/**
 * A waiting session, a session in the middle of a reply, and a secret: the state that a backup must
 * restore.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { auditLog } from '../crash/audit.ts'
import type { ServerProcess } from '../process.ts'

/** Longer than the time between its request and the end of its server. */
const replyMs = 4_000

const askClient = {
  type: 'client_side',
  name: 'look_outside',
  description: 'Looks out of the window.',
  parameters: { type: 'object', properties: {} },
}

const call = (name: string, args: object = {}) => ({
  tool_calls: [{ id: `call_${name}`, name, arguments: args }],
})

export type Begun = { parked: string; running: string }

/** Begins both. Returns when one waits for its client and the model call of the other has begun. */
export async function beginTurns(t: TestContext, server: ServerProcess): Promise<Begun> {
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'session_storage' }],
    tools: [askClient],
  })
  const parked = await createSession(server, { agent_id })
  const script = scripted(
    call('set_secret', { name: 'token', value: 'sesame' }),
    call('look_outside'),
    call('get_secret', { name: 'token' }),
    { text: 'The sun shines.' },
  )
  await post(server, parked.id, script)
  await eventually(
    async () => (await server.call('GET', `/v1/sessions/${parked.id}`)).body.waiting_for,
  )

  const running = await createSession(server, { agent_id })
  const stream = await follow(t, server.url, { sessionId: running.id })
  await post(server, running.id, scripted({ text: 'Here I am again.', delay_ms: replyMs }))
  await stream.event('output.message.started')
  stream.close()
  return { parked: parked.id, running: running.id }
}

/**
 * Answers the waiting session. Both end, each event is stored once, and the secret can be opened.
 */
export async function finishTurns(
  t: TestContext,
  server: ServerProcess,
  { parked, running }: Begun,
): Promise<void> {
  const waits = (await server.call('GET', `/v1/sessions/${parked}`)).body
  assert.deepEqual(waits.waiting_for?.tool_call_ids, ['call_look_outside'])
  const answer = await server.call('POST', `/v1/sessions/${parked}/tool-results`, {
    tool_results: [{ tool_call_id: 'call_look_outside', result: 'sun' }],
  })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  for (const sessionId of [parked, running]) {
    const stream = await follow(t, server.url, { sessionId })
    await stream.event('session.idled')
    stream.close()
  }
  const [one, two] = [await eventsOf(server, parked), await eventsOf(server, running)]
  auditLog(two)
  const sequences = one.map(({ sequence }) => sequence)
  assert.deepEqual(
    sequences,
    [...sequences.keys()].map((at) => at + 1),
  )
  assert.equal(replyOf(one), 'The sun shines.')
  assert.equal(replyOf(two), 'Here I am again.')
  assert.match(JSON.stringify(dataOf(one, 'tool.completed', 3)), /sesame/)
}
