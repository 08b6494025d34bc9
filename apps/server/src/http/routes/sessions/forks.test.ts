import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event, Message, NewFork, Session } from '@outlast/contract'
import pg from 'pg'
import { expectStatus } from '../../../../test/access.ts'
import { runSql } from '../../../../test/database.ts'
import { door, expectError } from '../../../../test/files.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startModel } from '../../../../test/remotes/written-model.ts'
import { startServer } from '../../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { type ToolUse, useTools, useToolsAtOnce } from '../../../../test/tool-session.ts'
import { eventually } from '../../../../test/waiting.ts'
import { idInside } from '../../../ids.ts'

type Server = Awaited<ReturnType<typeof startServer>>

let server: Server
beforeAll(async (t) => {
  server = await startServer(t as never, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } })
})

const unknown = `session_${'a'.repeat(32)}`
const refs = ['test_math', 'session_file_system', 'session_storage']
const capabilities = refs.map((ref) => ({ ref }))

async function session(fields: object = {}) {
  const agent = await createAgent(server, { capabilities })
  return createSession(server, { agent_id: agent.id, ...fields })
}

const tryFork = (id: string, body?: NewFork) => server.call('POST', `/v1/sessions/${id}/fork`, body)

const fork = async (id: string, body?: NewFork): Promise<Session> =>
  expectStatus(await tryFork(id, body), 201)

const get = async (id: string): Promise<Session> =>
  expectStatus(await server.call('GET', `/v1/sessions/${id}`), 200)

const messagesOf = async (id: string): Promise<Message[]> =>
  expectStatus(await server.call('GET', `/v1/sessions/${id}/messages`), 200).data

const unnamed = (events: Event[]) => events.map(({ id: _, session_id: __, ...rest }) => rest)

const call = (name: string, input: object) => ({ tool_calls: [{ name, arguments: input }] })
const add = call('add', { a: 2, b: 3 })

test('a fork has the events of its source under new ids, and the messages under the same', async (t) => {
  const source = await session({ title: 'First', tags: ['a', 'b'] })
  await converse(t, server, source.id, scripted(add, { text: 'It is five.' }))
  const forked = await fork(source.id)
  const [before, after] = [await get(source.id), await get(forked.id)]
  assert.deepEqual(after, forked)
  const { id, created_at, updated_at, forked_from, ...same } = after
  const { id: _, created_at: __, updated_at: ___, ...expected } = { ...before }
  const origin = { forked_from: null, forked_from_session_id: null, forked_from_sequence: null }
  assert.deepEqual({ ...same, ...origin }, expected)
  assert.notEqual(id, source.id)
  assert.ok(created_at > before.created_at && updated_at === created_at)
  const [theirs, ours] = [await eventsOf(server, source.id), await eventsOf(server, id)]
  assert.deepEqual(forked_from, { session_id: source.id, sequence: theirs.at(-1)!.sequence })
  assert.deepEqual(unnamed(ours), unnamed(theirs))
  assert.ok(ours.every((event) => event.session_id === id))
  const ids = new Set(theirs.map((event) => event.id))
  assert.ok(!ours.some((event) => ids.has(event.id)))
  const [said, copied] = [await messagesOf(source.id), await messagesOf(id)]
  assert.deepEqual(
    said.map(({ role }) => role),
    ['user', 'agent', 'tool_result', 'agent'],
  )
  assert.deepEqual(
    copied,
    said.map((message) => ({ ...message, session_id: id })),
  )
  assert.deepEqual(await messagesOf(id), copied, 'and the same when they are read again')
})

