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
import { messageOf, openChannel } from '../../apps/server/test/channel.ts'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { formOf, pngOf } from '../../apps/server/test/pictures.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  post,
  type ScriptStep,
  scripted,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { tablesWith, wordsRead } from './searching.ts'

const questions = [{ id: 'q', kind: 'text', question: 'What is your name?' }]

const operations = [
  'create_session',
  'create_message',
  'get_session',
  'fork_session',
  'submit_question_answers',
  'submit_tool_approvals',
  'give_feedback',
]

const wordsOf = (word: string): ScriptStep[] => [
  { tool_calls: [{ name: 'set_value', arguments: { key: word, value: `value ${word}` } }] },
  { tool_calls: [{ name: 'set_secret', arguments: { name: word, value: `secret ${word}` } }] },
  { tool_calls: [{ name: 'write_file', arguments: { path: `/${word}.txt`, content: word } }] },
  { tool_calls: [{ id: 'asked', name: 'ask_user', arguments: { questions } }] },
  { tool_calls: [{ id: 'deleted', name: 'delete_file', arguments: { path: `/${word}` } }] },
  { text: word },
]

const idle = (call: Call, path: string) =>
  eventually(async () => (await call('GET', path)).body.status === 'idle')

async function startProduct(t: TestContext) {
  const server = await startGuarded(t, { sweepIntervalMs: 100, env: { SIMULATED_SCRIPTS: 'true' } })
  const person = await registerPerson(server)
  const { key, call } = await createKey(server, person)
  const mine = { url: server.url, call }
  const agent = await createAgent(mine, {
    capabilities: [
      { ref: 'session_file_system', config: { requires_approval: ['delete_file'] } },
      { ref: 'session_storage' },
      { ref: 'ask_user' },
    ],
  })
  const config = { spending_limit: { amount: 1_000_000, currency: 'tokens' } }
  const channel = await openChannel(mine, { config })
  const events = ['turn.failed', 'question.asked', 'feedback.given', 'session.created']
  const hook = { url: 'https://hooks.invalid/', events }
  expectStatus(await call('POST', '/v1/webhooks', hook), 201)
  /** A user whose id and data contain a word that nothing else has. */
  async function endUser() {
    const word = `canary-${randomBytes(8).toString('hex')}`
    const user = `user/${word}/..`
    const grants = { user, access: 'approve', operations }
    const made = expectStatus(await call('POST', '/v1/tokens', grants), 201)
    const token = { url: server.url, call: callerWith(server.url, `Bearer ${made.token}`) }
    let requests = 0
    /** Sends a request whose answer is stored under a key. */
    const send = async (by: Call, path: string, body: object, status = 201) => {
      requests += 1
      const headers = { 'idempotency-key': `${requests}-${word}` }
      return expectStatus(await by('POST', path, body, headers), status)
    }
    const session = await send(token.call, '/v1/sessions', { agent_id: agent.id, title: word })
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
    const sent = expectStatus(await post(mine, session.id, text, { external_actor }), 201)
    await stream.event('tool.call_requested')
    const answers = [{ id: 'q', value: word }]
    await send(token.call, `${path}/question-answers`, { answers }, 200)
    await stream.event('tool.approval_requested')
    const decisions = [{ tool_call_id: 'deleted', decision: 'reject_always' }]
    await send(token.call, `${path}/tool-approvals`, { decisions }, 200)
    await stream.event('session.idled')
    const rating = { message_id: sent.id, rating: 'down', comment: word }
    await send(token.call, `${path}/feedback`, rating, 200)
    await post(mine, session.id, scripted({ error: { message: word, status: 400 } }))
    await stream.event('turn.failed')
    stream.close()
    await idle(call, path)
    const content = [{ type: 'image_file', image_id }]
    await send(call, `${path}/messages`, { message: { content } })
    await idle(call, path)
    await send(token.call, `${path}/fork`, {})
    await send(call, `${path}/tokens`, {})
    const budget = { subject_type: 'end_user', subject_id: user, currency: 'usd', limit: 1 }
    const { id } = await send(call, '/v1/budgets', budget)
    await send(call, `/v1/budgets/${id}/top-up`, { amount: 1, description: word }, 200)
    await send(call, '/v1/sessions', { agent_id: agent.id, user, key: word })
    const client = channel.as(user)
    const inChannel = await send(client.call, '/sessions', { title: word })
    await send(client.call, `/sessions/${inChannel.id}/messages`, messageOf(word), 201)
    expectStatus(await client.call('POST', '/runtime-auth'), 200)
    await idle(client.call, `/sessions/${inChannel.id}`)
    const query = `?user=${encodeURIComponent(user)}`
    return { user, word, token, sessionId: session.id as string, path, image_id, query }
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
  await wordsRead(server)
  const before = await tablesWith(server, [ada.word, ada.sessionId])
  for (const table of [
    'blobs',
    'budget_ledger',
    'budgets',
    'events',
    'failed_turns',
    'files',
    'idempotency_keys',
    'images',
    'session_storage',
    'session_tokens',
    'sessions',
    'usage_days',
    'webhook_deliveries',
  ]) {
    assert.ok(before.includes(`public.${table}`), `${table}: ${before}`)
  }
  const untouched = await tablesWith(server, [bob.word])
  const counted = await imageBytes(server.databaseUrl)
  const deleted = expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 200)
  assert.deepEqual(deleted, { sessions: 4, tokens: 1 })
  assert.equal(await imageBytes(server.databaseUrl), counted / 2)
  await untilStatus(() => ada.token.call('GET', ada.path), 401)
  await runSql(server.databaseUrl, `update blobs set created_at = now() - interval '2 hours'`)
  await eventually(async () => (await tablesWith(server, [ada.word])).length === 0)
  const named = await tablesWith(server, [ada.sessionId])
  assert.deepEqual(named, ['public.audit_log', 'public.webhook_deliveries'])
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
  assert.equal(expectStatus(await call('GET', `/v1/sessions${ada.query}`), 200).total, 4)
  expectStatus(await call('PATCH', ada.path, { legal_hold: false }), 200)
  expectStatus(await call('DELETE', `/v1/end-users${ada.query}`), 200)
})

