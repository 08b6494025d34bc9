import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addBudget, ledgerOf } from '../../../../test/budgets.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, replyOf } from '../../../../test/session.ts'

test('a call after tools reserves at least the tokens that the vendor counted before them', async (t) => {
  // All but some tokens of the output are thinking, which is not sent back.
  const usage = { prompt_tokens: 30_000, completion_tokens: 20_000 }
  const calls = [{ name: 'add', arguments: { a: 1, b: 2 } }]
  const vendor = await startVendor(t, ({ number }) =>
    number % 3 === 0 ? { text: 'Done.', usage } : { calls, usage },
  )
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const budget = await addBudget(server, { limit: 10_000_000 })
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const controls = { max_output_tokens: 100 }
  const events = await converse(t, server, session.id, 'Add twice.', { controls })
  assert.equal(replyOf(events), 'Done.')
  const reserved = (await ledgerOf(server, budget)).map((entry) => entry.reserved!)
  assert.equal(reserved.length, 3)
  assert.ok(reserved[0]! < 30_000, `${reserved} reserved`)
  for (const later of reserved.slice(1)) {
    assert.ok(later > 30_100 && later < 30_500, `${reserved} reserved`)
  }
})

test('the correction of an answer reserves the answer once', async (t) => {
  const usage = { prompt_tokens: 30_000, completion_tokens: 20_000 }
  const answer = 'word '.repeat(4_000)
  const vendor = await startVendor(t, ({ number }) =>
    number === 1 ? { text: answer, usage } : { text: '{"total":3}', usage },
  )
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const budget = await addBudget(server, { limit: 10_000_000 })
  const properties = { total: { type: 'number' } }
  const output_schema = { type: 'object', properties, required: ['total'] }
  const agent = await createAgent(server, { output_schema })
  const session = await createSession(server, { agent_id: agent.id })
  const controls = { max_output_tokens: 100 }
  await converse(t, server, session.id, 'Add.', { controls })
  const [first, second, ...more] = (await ledgerOf(server, budget)).map((entry) => entry.reserved!)
  assert.ok(first! < 30_000 && second! > 35_100 && second! < 35_500, `${first}, ${second} reserved`)
  assert.deepEqual(more, [])
})