test('a fork can have another title, tags and model, and continues separately', async (t) => {
  const models = expectStatus(await server.call('GET', '/v1/llm-models'), 200).data
  const source = await session({ title: 'First', tags: ['a'] })
  await converse(t, server, source.id, 'Hello')
  const asked = { title: 'Second', tags: [], model_id: models.at(-1).id }
  const { id, ...forked } = await fork(source.id, asked)
  assert.deepEqual([forked.title, forked.tags, forked.model_id], ['Second', [], asked.model_id])
  const before = await eventsOf(server, source.id)
  await converse(t, server, id, scripted({ text: 'only here' }))
  assert.deepEqual(await eventsOf(server, source.id), before)
  await converse(t, server, source.id, scripted({ text: 'only there' }))
  const [theirs, ours] = [await eventsOf(server, source.id), await eventsOf(server, id)]
  assert.deepEqual([replyOf(theirs), replyOf(ours)], ['only there', 'only here'])
  assert.equal((await get(source.id)).title, 'First')
})

test('a fork at an event has the state at that event, named by id or sequence', async (t) => {
  const source = await session()
  await converse(t, server, source.id, scripted({ text: 'first reply' }))
  const then = await get(source.id)
  const cut = (await eventsOf(server, source.id)).at(-1)!
  await converse(t, server, source.id, scripted({ text: 'second reply' }))
  const now = await get(source.id)
  assert.notDeepEqual([then.usage, then.output_preview], [now.usage, now.output_preview])
  for (const body of [{ at_sequence: cut.sequence! }, { event_id: cut.id }]) {
    const forked = await fork(source.id, body)
    for (const field of ['status', 'preview', 'output_preview', 'usage', 'started_at'] as const) {
      assert.deepEqual(forked[field], then[field], field)
    }
    // The times of the source are those of its statement, the fork's that of the event.
    assert.equal(Date.parse(forked.finished_at!), Date.parse(cut.ts))
    assert.equal((await eventsOf(server, forked.id)).length, cut.sequence)
  }
  const fresh = await fork(source.id, { at_sequence: 1 })
  assert.deepEqual(
    [fresh.status, fresh.preview, fresh.usage, fresh.started_at, fresh.finished_at],
    ['started', null, null, null, null],
  )
  assert.deepEqual(typesOf(await eventsOf(server, fresh.id)), ['session.started'])
})

test('a fork during a reply is idle at once, and the reply continues', async (t) => {
  const model = await startModel(t)
  const { id: model_id } = await model.addTo(server)
  const source = await session({ model_id })
  const stream = await follow(t, server.url, { sessionId: source.id })
  const say = async (number: number, text: string) => {
    const written = await model.call(number)
    written.say(text)
    return written
  }
  await post(server, source.id, 'Speak.')
  const first = await say(1, 'word ')
  await stream.event('output.message.delta')
  await post(server, source.id, 'Queued.', { on_busy: 'queue' })
  const forked = await fork(source.id)
  assert.deepEqual([forked.status, forked.usage], ['idle', null])
  assert.ok(forked.finished_at)
  const copied = await eventsOf(server, forked.id)
  const ends = typesOf(copied).slice(forked.forked_from!.sequence)
  assert.deepEqual(ends, ['turn.cancelled', 'session.activated', 'turn.cancelled', 'session.idled'])
  assert.equal(dataOf(copied, 'turn.cancelled')!.reason, 'The session was forked here')
  assert.deepEqual(
    copied.map(({ sequence }) => sequence),
    copied.map((_, index) => index + 1),
  )
  first.end()
  const second = await say(2, 'queued')
  second.end()
  await stream.event('session.idled')
  const types = typesOf(await eventsOf(server, source.id))
  assert.equal(types.filter((type) => type === 'turn.completed').length, 2)
  assert.ok(!types.includes('turn.cancelled'))
  const going = converse(t, server, forked.id, 'Go on.')
  const third = await say(3, 'went on')
  third.end()
  assert.equal(replyOf(await going), 'went on')
  const shown = await eventsOf(server, forked.id, '?expand=messages&types=llm.generation')
  const { messages } = dataOf(shown, 'llm.generation')!
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['system', 'user', 'user', 'user'],
    'the queued message is in the conversation',
  )
})

