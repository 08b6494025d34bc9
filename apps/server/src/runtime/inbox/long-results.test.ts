import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { untilLocked } from '../../../test/database.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually, patient } from '../../../test/waiting.ts'
import { databaseWaits } from '../../store/database.ts'

const survey = {
  type: 'client_side',
  name: 'survey',
  description: 'Surveys the site.',
  parameters: { type: 'object', properties: {} },
}

/** Does `work` while another connection has a lock on the row of a session. */
async function whileLocked<T>(databaseUrl: string, id: string, work: () => Promise<T>) {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query('begin')
    await client.query('select from sessions where id = $1 for update', [id])
    return await work()
  } finally {
    await client.end()
  }
}

/** A session whose turn has called the client's tool, as `call_1`. */
async function askedForSurvey(t: TestContext, server: Awaited<ReturnType<typeof startServer>>) {
  const agent = await createAgent(server, { tools: [survey] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await follow(t, server.url, { sessionId: id })
  const call = { id: 'call_1', name: 'survey', arguments: {} }
  await post(server, id, scripted({ tool_calls: [call] }, { text: 'over' }))
  await stream.event('tool.call_requested')
  return { id, stream }
}

test('a long result of a client is refused while the session is locked, and kept when it is sent again', async (t) => {
  const limits = { ...patient, lock: databaseWaits.lock }
  const env = { TOOL_OUTPUT_KB: '1' }
  const server = await startServer(t, { env, databaseWaits: limits })
  const { id, stream } = await askedForSurvey(t, server)
  const long = 'x'.repeat(5_000)
  const body = { tool_results: [{ tool_call_id: 'call_1', result: { long } }] }
  const key = { 'idempotency-key': 'survey' }
  const send = () => server.call('POST', `/v1/sessions/${id}/tool-results`, body, key)
  const refused = await whileLocked(server.databaseUrl, id, send)
  assert.deepEqual([refused.status, refused.body.code], [503, 'database_unavailable'])
  const accepted = await send()
  assert.deepEqual([accepted.status, accepted.body.accepted], [200, 1])
  await stream.event('session.idled')
  const [part] = dataOf(await eventsOf(server, id), 'tool.completed').result!
  const { full_output } = JSON.parse((part as { text: string }).text)
  const kept = await server.call('GET', `/v1/sessions/${id}/fs${full_output}`)
  assert.equal(kept.body.content, JSON.stringify({ long }))
})

test('a result that is refused after its file was written leaves no event on streams', async (t) => {
  const server = await startServer(t, { env: { TOOL_OUTPUT_KB: '1' } })
  const { id, stream } = await askedForSurvey(t, server)
  const tool_results = [{ tool_call_id: 'call_1', result: 'x'.repeat(5_000) }]
  const path = `/v1/sessions/${id}`
  await eventually(async () => (await server.call('GET', path)).body.waiting_for)
  const { cancelled, answered } = await whileLocked(server.databaseUrl, id, async () => {
    const cancelled = server.call('POST', `${path}/cancel`)
    await untilLocked(server.databaseUrl)
    const key = { 'idempotency-key': 'late' }
    const answered = server.call('POST', `${path}/tool-results`, { tool_results }, key)
    await untilLocked(server.databaseUrl, 2)
    return { cancelled, answered }
  })
  assert.equal((await cancelled).body.status, 'cancelled')
  assert.equal((await answered).body.code, 'tool_call_not_waiting')
  await stream.event('session.idled')
  const stored = (await eventsOf(server, id)).map(({ type, id }) => `${type} ${id}`)
  const sent = stream.events.filter(({ sequence }) => sequence !== undefined)
  assert.deepEqual(
    sent.map(({ type, id }) => `${type} ${id}`),
    stored,
  )
})
