import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { queryRows, untilLocked } from '../../../test/database.ts'
import { testCapability, testTool } from '../../../test/processes/own-code.ts'
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
import { builtins } from '../../capabilities/index.ts'
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

test('results of a turn that has 64 MiB of them are cut, and stored whole in files', async (t) => {
  const nine = 9 * 1024 * 1024
  const own = testCapability([testTool({ name: 'dig', run: () => 'x'.repeat(nine) })])
  const env = { TOOL_OUTPUT_KB: '10240', LOG_LEVEL: 'warn' }
  const server = await startServer(t, { env, capabilities: [...builtins, own] })
  const uses = [{ ref: 'own' }]
  const agent = await createAgent(server, { tools: [survey], capabilities: uses })
  const { id } = await createSession(server, { agent_id: agent.id })
  const digs = Array.from({ length: 9 }, () => ({ name: 'dig', arguments: {} }))
  const calls = ['one', 'two'].map((id) => ({ id, name: 'survey', arguments: {} }))
  await post(server, id, scripted({ tool_calls: [...digs, ...calls] }, { text: 'over' }))
  const path = `/v1/sessions/${id}`
  await eventually(async () => (await server.call('GET', path)).body.waiting_for)
  const tool_results = [{ tool_call_id: 'one', result: 'y'.repeat(2_000) }]
  const answered = await server.call('POST', `${path}/tool-results`, { tool_results })
  assert.equal(answered.status, 200)
  const texts = await queryRows<{ size: number; start: string }>(
    server.databaseUrl,
    `select length(text)::int as size, left(text, 20) as start from (
      select sequence, data->'result'->0->>'text' as text from events
      where session_id = $1 and type = 'tool.completed') results order by sequence`,
    [id],
  )
  const isCut = texts.map(({ size, start }) => size < nine && start === '{"truncated":true,"s')
  assert.deepEqual(isCut, [...Array(8).fill(false), true, true])
  const kept = await server.call('GET', `${path}/fs/_tool_outputs/one.json`)
  assert.equal(kept.body.content, 'y'.repeat(2_000))
  assert.equal((await server.call('POST', `${path}/cancel`)).body.status, 'cancelled')
})
