import assert from 'node:assert/strict'
import test from 'node:test'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
  ledgerOf,
  whenParked,
} from '../../apps/server/test/budgets.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { addVendorModel, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { createAgent, createSession, eventsOf, post } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'
import { scopeOf } from './scenario.ts'

const prices = new URL('changed-prices.ts', import.meta.url).href
const factor = 10
const usage = { prompt_tokens: 1_000, completion_tokens: 100 }
const writing = { name: 'write_file', arguments: { path: '/a.txt', content: 'a' } }

test('a price that changes in the middle of a turn counts from the next call on', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const vendor = await startVendor(scope, ({ number }) => {
    // The node of the first request is killed while it waits.
    if (number === 1) return () => {}
    return number === 2 ? { calls: [writing], usage } : { text: 'Done.', usage }
  })
  const start = async (env: Record<string, string>) => {
    const node = await startProcess({ DATABASE_URL: databaseUrl, ...env })
    scope.after(node.crash)
    return node
  }
  const before = await start({})
  await addVendorModel(before, vendor, 'gpt-5-mini')
  const agent = await createAgent(before, { capabilities: [{ ref: 'session_file_system' }] })
  const { id } = await createSession(before, { agent_id: agent.id })
  const target = { databaseUrl }
  const budget = await addBudget(target, { currency: 'usd', limit: 5 })
  await post(before, id, 'Write a file')
  await eventually(async () => vendor.requests.length === 1)
  await before.crash()
  const after = await start({ NODE_OPTIONS: `--import=${prices}`, PRICE_FACTOR: String(factor) })
  await eventually(
    async () => (await after.call('GET', `/v1/sessions/${id}`)).body.status === 'idle',
  )
  const events = await eventsOf(after, id)
  const costs = events.flatMap(({ type, data }) =>
    type === 'llm.generation' ? [data.metadata.usage!.cost_usd!] : [],
  )
  const [killed, ...later] = await ledgerOf(target, budget)
  // 1,000 tokens at 0.25 dollars and 100 at 2 dollars per million, ten times as much.
  assert.deepEqual(costs, [0.0045, 0.0045])
  assert.deepEqual(
    later.map(({ amount }) => amount),
    costs,
  )
  for (const { amount, reserved } of later) {
    const least = factor * killed!.reserved!
    assert.ok(reserved! >= least, `${reserved} reserved at the new price, ${least} expected`)
    assert.ok(amount <= reserved!)
  }
  const prompt = (killed!.amount / 0.25) * 1e6
  assert.ok(prompt > 100 && prompt < 20_000, `${prompt} tokens of the prompt at the old price`)
  await assertSettled(target, budget)
  const { used } = await budgetState(target, budget)
  // Enough for a call at the old price, which needs 256 tokens of output for 0.0005 dollars.
  await changeBudget(target, budget, `limit_amount = ${used + 0.002}`)
  await post(after, id, 'Again')
  const { least } = await whenParked(after, id)
  assert.ok(Number(least) > 0.002, `${least} needed`)
  assert.equal(vendor.requests.length, 3)
})