test('a tool that runs at the cut ends cancelled in the fork, and runs on in the source', async (t) => {
  const source = await session()
  const script = scripted(add, call('multiply', { a: 2, b: 3 }), { text: 'done' })
  await converse(t, server, source.id, script)
  const events = await eventsOf(server, source.id)
  const started = events.filter(({ type }) => type === 'tool.started')[1]!
  const forked = await fork(source.id, { event_id: started.id })
  const ends = (await eventsOf(server, forked.id)).slice(started.sequence)
  assert.deepEqual(typesOf(ends), ['turn.cancelled', 'tool.completed', 'session.idled'])
  const outcome = dataOf(ends, 'tool.completed')!
  assert.deepEqual([outcome.status, outcome.tool_name], ['cancelled', 'multiply'])
  const reply = events.filter(({ type }) => type === 'output.message.completed')[1]!
  const earlier = await fork(source.id, { event_id: reply.id })
  const sameEnds = (await eventsOf(server, earlier.id)).slice(reply.sequence)
  assert.deepEqual(typesOf(sameEnds), typesOf(ends))
  const answer = await converse(t, server, forked.id, scripted({ text: 'and on' }))
  assert.equal(replyOf(answer), 'and on')
  const sum = dataOf(answer, 'session.idled')!.usage!
  assert.deepEqual(sum, (await get(forked.id)).usage)
})

test('a fork of a session that waits for its client waits for nothing; the source waits on', async (t) => {
  const tools = [{ type: 'client_side', name: 'open_door', description: 'Opens.', parameters: {} }]
  const source = await session({ tools })
  const stream = await follow(t, server.url, { sessionId: source.id })
  await post(server, source.id, scripted(call('open_door', {}), { text: 'opened' }))
  await stream.event('tool.call_requested')
  const waits = await eventually(async () => (await get(source.id)).waiting_for)
  const forked = await fork(source.id)
  assert.deepEqual([forked.status, forked.waiting_for, forked.tools], ['idle', null, source.tools])
  const ends = (await eventsOf(server, forked.id)).slice(forked.forked_from!.sequence)
  assert.deepEqual(typesOf(ends), ['turn.cancelled', 'tool.completed', 'session.idled'])
  const tool_results = [{ tool_call_id: waits.tool_call_ids[0], result: 'open' }]
  const answer = (id: string) =>
    server.call('POST', `/v1/sessions/${id}/tool-results`, { tool_results })
  expectError(await answer(forked.id), [409, 'tool_call_not_waiting'])
  expectStatus(await answer(source.id), 200)
  await stream.event('session.idled')
  assert.equal(replyOf(stream.events), 'opened')
  const next = await converse(t, server, forked.id, scripted({ text: 'went on' }))
  assert.equal(replyOf(next), 'went on')
})

test('files, values and secrets are those of now, and each has its own from then on', async (t) => {
  const source = await session({ key: 'chat' })
  await door(server, source.id).create('/notes/a.txt', { content: 'one', is_readonly: true })
  await useTools(t, server, source.id, ['set_value', { key: 'k', value: 'v' }])
  await useTools(t, server, source.id, ['set_secret', { name: 's', value: 'hush' }])
  const forked = await fork(source.id, { at_sequence: 1, take_key: true })
  const [theirs, ours] = [door(server, source.id), door(server, forked.id)]
  const file = expectStatus(await ours.call('GET', '/notes/a.txt'), 200)
  assert.deepEqual([file.content, file.is_readonly], ['one', true])
  assert.notEqual(file.id, (await theirs.call('GET', '/notes/a.txt')).body.id)
  await theirs.call('PUT', '/notes/a.txt', { is_readonly: false })
  await theirs.call('PUT', '/notes/a.txt', { content: 'two' })
  await useTools(t, server, source.id, ['set_value', { key: 'k', value: 'w' }])
  expectStatus(await server.call('DELETE', `/v1/sessions/${source.id}`), 204)
  assert.equal((await ours.call('GET', '/notes/a.txt')).body.content, 'one')
  const kept = await useTools(
    t,
    server,
    forked.id,
    ['get_value', { key: 'k' }],
    ['get_secret', { name: 's' }],
  )
  assert.deepEqual(
    kept.map(({ value }) => value),
    ['v', 'hush'],
  )
  assert.equal((await get(forked.id)).forked_from?.session_id, source.id)
})

