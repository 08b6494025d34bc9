import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../test/access.ts'
import { startServer } from '../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../test/session.ts'

test('the tool check_budget returns balances without ids', async (t) => {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'budgeting' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const call = scripted(
    { tool_calls: [{ name: 'check_budget', arguments: {} }] },
    { text: 'Done.' },
  )
  const resultOf = async () => {
    const events = await converse(t, server, session.id, call)
    return dataOf(events, 'tool.completed').result
  }
  assert.deepEqual(await resultOf(), [{ type: 'text', text: JSON.stringify({ budgets: [] }) }])
  const budget = { subject_type: 'agent', subject_id: agent.id, currency: 'usd', limit: 10 }
  expectStatus(await server.call('POST', '/v1/budgets', budget), 201)
  const [part] = (await resultOf()) as { text: string }[]
  assert.deepEqual(JSON.parse(part!.text), {
    budgets: [
      { subject: 'agent', currency: 'usd', limit: 10, balance: 10, reserved: 0, status: 'active' },
    ],
  })
})
