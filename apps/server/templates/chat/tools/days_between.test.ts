import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTool, scriptedModel, startTestServer } from 'outlast/testing'
import daysBetween from './days_between.ts'

test('counts the days and names the weekdays', async () => {
  const { result } = await runTool(daysBetween, { from: '2026-12-24', to: '2027-01-01' })
  assert.deepEqual(result, { days: 8, from: 'Thursday', to: 'Friday' })
})

test('the agent reads why a date is refused', async () => {
  const call = runTool(daysBetween, { from: 'Christmas', to: '2027-01-01' })
  await assert.rejects(call, /Christmas is not a date/)
})

test('the agent answers with the result of the tool', async () => {
  const model = scriptedModel([
    { calls: [{ name: 'days_between', arguments: { from: '2026-12-24', to: '2027-01-01' } }] },
    { text: 'Eight days.' },
  ])
  await using server = await startTestServer({ model })
  const session = await server.session('Calendar')
  const reply = await session.send('How long are the holidays?')
  assert.equal(reply.text, 'Eight days.')
})