test('a fork has no secret, unless it takes the key', async (t) => {
  const source = await session({ key: 'chat' })
  await useTools(t, server, source.id, ['set_secret', { name: 's', value: 'hush' }])
  const namesOf = async ({ id }: Session) =>
    expectStatus(await server.call('GET', `/v1/sessions/${id}/storage/secrets`), 200).data.length
  assert.equal(await namesOf(await fork(source.id)), 0)
  assert.equal(await namesOf(await fork(source.id, { take_key: true })), 1)
})

test('every secret of a session with many opens in the fork that takes its key', async (t) => {
  const source = await session({ key: 'chat' })
  const names = Array.from({ length: 45 }, (_, n) => `secret ${n}`)
  const set = names.map((name): ToolUse => ['set_secret', { name, value: `value of ${name}` }])
  await useToolsAtOnce(t, server, source.id, ...set)
  const { id } = await fork(source.id, { take_key: true })
  const read = names.map((name): ToolUse => ['get_secret', { name }])
  for (const { name, value } of await useToolsAtOnce(t, server, id, ...read)) {
    assert.equal(value, `value of ${name}`)
  }
})

test('a fork with secrets needs the master key, and without it there is none', async (t) => {
  const source = await session({ key: 'chat' })
  await useTools(t, server, source.id, ['set_secret', { name: 's', value: 'hush' }])
  const { databaseUrl } = server
  // Else a node without the key that the others have does not start.
  await runSql(databaseUrl, 'delete from master_keys')
  const env = { SECRETS_ENCRYPTION_KEY: '' }
  const without = await startServer(t, { databaseUrl, env })
  const count = async () => (await server.call('GET', '/v1/sessions?limit=1')).body.total
  const before = await count()
  const answer = await without.call('POST', `/v1/sessions/${source.id}/fork`, { take_key: true })
  expectError(answer, [400, 'secrets_unavailable'])
  assert.equal(await count(), before)
})

test('tokens count once, sessions and bytes for each, and a deleted fork gives its own back', async (t) => {
  const source = await session()
  await door(server, source.id).create('/big.txt', { content: 'x'.repeat(100_000) })
  await converse(t, server, source.id, scripted(add, { text: 'five' }))
  const agent = async () => (await server.call('GET', `/v1/agents/${source.agent_id}`)).body
  const { usage } = await agent()
  const list = `/v1/sessions?agent_id=${source.agent_id}`
  const forked = await fork(source.id)
  assert.deepEqual(forked.usage, usage)
  assert.deepEqual((await agent()).usage, usage)
  assert.equal((await server.call('GET', list)).body.total, 2)
  const consistent = `do $$ begin assert
    (select sum(stored_bytes) from counters where agent_id like 'agent_%') = (select sum(stored_bytes + file_bytes) from sessions)
    and (select file_bytes from sessions where id = '${forked.id}') = 100000
    and (select file_count from sessions where id = '${forked.id}') = 1; end $$`
  await runSql(server.databaseUrl, consistent)
  expectStatus(await server.call('DELETE', `/v1/sessions/${forked.id}`), 204)
  assert.equal((await server.call('GET', list)).body.total, 1)
  await runSql(server.databaseUrl, consistent.replace(/ and .*1;/s, ';'))
})

test('a stream of a fork replays all events and continues live', async (t) => {
  const source = await session()
  await converse(t, server, source.id, 'Hello')
  const { id } = await fork(source.id)
  const stream = await follow(t, server.url, { sessionId: id })
  await stream.event('session.idled')
  await post(server, id, scripted({ text: 'more' }))
  await stream.event('session.idled', 2)
  const told = stream.events.filter(({ sequence }) => sequence)
  assert.deepEqual(told, await eventsOf(server, id))
})

