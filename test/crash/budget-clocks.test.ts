import assert from 'node:assert/strict'
import test from 'node:test'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
  ledgerKindsOf,
  ledgerOf,
  moveClock,
  periodOf,
  whenParked,
  zoneFarFromMidnight,
} from '../../apps/server/test/budgets.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { addVendorModel, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createSession, post, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'
import { scopeOf } from './scenario.ts'

const clock = new URL('shifted-clock.ts', import.meta.url).href
const dayMs = 86_400_000
const month = { type: 'calendar', unit: 'month', time_zone: zoneFarFromMidnight() }

/** A message whose reply reports these tokens. */
const costing = (input_tokens: number) =>
  scripted({ text: 'Done.', usage: { input_tokens, output_tokens: 0 } } as never)

test('the clocks of nodes neither begin nor end a period', async (t) => {
  const scope = scopeOf(t)
  const target = { databaseUrl: await createTestDatabase(scope) }
  const budget = await addBudget(target, { limit: 1_000_000, period: month })
  const before = await periodOf(target, budget)
  for (const days of [-400, 400]) {
    const node = await startProcess({
      DATABASE_URL: target.databaseUrl,
      NODE_OPTIONS: `--import=${clock}`,
      CLOCK_SHIFT_MS: String(days * dayMs),
    })
    scope.after(node.crash)
    const { id } = await createSession(node)
    await converse(t, node, id, costing(100))
    const { body } = await node.call('GET', `/v1/budgets/${budget}`)
    assert.equal(Date.parse(body.period_started_at), before.start.getTime())
    await node.crash()
  }
  assert.deepEqual(await periodOf(target, budget), before)
  assert.equal((await budgetState(target, budget)).used, 200)
  assert.ok((await ledgerOf(target, budget)).every(({ kind }) => kind === 'settle'))
})

test('a clock of the database that jumps over ends of periods begins one period', async (t) => {
  const server = await startServer(t)
  const moved = Promise.withResolvers<void>()
  const used = [1_000, 500, 2]
  const vendor = await startVendor(t, async ({ number }) => {
    if (number === 2) await moved.promise
    return { text: 'Done.', usage: { prompt_tokens: used[number - 1]!, completion_tokens: 0 } }
  })
  await addVendorModel(server, vendor)
  const budget = await addBudget(server, { limit: 40_000, period: month })
  const { id } = await createSession(server)
  await converse(t, server, id, 'hello')
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'hello')
  await eventually(async () => vendor.requests.length === 2)
  await moveClock(server, budget, '70 days')
  moved.resolve()
  await stream.event('session.idled', 2)
  const first = [
    ['settle', 1_000],
    ['period', -1_000],
    ['settle', 500],
  ]
  assert.deepEqual(await ledgerKindsOf(server, budget), first)
  assert.ok((await periodOf(server, budget)).contains)
  await changeBudget(server, budget, 'limit_amount = 510')
  await post(server, id, 'hello')
  await whenParked(server, id)
  await moveClock(server, budget, '70 days')
  await changeBudget(server, budget, 'limit_amount = 40000')
  await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${id}`)
    return body.status === 'idle'
  })
  assert.deepEqual(await ledgerKindsOf(server, budget), [...first, ['period', -500], ['settle', 2]])
  await assertSettled(server, budget)
})

test('a clock of the database that jumps back gives no money twice and lengthens no period', async (t) => {
  const server = await startServer(t)
  for (const limit of [10_000, 1_000_000_000]) {
    const session = await createSession(server)
    const subject: [string, string] = ['session', session.id]
    const budget = await addBudget(server, { subject, limit, period: month })
    await converse(t, server, session.id, costing(600))
    const { start, end } = await periodOf(server, budget)
    await moveClock(server, budget, '-400 days')
    await converse(t, server, session.id, costing(300))
    assert.deepEqual(await periodOf(server, budget), { start, end, contains: true })
    assert.equal((await budgetState(server, budget)).used, 900)
    assert.deepEqual(await ledgerKindsOf(server, budget), [
      ['settle', 600],
      ['settle', 300],
    ])
    await assertSettled(server, budget)
  }
})
