import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../apps/server/test/access.ts'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { formOf, pngOf } from '../../apps/server/test/pictures.ts'
import { createAgent, post, type ScriptStep, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { tablesWith } from './searching.ts'

const wordsOf = (word: string): ScriptStep[] => [
  { tool_calls: [{ name: 'set_value', arguments: { key: word, value: `value ${word}` } }] },
  { tool_calls: [{ name: 'set_secret', arguments: { name: word, value: `secret ${word}` } }] },
  { tool_calls: [{ name: 'write_file', arguments: { path: `/${word}.txt`, content: word } }] },
  { text: word },
]

async function startProduct(t: TestContext) {
  const server = await startGuarded(t, { sweepIntervalMs: 100, env: { SIMULATED_SCRIPTS: 'true' } })
  const person = await registerPerson(server)
  const { key, call } = await createKey(server, person)
  const mine = { url: server.url, call }
  const agent = await createAgent(mine, {
    capabilities: [{ ref: 'session_file_system' }, { ref: 'session_storage' }],
  })
  /** A user whose id and data contain a word that nothing else has. */
  async function endUser() {
    const word = `canary-${randomBytes(8).toString('hex')}`
    const user = `user/${word}/..`
    const operations = ['create_session', 'create_message', 'get_session', 'fork_session']
    const grants = { user, access: 'write', operations }
    const made = expectStatus(await call('POST', '/v1/tokens', grants), 201)
    const token = { url: server.url, call: callerWith(server.url, `Bearer ${made.token}`) }
    const headers = { 'idempotency-key': `create-${word}` }
    const body = { agent_id: agent.id, title: word }
    const session = expectStatus(await token.call('POST', '/v1/sessions', body, headers), 201)
    const path = `/v1/sessions/${session.id}`
    const image = formOf(pngOf(1, 1), `${word}.png`)
    expectStatus(await call('POST', `/v1/images?session_id=${session.id}`, image), 201)
    const form = formOf(pngOf(1, 1), `${word}-2.png`)
    const { id: image_id } = expectStatus(await call('POST', '/v1/images', form), 201)
    const stream = await follow(t, server.url, {
      sessionId: session.id,
      headers: { authorization: key },
    })
    const external_actor = { source: 'chat', actor_id: word }
    const text = scripted(...wordsOf(word))
    expectStatus(await post(mine, session.id, text, { external_actor }), 201)
    await stream.event('session.idled')
    stream.close()
    const content = [{ type: 'image_file', image_id }]
    expectStatus(await call('POST', `${path}/messages`, { message: { content } }), 201)
    expectStatus(await token.call('POST', `${path}/fork`, {}), 201)
    const budget = { subject_type: 'end_user', subject_id: user, currency: 'usd', limit: 1 }
    const { id } = expectStatus(await call('POST', '/v1/budgets', budget), 201)
    const more = { amount: 1, description: word }
    expectStatus(await call('POST', `/v1/budgets/${id}/top-up`, more), 200)
    return { user, word, token, path, image_id, query: `?user=${encodeURIComponent(user)}` }
  }
  return { server, person, call, endUser }
}

async function imageBytes(databaseUrl: string): Promise<number> {
  const sum = "select sum(stored_bytes)::int as bytes from counters where agent_id = 'images'"
  return (await queryRows<{ bytes: number }>(databaseUrl, sum))[0]!.bytes
}

test('leaves nothing of a deleted end user in any table', async (t) => {
  const { server, call, endUser } = await startProduct(t)
  const [ada, bob] = [await endUser(), await endUser()]
  const before = await tablesWith(server, [ada.word])
  for (const table of [
    'blobs',
    'budget_ledger',
    'budgets',
    'events',
    'files',
    'images',
    'session_storage',
    'session_tokens',
    'sessions',
    'usage_days',
  ]) {
    assert.ok(before.includes(`public.${table}`), `${table}: ${before}`)
  }
  assert.ok(before.includes('public.idempotency_keys'), String(before))
  const untouched = await tablesWith(server, [bob.word])
  const counted = await imageBytes(server.databaseUrl)
  const deleted = expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 200)
  assert.deepEqual(deleted, { sessions: 2, tokens: 1 })
  assert.equal(await imageBytes(server.databaseUrl), counted / 2)
  await untilStatus(() => ada.token.call('GET', ada.path), 401)
  await runSql(server.databaseUrl, `update blobs set created_at = now() - interval '2 hours'`)
  await eventually(async () => (await tablesWith(server, [ada.word])).length === 0)
  assert.deepEqual(await tablesWith(server, [bob.word]), untouched)
  expectStatus(await bob.token.call('GET', bob.path), 200)
  const again = expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 200)
  assert.deepEqual(again, { sessions: 0, tokens: 0 })
})