test('refuses a fork of an unknown session or at an unknown event', async (t) => {
  const [source, other] = [await session(), await session()]
  const told = await converse(t, server, source.id, 'Hello')
  const last = told.at(-1)!
  const begun = told.find(({ type }) => type === 'output.message.started')!
  const delta = idInside(source.id, begun.id, 3)
  const foreign = (await eventsOf(server, other.id))[0]!
  const early = last.id.replace(/^event_.{12}/, 'event_000000000001')
  const refused: [NewFork, string][] = [
    [{ at_sequence: 0 }, 'invalid_request'],
    [{ at_sequence: last.sequence! + 1 }, 'unknown_sequence'],
    [{ at_sequence: 2_147_483_647 }, 'unknown_sequence'],
    [{ event_id: foreign.id }, 'unknown_event_id'],
    [{ event_id: early }, 'unknown_event_id'],
    [{ event_id: delta }, 'unknown_event_id'],
    [{ event_id: `event_${'0'.repeat(32)}` }, 'unknown_event_id'],
    [{ event_id: 'event_1' }, 'invalid_request'],
    [{ event_id: last.id, at_sequence: 1 }, 'invalid_request'],
    [{ model_id: `model_${'a'.repeat(32)}` }, 'model_unavailable'],
    [{ title: 'x'.repeat(256) }, 'invalid_request'],
  ]
  for (const [body, code] of refused) expectError(await tryFork(source.id, body), [400, code])
  await runSql(server.databaseUrl, `update sessions set sequence = 200001 where id = '${other.id}'`)
  expectError(await tryFork(other.id), [413, 'fork_too_long'])
  assert.equal((await fork(other.id, { at_sequence: 1 })).status, 'started')
  expectError(await tryFork(unknown), [404, 'not_found'])
  expectError(await tryFork('session_1'), [400, 'invalid_id'])
  expectStatus(await server.call('DELETE', `/v1/sessions/${other.id}`), 204)
  expectError(await tryFork(other.id), [404, 'not_found'])
  expectStatus(await server.call('DELETE', `/v1/agents/${source.agent_id}`), 204)
  expectError(await tryFork(source.id), [409, 'agent_archived'])
})

test('the same Idempotency-Key makes one fork', async (t) => {
  const source = await session()
  await converse(t, server, source.id, 'Hello')
  const key = { 'idempotency-key': 'fork-1' }
  const path = `/v1/sessions/${source.id}/fork`
  const ask = async (body: NewFork) => {
    for (;;) {
      const answer = await server.call('POST', path, body, key)
      // One request waits 5 s for the other.
      if (answer.body.code !== 'idempotency_in_progress') return answer
    }
  }
  const [one, two] = await Promise.all([ask({ title: 'T' }), ask({ title: 'T' })])
  assert.deepEqual([one.status, two.status, one.body], [201, 201, two.body])
  expectError(await ask({ title: 'Other' }), [409, 'idempotency_key_reused'])
})

test('a fork does not wait for the locks of writers on its source', async (t) => {
  const source = await session()
  await converse(t, server, source.id, 'Hello')
  const holder = new pg.Client(server.databaseUrl)
  await holder.connect()
  try {
    await holder.query('begin')
    await holder.query('select from sessions where id = $1 for no key update', [source.id])
    await holder.query('select from events where session_id = $1 for update', [source.id])
    assert.equal((await fork(source.id)).status, 'idle')
  } finally {
    await holder.end()
  }
})

test('a fork does not block writers, and has the state of one moment', async (t) => {
  const source = await session()
  const files = door(server, source.id)
  const writing = Promise.all(
    Array.from({ length: 30 }, (_, n) => files.create(`/f/${n}`, { content: String(n) })),
  )
  const forks = await Promise.all(Array.from({ length: 10 }, () => fork(source.id)))
  for (const { status } of await writing) assert.equal(status, 201)
  const turn = await converse(t, server, source.id, scripted({ text: 'still here' }))
  assert.equal(replyOf(turn), 'still here')
  for (const { id } of forks) {
    const copied = expectStatus(await door(server, id).call('GET', '?recursive=true'), 200)
    const told = await door(server, id).told()
    const there = copied.data.filter(({ is_directory }: { is_directory: boolean }) => !is_directory)
    assert.ok(there.length >= told.length)
  }
})
