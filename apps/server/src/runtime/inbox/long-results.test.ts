import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
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

test('a long result of a client is refused while the session is locked, and kept when it is sent again', async (t) => {
  const limits = { statement: 3_000, connection: 60_000, lock: databaseWaits.lock }
  const env = { TOOL_OUTPUT_KB: '1' }
  const server = await startServer(t, { env, databaseWaits: limits })
  const agent = await createAgent(server, { tools: [survey] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await follow(t, server.url, { sessionId: id })
  const call = { id: 'call_1', name: 'survey', arguments: {} }
  await post(server, id, scripted({ tool_calls: [call] }, { text: 'over' }))
  await stream.event('tool.call_requested')
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
