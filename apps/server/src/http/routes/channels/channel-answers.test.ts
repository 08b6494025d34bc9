import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { openChannel } from '../../../../test/channel.ts'
import { runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { dataOf, eventsOf, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const agent = {
  capabilities: [
    { ref: 'ask_user' },
    { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
  ],
}

const question = {
  id: 'color',
  question: 'Which color?',
  options: [{ label: 'Red' }, { label: 'Blue' }],
}
const ask = { id: 'call_ask', name: 'ask_user', arguments: { questions: [question] } }
const write = { id: 'call_write', name: 'write_file', arguments: { path: '/a', content: 'x' } }

/** A session whose turn waits for the caller of the channel. */
async function waiting(t: TestContext, call: object | object[], config: object = {}) {
  const channel = await openChannel(server, { config, agent })
  const id = await channel.create()
  const stream = await channel.follow(t, id)
  const steps = [{ tool_calls: [call].flat() as (typeof ask)[] }, { text: 'Thank you.' }]
  expectStatus(await channel.say(id, scripted(...steps)), 201)
  const asked = await stream.event('tool.call_requested')
  const send = (suffix: string, body: object) =>
    channel.call('POST', `/sessions/${id}/${suffix}`, body)
  const get = async () => expectStatus(await channel.call('GET', `/sessions/${id}`), 200)
  return { channel, id, stream, asked, send, get }
}

const dataIn = (event: Event) => event.data as unknown as Record<string, unknown>

test('a caller answers the questions that the stream and the session show', async (t) => {
  const { id, stream, asked, send, get } = await waiting(t, ask, { visibility: 'messages' })
  const pending = dataIn(asked).pending_questions as { tool_call_id: string; questions: object[] }[]
  assert.deepEqual(Object.keys(dataIn(asked)), ['pending_questions'])
  assert.equal(pending[0]!.tool_call_id, 'call_ask')
  // The event is stored before the turn is parked.
  const waits = async () => (await get()).pending_questions
  assert.deepEqual(await eventually(waits), pending)
  for (const answers of [
    [],
    [{ id: 'color', selected: ['Green'] }],
    [{ id: 'color', secret_ref: 'session:x' }],
    [{ id: 'color', secret: 'x' }],
  ]) {
    expectStatus(await send('question-answers', { answers }), 400)
  }
  const answers = [{ id: 'color', selected: ['Blue'] }]
  const answered = expectStatus(await send('question-answers', { answers }), 200)
  assert.deepEqual([answered.status, answered.answered_by], ['answered', 'user'])
  await stream.event('turn.completed')
  assert.equal((await get()).pending_questions, undefined)
  const { result } = dataOf(await eventsOf(server, id), 'tool.completed')
  assert.match(JSON.stringify(result), /Blue/)
  assert.doesNotMatch(JSON.stringify(stream.events), /tool\.input_resolved|answered_by/)
})

test('an answer tells nothing about other calls that wait', async (t) => {
  const second = { ...ask, id: 'call_second' }
  const { id, send, get } = await waiting(t, [ask, second, write], { visibility: 'messages' })
  await eventually(async () => (await get()).pending_questions)
  const answers = [{ id: 'color', selected: ['Blue'] }]
  const answer = async (tool_call_id: string) =>
    expectStatus(await send('question-answers', { tool_call_id, answers }), 200).waiting_for
  const open = await answer('call_ask')
  assert.deepEqual([open.type, open.tool_call_ids], ['input', ['call_second']])
  assert.equal(await answer('call_second'), null)
  const { waiting_for } = expectStatus(await server.call('GET', `/v1/sessions/${id}`), 200)
  assert.deepEqual(waiting_for.tool_call_ids, ['call_write'])
})

test('a decision about all calls of a tool is stored with its rule, or not at all', async (t) => {
  const { send, stream, get, id } = await waiting(t, write, { tool_approvals: 'caller' })
  const sql = (text: string) => runSql(server.databaseUrl, text)
  await sql(`create function refuse_rules() returns trigger language plpgsql as $$
    begin raise 'no rules'; end $$`)
  await sql(`create trigger refuse_rules before update of tool_rules on sessions
    for each row execute function refuse_rules()`)
  const decisions = [{ tool_call_id: 'call_write', decision: 'allow_always' }]
  const failed = await send('tool-approvals', { decisions })
  await sql('drop trigger refuse_rules on sessions')
  assert.ok(failed.status >= 500, JSON.stringify(failed.body))
  const resolved = () => eventsOf(server, id, '?types=tool.approval_resolved')
  assert.deepEqual([await resolved(), (await get()).status], [[], 'active'])
  expectStatus(await send('tool-approvals', { decisions }), 200)
  await stream.event('turn.completed')
  assert.equal((await resolved()).length, 1)
  const rules = expectStatus(await server.call('GET', `/v1/sessions/${id}/tool-rules`), 200)
  assert.equal(rules.data[0].decision, 'allow')
})

test('a caller decides on tool calls only where the channel allows it', async (t) => {
  const decisions = [{ tool_call_id: 'call_write', decision: 'allow' }]
  const operator = await waiting(t, write)
  const refused = await operator.send('tool-approvals', { decisions })
  expectStatus(refused, 403, 'approvals_by_operator')
  const path = `/v1/sessions/${operator.id}/fs/a`
  expectStatus(await server.call('GET', path), 404)

  const caller = await waiting(t, write, { tool_approvals: 'caller' })
  for (const wrong of [[], [...decisions, ...decisions], [{ tool_call_id: 'call_write' }]]) {
    expectStatus(await caller.send('tool-approvals', { decisions: wrong }), 400)
  }
  const { resolved } = expectStatus(await caller.send('tool-approvals', { decisions }), 200)
  assert.deepEqual(resolved, [{ tool_call_id: 'call_write', tool: 'write_file', outcome: 'allow' }])
  await caller.stream.event('turn.completed')
  const file = await server.call('GET', `/v1/sessions/${caller.id}/fs/a`)
  assert.equal(expectStatus(file, 200).content, 'x')
  const events = await eventsOf(server, caller.id)
  const { decided_by } = dataOf(events, 'tool.approval_resolved')
  assert.deepEqual([decided_by!.kind, decided_by!.id], ['channel', caller.channel.keyId])
  expectStatus(await caller.send('tool-approvals', { decisions }), 409)
})
