/** What a session has of the one whose place it takes, by a retake or a fork with the key. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Schedule, Session, ToolRule } from '@outlast/contract'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../test/access.ts'
import { connectTo, untilLocked } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { endless } from '../../../test/locks.ts'
import { createSchedule, schedules, sending, trigger, untilOver } from '../../../test/schedules.ts'
import type { Call } from '../../../test/server.ts'
import { createAgent, createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, {
    env: { RATE_LIMIT_ADDRESS: '0' },
    databaseWaits: endless,
  })
})

const config = { requires_approval: ['write_file', 'delete_file'] }
const capabilities = [{ ref: 'session_file_system', config }]

/** A session with the key `chat` and an answered message. */
async function start() {
  const person = await registerPerson(server)
  const mine = { url: server.url, call: person.call }
  const agent = await createAgent(mine, { capabilities })
  const session = await createSession(mine, { agent_id: agent.id, key: 'chat' })
  const said = expectStatus(await post(mine, session.id, 'Hello'), 201)
  await untilIdle(mine, session.id)
  return { person, mine, session, messageId: said.id as string }
}

type Client = { url: string; call: Call }

const get = async ({ call }: Client, id: string): Promise<Session> =>
  expectStatus(await call('GET', `/v1/sessions/${id}`), 200)

const untilIdle = (client: Client, id: string) =>
  eventually(async () => (await get(client, id)).status === 'idle')

type Started = Awaited<ReturnType<typeof start>>

const ways: Record<string, (started: Started) => Promise<Session>> = {
  'a retake': async ({ mine, session, messageId }) => {
    const path = `/v1/sessions/${session.id}/retake`
    return expectStatus(await mine.call('POST', path, { message_id: messageId }), 201).session
  },
  'a fork with the key': async ({ mine, session }) =>
    expectStatus(
      await mine.call('POST', `/v1/sessions/${session.id}/fork`, { take_key: true }),
      201,
    ),
}

const fork = async ({ mine, session }: Started): Promise<Session> =>
  expectStatus(await mine.call('POST', `/v1/sessions/${session.id}/fork`), 201)

/** Decides a call of `write_file`, and with that all later ones of the session. */
async function setRule({ call, ...mine }: Client, id: string, decision: 'approve' | 'deny') {
  const wanted = { id: 'call_1', name: 'write_file', arguments: { path: '/a', content: 'x' } }
  const script = scripted({ tool_calls: [wanted] }, { text: 'Done.' })
  expectStatus(await post({ call, ...mine }, id, script), 201)
  await eventually(async () => (await get({ call, ...mine }, id)).waiting_for)
  const path = `/v1/sessions/${id}/approvals/call_1`
  expectStatus(await call('POST', path, { decision, always: 'session' }), 200)
  await untilIdle({ call, ...mine }, id)
}

async function rulesOf({ call }: Client, id: string) {
  const { data } = expectStatus(await call('GET', `/v1/sessions/${id}/tool-rules`), 200)
  return data.map(({ tool_name, decision }: ToolRule) => [tool_name, decision])
}

const targetOf = async ({ call }: Client, id: string) => {
  const { target }: Schedule = expectStatus(await call('GET', `${schedules}/${id}`), 200)
  return target.input as { session_id: string; text?: string }
}

const inputsOf = async (client: Client, id: string) =>
  (await eventsOf(client, id, '?limit=1000')).filter(({ type }) => type === 'input.message').length

