import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { UsageReport } from '@outlast/contract'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { openChannel } from '../../../../test/channel.ts'
import { openTestPool, runSql } from '../../../../test/database.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'
import type { Catalogue } from '../../../providers/catalogue/form.ts'
import { sweepUsageDays } from '../../../store/budgets/usage-days.ts'

const catalogueFile = new URL('../../../../catalogue/models.json', import.meta.url)
const catalogue: Catalogue = JSON.parse(readFileSync(catalogueFile, 'utf8'))
const known = Object.values(catalogue.providers.openai.models).find(
  ({ cost }) => cost && cost.input > 0,
)!
const inputTokens = 3_001
const outputTokens = 17
/** One dollar per million tokens is a thousand billionths per token. */
const costOf = (calls: number) =>
  (calls *
    Math.round((inputTokens * known.cost!.input + outputTokens * known.cost!.output) * 1000)) /
  1e9

const report = async ({ call }: { call: Call }, query = '') =>
  expectStatus(await call('GET', `/v1/usage${query}`), 200) as UsageReport

/** A server whose default model has known prices and reports the same tokens for each call. */
async function startPriced(t: TestContext) {
  const server = await startServer(t)
  const usage = { prompt_tokens: inputTokens, completion_tokens: outputTokens }
  const vendor = await startVendor(t, () => ({ text: 'Hello.', usage }))
  const model = await addVendorModel(server, vendor, known.id)
  const agent = await createAgent(server)
  /** The day of each call in UTC, by the log. */
  const days: string[] = []
  const say = async (fields: object = {}) => {
    const session = await createSession(server, { agent_id: agent.id, ...fields })
    const events = await converse(t, server, session.id, 'Hello')
    days.push(dayOf(events.find(({ type }) => type === 'output.message.completed')!.ts))
    return session
  }
  return { server, agent, model, say, days }
}

const dayOf = (ts: string) => ts.slice(0, 'yyyy-mm-dd'.length)

const sums = (calls: number) => ({
  model_calls: calls,
  input_tokens: calls * inputTokens,
  output_tokens: calls * outputTokens,
  cache_read_tokens: 0,
  cache_creation_tokens: 0,
  cost_usd: costOf(calls),
})

test('usage adds up by agent, model and end user, and the sum is of all rows', async (t) => {
  const { server, agent, say, days } = await startPriced(t)
  const other = await createAgent(server, { name: 'Other' })
  await say()
  await say({ user: 'ada' })
  await say({ user: 'ada', agent_id: other.id })

  const byDay = await report(server)
  const callsByDay = Map.groupBy(days, (day) => day)
  assert.deepEqual(
    byDay.data,
    [...callsByDay].map(([day, { length }]) => ({ day, ...sums(length) })),
  )
  assert.deepEqual(byDay.group_by, ['day'])
  // Midnight may have passed since the last call.
  const today = dayOf(new Date().toISOString())
  assert.ok([days.at(-1), today].includes(byDay.to), byDay.to)
  assert.deepEqual((await report(server, '?group_by=agent')).data, [
    { agent_id: agent.id, ...sums(2) },
    { agent_id: other.id, ...sums(1) },
  ])
  assert.deepEqual((await report(server, '?group_by=user,model')).data, [
    { model: known.id, user: 'ada', ...sums(2) },
    { model: known.id, user: null, ...sums(1) },
  ])

  const page = await report(server, '?group_by=agent&group_by=user&limit=1&offset=1')
  assert.equal(page.data.length, 1)
  assert.equal(page.total, 3)
  assert.deepEqual(page.sum, sums(3))
  const past = await report(server, '?group_by=agent&offset=9')
  assert.deepEqual([past.data, past.total, past.sum], [[], 2, sums(3)])
})

test('filters choose the calls that are summed', async (t) => {
  const { server, agent, say } = await startPriced(t)
  await say()
  await say({ user: 'ada' })
  const callsOf = async (query: string) => (await report(server, query)).sum.model_calls
  assert.equal(await callsOf('?user=ada'), 1)
  assert.equal(await callsOf('?user=Ada'), 0)
  assert.equal(await callsOf(`?agent_id=${agent.id}`), 2)
  assert.equal(await callsOf(`?model=${known.id}`), 2)
  assert.equal(await callsOf('?model=another'), 0)
  assert.equal(await callsOf('?key_id=another'), 0)
  assert.deepEqual((await report(server, '?user=eve')).sum, { ...sums(0), cost_usd: null })

  await runSql(server.databaseUrl, `update usage_days set day = '2025-03-01' where user_id = 'ada'`)
  assert.equal(await callsOf(''), 1)
  assert.equal(await callsOf('?from=2025-02-01&to=2025-03-01'), 1)
  assert.equal(await callsOf('?from=2025-03-02&to=2025-03-31'), 0)
  const days = await report(server, '?to=2025-03-05')
  assert.deepEqual([days.from, days.data.map(({ day }) => day)], ['2025-02-04', ['2025-03-01']])
})

