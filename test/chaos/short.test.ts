import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChaos } from '../../chaos/chaos.ts'
import type { Fault } from '../../chaos/plan.ts'
import { problemsOf } from '../../chaos/report.ts'

/** One of each kind that matters most; the events that they meet differ from run to run. */
const faults: Fault[] = [
  { kind: 'kill', node: 0, ms: 200, pauseMs: 500 },
  { kind: 'stop', node: 1, ms: 2_000, pauseMs: 500 },
  { kind: 'database_kill', node: undefined, ms: 0, pauseMs: 500 },
  { kind: 'lose_answers', node: undefined, ms: 200, pauseMs: 500 },
]

const minimum = {
  'completed turns': 15,
  'cancelled turns': 1,
  cancels: 1,
  'safe effects': 5,
  'unsafe effects': 5,
  resumes: 5,
  'waits for a budget': 1,
  'top-ups in tokens': 1,
  'top-ups in usd': 1,
  kills: 1,
  stops: 1,
  'database restarts': 1,
  'broken connections': 1,
}

test('nothing is lost, duplicated or changed when nodes and PostgreSQL are killed under load', async (t) => {
  const outcome = await runChaos({
    seed: 1,
    roles: ['all', 'all'],
    sessions: 6,
    faults,
    lastsMs: Number.POSITIVE_INFINITY,
    minimum,
    say: (line) => t.diagnostic(line),
    signal: t.signal,
  })
  t.diagnostic(JSON.stringify(outcome.counts))
  assert.deepEqual(problemsOf(outcome), [])
})
