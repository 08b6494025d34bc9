import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTool, scriptedModel, startTestServer } from 'outlast/testing'
import refundOrder from './refund_order.ts'

test('a repeated call does not refund twice', async () => {
  const first = await runTool(refundOrder, { order: 'A-1' })
  const second = await runTool(refundOrder, { order: 'A-1' })
  assert.deepEqual(first.result, { order: 'A-1', amount: 20 })
  assert.deepEqual(second.result, first.result)
})

test('a refund waits for an approval, also when the server is killed', async () => {
  const model = scriptedModel([
    { calls: [{ name: 'refund_order', arguments: { order: 'A-2' } }] },
    { text: 'The refund is on its way.' },
  ])
  await using server = await startTestServer({ model })
  const session = await server.session('Support')
  const sending = session.send('Please refund A-2.')
  const { data } = await server.until(session, 'tool.approval_requested', { timeoutMs: 60_000 })
  await server.restart()
  const decision = { decision: 'approve' } as const
  await server.client.sessions.decideToolCall(session.id, data.tool_call.id, decision)
  const reply = await sending
  assert.equal(reply.text, 'The refund is on its way.')
})