for (const [way, take] of Object.entries(ways)) {
  test(`${way} keeps the rules for tools and the legal hold, a plain fork has none`, async () => {
    const started = await start()
    const { mine, session } = started
    await setRule(mine, session.id, 'deny')
    const held = { legal_hold: true }
    expectStatus(await mine.call('PATCH', `/v1/sessions/${session.id}`, held), 200)
    const plain = await fork(started)
    assert.deepEqual([await rulesOf(mine, plain.id), plain.legal_hold], [[], false])
    const taken = await take(started)
    assert.deepEqual(await rulesOf(mine, taken.id), [['write_file', 'reject']])
    const { legal_hold } = await get(mine, taken.id)
    assert.deepEqual([taken.legal_hold, legal_hold], [true, true])
    const refused = await mine.call('DELETE', `/v1/sessions/${taken.id}`)
    assert.deepEqual([refused.status, refused.body.code], [409, 'legal_hold'])
  })

  test(`${way} moves the pins of all users, a plain fork none`, async () => {
    const started = await start()
    const { person, mine, session } = started
    const key = await createKey(server, person)
    const other = await registerPerson(server)
    expectStatus(await key.call('PUT', `/v1/sessions/${session.id}/pin`), 204)
    const listed = await createSession({ url: server.url, call: other.call }, {})
    expectStatus(await other.call('PUT', `/v1/sessions/${listed.id}/pin`), 204)
    const pinned = async (call: Call) =>
      (await call('GET', '/v1/sessions?pinned=true')).body.data.map(({ id }: Session) => id)
    assert.equal((await fork(started)).is_pinned, false)
    assert.deepEqual(await pinned(mine.call), [session.id])
    const taken = await take(started)
    assert.deepEqual(await pinned(mine.call), [taken.id])
    assert.equal((await get(mine, session.id)).is_pinned, false)
    assert.deepEqual(await pinned(other.call), [listed.id])
  })

  test(`schedules of a session send to that which takes its place by ${way}`, async () => {
    const started = await start()
    const { mine, session } = started
    const own = await createSession(mine, {})
    const { id } = await createSchedule(mine, {
      target: sending(session.id, { text: 'Good morning' }),
    })
    const text = `About ${session.id}`
    const another = await createSchedule(mine, { target: sending(own.id, { text }) })
    await fork(started)
    assert.equal((await targetOf(mine, id)).session_id, session.id)
    const taken = await take(started)
    const before = await inputsOf(mine, session.id)
    assert.deepEqual(await targetOf(mine, id), { session_id: taken.id, text: 'Good morning' })
    assert.deepEqual(await targetOf(mine, another.id), { session_id: own.id, text })
    assert.equal((await trigger(mine, id)).session_id, taken.id)
    assert.equal(await inputsOf(mine, session.id), before)
    expectStatus(await mine.call('DELETE', `/v1/sessions/${session.id}`), 204)
    await trigger(mine, id)
    const ended = await untilOver(mine, id, 2)
    assert.deepEqual(
      ended.map(({ status }) => status),
      ['completed', 'completed'],
    )
  })
}

test('a fork with the key tells its caller that it is pinned', async () => {
  const started = await start()
  const { mine, session } = started
  expectStatus(await mine.call('PUT', `/v1/sessions/${session.id}/pin`), 204)
  assert.equal((await ways['a fork with the key']!(started)).is_pinned, true)
})

test('a refused retake moves no schedule', async () => {
  const started = await start()
  const { mine, session, messageId } = started
  const { id } = await createSchedule(mine, { target: sending(session.id) })
  expectStatus(await post(mine, session.id, scripted({ text: 'slow', delay_ms: 600_000 })), 201)
  const path = `/v1/sessions/${session.id}`
  const refused = await mine.call('POST', `${path}/retake`, { message_id: messageId })
  assert.equal(refused.body.code, 'session_not_idle')
  assert.equal((await targetOf(mine, id)).session_id, session.id)
  await mine.call('POST', `${path}/cancel`)
})

test('a schedule of another organization is not moved, also if it names the session', async () => {
  const started = await start()
  const stranger = await registerPerson(server)
  const theirs = { url: server.url, call: stranger.call }
  const own = await createSession(theirs, {})
  const text = started.session.id
  const { id } = await createSchedule(theirs, { target: sending(own.id, { text }) })
  await ways['a retake']!(started)
  assert.deepEqual(await targetOf(theirs, id), { session_id: own.id, text })
})

test('a retake locks the schedules before the session, as a node that runs them does', async (t) => {
  const started = await start()
  const { mine, session } = started
  const { id } = await createSchedule(mine, { target: sending(session.id) })
  const node = await connectTo(t, server.databaseUrl)
  await node.query('begin')
  await node.query('select from schedules where id = $1 for no key update', [id])
  const taking = ways['a retake']!(started)
  await untilLocked(server.databaseUrl)
  await node.query('select from sessions where id = $1 for no key update nowait', [session.id])
  await node.query('commit')
  const taken = await taking
  assert.equal((await targetOf(mine, id)).session_id, taken.id)
})
