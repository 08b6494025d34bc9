import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { queryRows } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import type { Call } from '../../../../test/server.ts'
import { createAgent, eventsOf, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let key: Awaited<ReturnType<typeof createKey>>
let agentId: string

beforeAll(async (t) => {
  server = await startGuarded(t as Parameters<typeof startGuarded>[0])
  key = await createKey(server, await registerPerson(server))
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  const tools = [{ type: 'client_side', name: 'pick', description: 'Picks.' }]
  const about = { url: server.url, call: key.call }
  agentId = (await createAgent(about, { capabilities: [files], tools })).id
})

type Sent = { type: string; code?: string; outcome?: { type: string } }

const user = (content: string, id = 'm1') => ({ id, role: 'user', content })

/** The events of a run. */
async function run(threadId: string, fields: object, call: Call = key.call): Promise<Sent[]> {
  const body = { threadId, protocolVersion: '1.0', messages: [], ...fields }
  const { status, body: text } = await call('POST', `/v1/ag-ui/agents/${agentId}`, body)
  assert.equal(status, 200, JSON.stringify(text))
  const lines = (text as string).split('\n').filter((line) => line.startsWith('data: '))
  return lines.map((line) => JSON.parse(line.slice('data: '.length)))
}

async function keyed(threadId: string) {
  const query = new URLSearchParams({ key: threadId, agent_id: agentId })
  return expectStatus(await key.call('GET', `/v1/sessions?${query}`), 200).data[0]
}

const loggedIn = (id: string, types: string) =>
  eventsOf({ url: server.url, call: key.call }, id, `?types=${types}`)

const write = { name: 'write_file', arguments: { path: '/a', content: 'A' }, id: 'call_write' }
const pick = { name: 'pick', arguments: {}, id: 'call_pick' }
const mixed = user(scripted({ tool_calls: [write, pick] }, { text: 'Both.' }))
const approve = { interruptId: 'call_write', status: 'resolved', payload: { approved: true } }
const picked = { id: 't1', role: 'tool', toolCallId: 'call_pick', content: 'This one.' }

test('a repeat of answers sends those that its node did not send before it ended', async () => {
  for (const isDecided of [false, true]) {
    const threadId = `lost ${isDecided}`
    await run(threadId, { runId: 'run-1', messages: [mixed] })
    const { id } = await keyed(threadId)
    const after = (await loggedIn(id, 'tool.call_requested,tool.approval_requested')).at(-1)!
    await queryRows(
      server.databaseUrl,
      `insert into ag_ui_runs (org_id, session_id, run_id, after_sequence, kind, answered)
      select org_id, id, 'run-2', $2, 'answers', array['call_write', 'call_pick']
      from sessions where id = $1`,
      [id, after.sequence],
    )
    const path = `/v1/sessions/${id}/approvals/call_write`
    if (isDecided) expectStatus(await key.call('POST', path, { decision: 'approve' }), 200)
    const answers = { runId: 'run-2', messages: [mixed, picked], resume: [approve] }
    const events = await run(threadId, answers)
    assert.equal(events.at(-1)!.outcome!.type, 'success')
    assert.equal((await loggedIn(id, 'tool.approval_resolved')).length, 1)
    assert.deepEqual(await run(threadId, answers), events)
  }
})

test('of different decisions at once the first is final, and all runs attach', async () => {
  const asks = scripted({ tool_calls: [write] }, { text: 'Done.' })
  await run('tabs', { runId: 'run-1', messages: [user(asks)] })
  const decided = await Promise.all(
    [true, false, true, false].map((approved, tab) => {
      const resume = [{ ...approve, payload: { approved } }]
      return run('tabs', { runId: `tab-${tab}`, messages: [user(asks)], resume })
    }),
  )
  for (const events of decided) assert.equal(events.at(-1)!.outcome!.type, 'success')
  const { id } = await keyed('tabs')
  assert.equal((await loggedIn(id, 'tool.approval_resolved')).length, 1)
})

const slow = user(scripted({ text: 'Slow.', delay_ms: 600_000 }), 'm2')
const first = user(scripted({ text: 'First.' }))
const before = [first, { id: 'a1', role: 'assistant', content: 'First.' }]

for (const { threadId, what, messages } of [
  { threadId: 'edited', what: 'an edit', messages: [...before, user('Other.', 'm2')] },
  { threadId: 'regenerated', what: 'a regenerate', messages: [first] },
]) {
  test(`${what} ends the turn that runs`, async () => {
    await run(threadId, { runId: 'run-1', messages: [first] })
    const running = run(threadId, { runId: 'run-2', messages: [...before, slow] })
    const { id } = await eventually(async () => {
      const session = await keyed(threadId)
      return session.status === 'active' ? session : undefined
    })
    const events = await run(threadId, { runId: 'run-3', messages })
    assert.equal(events.at(-1)!.outcome!.type, 'success')
    assert.equal((await keyed(threadId)).forked_from.session_id, id)
    assert.equal((await running).at(-1)!.outcome!.type, 'cancelled')
  })
}

test('an edit of a caller that may not retake is refused, and the turn runs on', async () => {
  const grants = { user: 'ada', agent_ids: [agentId], access: 'write' }
  const { token } = expectStatus(await key.call('POST', '/v1/tokens', grants), 201)
  const ada = callerWith(server.url, `Bearer ${token}`)
  const sent = { threadId: 'of ada', messages: [user('Hello.')], runId: 'run-1' }
  await run('of ada', sent, ada)
  const { data } = expectStatus(await key.call('GET', '/v1/sessions?key=of+ada'), 200)
  const [{ id }] = data
  const message = { content: [{ type: 'text', text: slow.content }] }
  expectStatus(await key.call('POST', `/v1/sessions/${id}/messages`, { message }), 201)
  const edit = { ...sent, messages: [user('Edited.')], runId: 'run-2' }
  const refused = await ada('POST', `/v1/ag-ui/agents/${agentId}`, edit)
  expectStatus(refused, 403, 'not_granted')
  assert.deepEqual(await loggedIn(id, 'turn.cancelled'), [])
  expectStatus(await key.call('POST', `/v1/sessions/${id}/cancel`), 200)
})

test('a repeat of a run whose beginning was not stored attaches to it', async () => {
  const message = user('Hello.')
  await run('unstored', { runId: 'run-1', messages: [message] })
  const { id } = await keyed('unstored')
  await queryRows(server.databaseUrl, 'delete from ag_ui_runs where session_id = $1', [id])
  const events = await run('unstored', { runId: 'run-1', messages: [message] })
  assert.equal(events.at(-1)!.outcome!.type, 'success')
  assert.equal((await keyed('unstored')).id, id)
  assert.equal((await loggedIn(id, 'input.message')).length, 1)
})

test('a token of a session joins the run of its session, of several with one id', async () => {
  for (const threadId of ['first', 'second']) {
    await run(threadId, { runId: 'same', messages: [user(threadId)] })
  }
  const { id } = await keyed('first')
  const made = await key.call('POST', `/v1/sessions/${id}/tokens`, { access: 'read' })
  const call = callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  const text = expectStatus(await call('GET', `/v1/ag-ui/agents/${agentId}?runId=same`), 200)
  assert.match(text, /"threadId":"first".*"type":"RUN_FINISHED"/s)
})
