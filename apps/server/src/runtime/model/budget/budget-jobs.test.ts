/** Turns that wait for a budget whose job is lost. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { runTaskListOnce } from 'graphile-worker'
import { addBudget, assertSettled, moveClock, whenParked } from '../../../../test/budgets.ts'
import { connectTo, queryRows } from '../../../../test/database.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createSession, post, scripted } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'

type Lose = (t: TestContext, databaseUrl: string, key: string) => Promise<void>

/** Takes the job like a node that dies before it has looked at the budget. */
const takeAndDie: Lose = async (t, databaseUrl, key) => {
  const client = await connectTo(t, databaseUrl)
  // No other worker can take the job until the commit.
  await client.query('begin')
  await client.query(
    'select graphile_worker.reschedule_jobs(array_agg(id), run_at => now()) from graphile_worker.jobs where key = $1',
    [key],
  )
  await new Promise<void>((resolve) => {
    const die = () => new Promise<void>(() => resolve())
    void runTaskListOnce({ noHandleSignals: true }, { budget: die }, client as never)
  })
  await client.query('commit')
}

const remove: Lose = async (_, databaseUrl, key) => {
  const removed = 'select (graphile_worker.remove_job($1)).key'
  assert.deepEqual(await queryRows(databaseUrl, removed, [key]), [{ key }])
}

/** A message whose reply reports these tokens. */
const costing = (input_tokens: number) =>
  scripted({ text: 'Done.', usage: { input_tokens, output_tokens: 0 } } as never)

for (const [name, lose] of [
  ['a node held when it died', takeAndDie],
  ['was in lost commits', remove],
] as const) {
  test(`a turn continues with the next period of a budget whose job ${name}`, async (t) => {
    const server = await startServer(t, { sweepIntervalMs: 100 })
    const period = { type: 'duration', seconds: 3_600 }
    const budget = await addBudget(server, { limit: 1_000, period })
    const session = await createSession(server)
    await converse(t, server, session.id, costing(990))
    await post(server, session.id, costing(1))
    await whenParked(server, session.id)
    const stream = await follow(t, server.url, { sessionId: session.id })
    await moveClock(server, budget, '2 hours')
    await lose(t, server.databaseUrl, `budget:${budget}`)
    await stream.event('budget.resumed')
    await stream.event('session.idled', 2)
    await assertSettled(server, budget)
  })
}
