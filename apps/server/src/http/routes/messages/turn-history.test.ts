import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TurnHistory } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { converse, createSession, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'
import { countTime, noTimes, quantileMs } from '../../../observe/times.ts'

const historyOf = async (call: Call, minutes = 5): Promise<TurnHistory> =>
  expectStatus(await call('GET', `/v1/durable/history?minutes=${minutes}`), 200)

const sumOf = ({ steps }: TurnHistory) => ({
  completed: steps.reduce((sum, { completed }) => sum + completed, 0),
  failed: steps.reduce((sum, { failed }) => sum + failed, 0),
})

test('every node returns the counts of all nodes, also of a node that has ended', async (t) => {
  const one = await startServer(t)
  const two = await startServer(t, { databaseUrl: one.databaseUrl })
  for (const server of [one, two]) {
    const { id } = await createSession(server)
    await converse(t, server, id, 'hello')
    await converse(t, server, id, scripted({ error: { message: 'no', status: 401 } }))
  }
  await one.stop()
  const told = await eventually(async () => {
    const history = await historyOf(two.call)
    const { completed, failed } = sumOf(history)
    return completed >= 2 && failed >= 2 ? history : undefined
  })
  assert.deepEqual(sumOf(told), { completed: 2, failed: 2 })
  assert.equal(told.step_seconds, 60)
  assert.equal(told.steps.length, 5)
  const busy = told.steps.find(({ completed }) => completed > 0)!
  assert.ok(busy.turn_p50_ms! > 0 && busy.turn_p50_ms! <= busy.turn_p95_ms!)
  assert.ok(busy.first_token_p50_ms !== null)
  assert.equal(told.steps[0]!.turn_p50_ms, null)
  const day = await historyOf(two.call, 1_440)
  assert.deepEqual([day.step_seconds, day.steps.length], [720, 120])
  assert.deepEqual(sumOf(day), sumOf(told))
  for (const minutes of [0, 1_441, 'x']) {
    expectStatus(await two.call('GET', `/v1/durable/history?minutes=${minutes}`), 400)
  }
})

test('returns quantiles with the precision of their buckets', () => {
  const times = noTimes()
  assert.equal(quantileMs(times, 0.5), null)
  for (let ms = 1; ms <= 10_000; ms += 1) countTime(times, ms)
  for (const part of [0.5, 0.95]) {
    const ms = quantileMs(times, part)!
    assert.ok(Math.abs(ms / (10_000 * part) - 1) < 0.2, `${part}: ${ms}`)
  }
  countTime(noTimes(), 0)
  const long = noTimes()
  countTime(long, Number.MAX_SAFE_INTEGER)
  assert.ok(quantileMs(long, 0.5)! > 3_600_000)
})