test('a call of a channel counts for its key', async (t) => {
  const server = await startServer(t)
  const channel = await openChannel(server)
  await channel.say(await channel.create(), 'Hello')
  await eventually(async () => (await report(server)).sum.model_calls === 1)
  const { data } = await report(server, '?group_by=key')
  assert.deepEqual([data.length, data[0]!.key_id], [1, channel.keyId])
  assert.equal((await report(server, `?key_id=${channel.keyId}`)).sum.model_calls, 1)
})

test('calls without known prices have tokens and no cost', async (t) => {
  const server = await startServer(t)
  const session = await createSession(server)
  await converse(t, server, session.id, scripted({ text: 'Hello.' }))
  const { sum } = await report(server)
  assert.equal(sum.model_calls, 1)
  assert.ok(sum.input_tokens > 0 && sum.output_tokens > 0)
  assert.equal(sum.cost_usd, null)
})

test('deleting a session changes no sum, and deleting an end user removes only the id', async (t) => {
  const { server, say } = await startPriced(t)
  const session = await say()
  await say({ user: 'ada' })
  expectStatus(await server.call('DELETE', `/v1/sessions/${session.id}`), 204)
  assert.equal((await report(server)).sum.model_calls, 2)
  expectStatus(await server.call('DELETE', '/v1/end-users?user=ada'), 200)
  assert.deepEqual((await report(server, '?group_by=user')).data, [{ user: null, ...sums(2) }])
})

test('a period that no calendar has, or that is too long, is refused', async (t) => {
  const server = await startServer(t)
  const refused = [
    'from=2026-02-30&to=2026-03-01',
    'to=2026-13-01',
    'to=yesterday',
    'to=0000-01-01',
    'from=2026-03-02&to=2026-03-01',
    'from=2024-01-01&to=2026-01-01',
    'group_by=session',
    'group_by=day;drop',
    'limit=0',
    'agent_id=unknown',
  ]
  for (const query of refused) {
    expectStatus(await server.call('GET', `/v1/usage?${query}`), 400, 'invalid_request')
  }
  const { limit, data } = await report(server, '?limit=1000000&from=2025-01-01&to=2026-02-05')
  assert.deepEqual([limit, data], [1_000, []])
  assert.equal((await report(server, '?to=0001-01-02')).from, '0001-01-01')
})

test('an organization sees only its own usage, by the keys that created the sessions', async (t) => {
  const server = await startGuarded(t)
  const [owner, other] = [await registerPerson(server), await registerPerson(server)]
  const key = await createKey(server, owner)
  const session = await createSession({ url: server.url, call: key.call })
  const content = [{ type: 'text', text: 'Hello' }]
  await owner.call('POST', `/v1/sessions/${session.id}/messages`, { message: { content } })
  await eventually(async () => (await report(owner)).sum.model_calls === 1)
  const { data } = await report(owner, '?group_by=key')
  assert.deepEqual(
    data.map(({ key_id }) => key_id),
    [key.id],
  )
  for (const query of ['', `?agent_id=${session.agent_id}`, `?key_id=${key.id}`]) {
    assert.equal((await report(other, query)).sum.model_calls, 0)
  }
})

test('days are deleted after USAGE_DAYS', async (t) => {
  const { server, say } = await startPriced(t)
  await say()
  await say({ user: 'ada' })
  await runSql(server.databaseUrl, `update usage_days set day = day - 11 where user_id = 'ada'`)
  const db = openTestPool(server.databaseUrl)
  t.after(db.close)
  await sweepUsageDays(db, 0)
  assert.equal((await report(server)).sum.model_calls, 2)
  await sweepUsageDays(db, 10)
  assert.deepEqual((await report(server, '?group_by=user')).data, [{ user: null, ...sums(1) }])
})
