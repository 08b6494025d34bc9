/** Stored JSON with escapes that PostgreSQL refuses to read: NUL and unpaired surrogates. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../test/access.ts'
import { whenParked } from '../../test/budgets.ts'
import { runSql } from '../../test/database.ts'
import { beforeAll } from '../../test/hooks.ts'
import { createSchedule, sending, trigger, untilOver } from '../../test/schedules.ts'
import { startServer } from '../../test/server.ts'
import { createAgent, createSession, eventsOf, post, scripted } from '../../test/session.ts'
import { follow } from '../../test/stream.ts'
import { eventually } from '../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const get = async (path: string) => expectStatus(await server.call('GET', path), 200)

const config = { requires_approval: ['write_file'] }
const capabilities = [{ ref: 'session_file_system', config }, { ref: 'ask_user' }]

/** Text of a model with both escapes, and with the same characters as plain text. */
const odd = 'nul \u0000, half \ud800, plain \\u0000 \\ud800, whole \u{1f600}'
const readable = odd.replace('\u0000', '\ufffd').replace('\ud800', '\ufffd')

const write = (id: string) => ({
  id,
  name: 'write_file',
  arguments: { path: `/${id}`, content: odd },
})

/** Starts a turn whose call waits for an approval. The message has NUL too. */
async function waiting(id: string) {
  const agent = await createAgent(server, { capabilities })
  const session = await createSession(server, { agent_id: agent.id })
  const message = {
    content: [{ type: 'text', text: scripted({ tool_calls: [write(id)] }, { text: 'Done.' }) }],
    metadata: { odd: 'nul \u0000' },
  }
  const path = `/v1/sessions/${session.id}`
  expectStatus(await server.call('POST', `${path}/messages`, { message }), 201)
  await whenParked(server, session.id)
  const [begun] = await eventsOf(server, session.id, '?types=turn.started')
  return { path, sessionId: session.id, turnId: begun!.context.turn_id! }
}

test('executions of all schedules end, also after a failure with unreadable data', async (t) => {
  // As in the log of a server of 0.1.
  await runSql(
    server.databaseUrl,
    String.raw`create function add_escapes() returns trigger language plpgsql as $$
    begin
      new.data := regexp_replace(new.data::text, '^\{', '{"odd":"\\u0000 \\ud800",')::json;
      return new;
    end $$`,
  )
  await runSql(
    server.databaseUrl,
    `create trigger add_escapes before insert on events for each row
    when (new.type = 'turn.failed') execute function add_escapes()`,
  )
  t.after(() => runSql(server.databaseUrl, 'drop trigger add_escapes on events'))
  const { id: sessionId } = await createSession(server)
  const text = scripted({ error: { message: 'boom', status: 400 } })
  const failing = await createSchedule(server, { target: sending(sessionId, { text }) })
  const other = await createSchedule(server)
  await trigger(server, failing.id)
  const [failed] = await untilOver(server, failing.id, 1)
  const { data } = (await eventsOf(server, sessionId)).find(({ type }) => type === 'turn.failed')!
  assert.equal((data as unknown as { odd: string }).odd, '\u0000 \ud800')
  assert.deepEqual([failed!.status, failed!.error], ['failed', (data as { error: string }).error])
  await trigger(server, other.id)
  const [completed] = await untilOver(server, other.id, 1)
  assert.equal(completed!.status, 'completed')
})

test('the list of what waits has calls with unreadable arguments', async () => {
  const { sessionId } = await waiting('listed')
  const { data, counts } = await get(`/v1/waiting?session_id=${sessionId}`)
  assert.equal(counts.approval, 1)
  assert.deepEqual(data[0].arguments, { path: '/listed', content: readable })
})

test('explains, previews and lists a turn with an unreadable message', async () => {
  const { path, sessionId, turnId } = await waiting('explained')
  const why = await get(`${path}/why`)
  assert.deepEqual([why.turn_id, why.omitted_images], [turnId, []])
  await get(`${path}/preview`)
  const listed = await get(`/v1/durable/workflows/${turnId}/events`)
  const log = await eventsOf(server, sessionId)
  const input = log.find(({ type }) => type === 'input.message')!
  assert.equal(listed.data[0].id, input.id)
})

test('finds the events of a tool among calls with unreadable arguments', async () => {
  const { sessionId } = await waiting('found')
  const found = await eventsOf(server, sessionId, '?tool_name=write_file')
  assert.deepEqual(
    found.map(({ type }) => type),
    ['tool.approval_requested'],
  )
  assert.deepEqual(await eventsOf(server, sessionId, '?tool_name=read_file'), [])
})

test('a session with unreadable events continues, and can be rated and forked', async (t) => {
  const { path, sessionId, turnId } = await waiting('forked')
  const approvals = [{ tool_call_id: 'forked', decision: 'approve' }]
  const stream = await follow(t, server.url, { sessionId })
  expectStatus(await server.call('POST', `${path}/approvals`, { approvals }), 200)
  await stream.event('session.idled')
  expectStatus(await server.call('POST', `${path}/approvals`, { approvals }), 200)
  const feedback = { turn_id: turnId, rating: 'up' }
  expectStatus(await server.call('POST', `${path}/feedback`, feedback), 200)
  const fork = expectStatus(await server.call('POST', `${path}/fork`), 201)
  expectStatus(await post(server, fork.id, scripted({ text: 'Yes.' })), 201)
})

test('a call whose id is unreadable gets another one and waits', async () => {
  const agent = await createAgent(server, { capabilities })
  const session = await createSession(server, { agent_id: agent.id })
  for (const id of ['nul \u0000', 'half \ud800']) {
    const script = scripted({ tool_calls: [{ ...write('x'), id }] }, { text: 'Done.' })
    expectStatus(await post(server, session.id, script), 201)
    const path = `/v1/sessions/${session.id}`
    const waits = (await whenParked(server, session.id)) as { tool_call_ids: string[] }
    const [callId] = waits.tool_call_ids
    assert.match(callId!, /^call_[0-9a-f]+$/)
    const decision = { decision: 'deny' }
    expectStatus(await server.call('POST', `${path}/approvals/${callId}`, decision), 200)
    await eventually(async () => (await get(path)).status === 'idle')
  }
})