test('an image without a session is deleted with the only end user who has used it', async (t) => {
  const { server, call, endUser } = await startProduct(t)
  const [ada, bob] = [await endUser(), await endUser()]
  const upload = async (name: string) => {
    const made = await call('POST', '/v1/images', formOf(pngOf(1, 1), name))
    return expectStatus(made, 201).id as string
  }
  const use = async (path: string, image_id: string) => {
    const message = { content: [{ type: 'image_file', image_id }] }
    expectStatus(await call('POST', `${path}/messages`, { message }), 201)
  }
  const exists = async (id: string) => (await call('GET', `/v1/images/${id}`)).status === 200
  const [unused, both, ours, seeded] = [
    await upload('unused.png'),
    await upload('both.png'),
    await upload('ours.png'),
    await upload('seeded.png'),
  ]
  await use(ada.path, both)
  await use(bob.path, both)
  const own = expectStatus(await call('POST', '/v1/sessions', {}), 201)
  await use(`/v1/sessions/${own.id}`, ours)
  await use(ada.path, ours)
  const messages = [{ role: 'user', content: [{ type: 'image_file', image_id: seeded }] }]
  expectStatus(await call('POST', '/v1/sessions', { user: ada.user, messages }), 201)
  expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 200)
  const left = { unused, both, ours, bob: bob.image_id }
  for (const [name, id] of Object.entries(left)) assert.ok(await exists(id), name)
  for (const id of [ada.image_id, seeded]) assert.ok(!(await exists(id)))
  const counted = 'select sum(size_bytes + 1024)::int as bytes from images'
  const [row] = await queryRows<{ bytes: number }>(server.databaseUrl, counted)
  assert.equal(await imageBytes(server.databaseUrl), row!.bytes)
})

test('a legal hold refuses the deletion of an end user before anything is deleted', async (t) => {
  const { call, endUser } = await startProduct(t)
  const ada = await endUser()
  expectStatus(await call('PATCH', ada.path, { legal_hold: true }), 200)
  expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 409, 'legal_hold')
  expectStatus(await ada.token.call('GET', ada.path), 200)
  assert.equal(expectStatus(await call('GET', `/v1/sessions${ada.query}`), 200).total, 2)
  expectStatus(await call('PATCH', ada.path, { legal_hold: false }), 200)
  expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 200)
})

test('exports all data of one end user, and nothing of another, of prompts and of secrets', async (t) => {
  const { server, person, call, endUser } = await startProduct(t)
  const [ada, bob] = [await endUser(), await endUser()]
  const { key } = await createKey(server, person)
  const response = await fetch(`${server.url}/v1/end-users/export${ada.query}`, {
    headers: { authorization: key },
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const of = (type: string) => lines.filter((line) => line.type === type)
  assert.deepEqual(of('end_user')[0], { type: 'end_user', version: 1, user: ada.user })
  assert.deepEqual([of('session').length, of('token').length, of('end').length], [2, 1, 2])
  assert.deepEqual(of('value')[0].value.value, `value ${ada.word}`)
  assert.ok(of('file').some(({ file }) => file.content === ada.word))
  assert.ok(of('event').some(({ event }) => event.type === 'input.message'))
  assert.ok(!of('event').some(({ event }) => event.type === 'llm.generation'))
  const last = lines.at(-1)
  assert.deepEqual([last.type, last.sessions, last.tokens], ['end_of_user', 2, 1])
  assert.ok(last.usage.output_tokens > 0)
  assert.ok(!text.includes(bob.word))
  const stored = of('stored').map(({ stored }) => stored)
  assert.ok(stored.some(({ kind }) => kind === 'secret'))
  assert.ok(stored.every((one) => !('value' in one) && !('body' in one)))
  const { data } = expectStatus(await call('GET', '/v1/audit-log?action=export_end_user'), 200)
  assert.deepEqual([data.length, data[0].target, data[0].details], [1, null, null])
})