test('exports all data of one end user, and nothing of another, of prompts and of secrets', async (t) => {
  const { server, person, call, endUser } = await startProduct(t)
  const [ada, bob] = [await endUser(), await endUser()]
  const { key } = await createKey(server, person)
  const exported = async () => {
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
    return { text, last: lines.at(-1), of }
  }
  const { text, last, of } = await exported()
  assert.deepEqual(of('end_user')[0], { type: 'end_user', version: 1, user: ada.user })
  assert.deepEqual([of('session').length, of('token').length, of('end').length], [4, 1, 4])
  assert.deepEqual(of('value')[0].value.value, `value ${ada.word}`)
  assert.ok(of('file').some(({ file }) => file.content === ada.word))
  assert.ok(of('event').some(({ event }) => event.type === 'input.message'))
  assert.ok(!of('event').some(({ event }) => event.type === 'llm.generation'))
  const images = of('image').map(({ image }) => [image.filename, image.content])
  const content = pngOf(1, 1).toString('base64')
  assert.deepEqual(images, [
    [`${ada.word}.png`, content],
    [`${ada.word}-2.png`, content],
  ])
  const subjects = of('budget').map(({ budget }) => budget.subject_type)
  assert.deepEqual(subjects, ['end_user', 'channel_user'])
  const topUp = of('ledger_entry').find(({ ledger_entry: { kind } }) => kind === 'top_up')
  assert.equal(topUp.ledger_entry.description, ada.word)
  const { usage, ...counts } = last
  const expected = { type: 'end_of_user', sessions: 4, images: 2, budgets: 2, tokens: 1 }
  assert.deepEqual(counts, expected)
  const calls = of('usage').reduce((sum, one) => sum + one.usage.model_calls, 0)
  assert.ok(calls > 5 && calls === usage.model_calls)
  assert.ok(!text.includes(bob.word))
  const stored = of('stored').map(({ stored }) => stored)
  assert.ok(stored.some(({ kind }) => kind === 'secret'))
  assert.ok(stored.every((one) => !('value' in one) && !('body' in one)))
  const { data } = expectStatus(await call('GET', '/v1/audit-log?action=export_end_user'), 200)
  assert.deepEqual([data.length, data[0].target, data[0].details], [1, null, null])
  expectStatus(await call('DELETE', ada.path), 204)
  assert.deepEqual((await exported()).last.usage, usage)
})

test('deletions of several end users at once count all their usage as that of none', async (t) => {
  const server = await startServer(t)
  const { organization_id } = await createSession(server)
  const users = [1, 2, 3, 4]
  // Each user has days of its own beside those of all, so that no two plans have one order.
  const usage = `insert into usage_days (org_id, day, agent_id, model, user_id, key_id, shard, calls)
    select $1, date '2026-01-01' + n % 100, 'a', 'm' || n, 'user' || u, '', 0, 1
    from generate_series(1, 4) u, generate_series(1, 1000 * u) n`
  for (let round = 1; round <= 5; round += 1) {
    await queryRows(server.databaseUrl, usage, [organization_id])
    const deleted = users.map((user) => server.call('DELETE', `/v1/end-users?user=user${user}`))
    for (const answer of await Promise.all(deleted)) expectStatus(answer, 200)
    const sums = 'select user_id, sum(calls)::integer as calls from usage_days group by user_id'
    const expected = [{ user_id: '', calls: round * 10_000 }]
    assert.deepEqual(await queryRows(server.databaseUrl, sums), expected)
  }
})
