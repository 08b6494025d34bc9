import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { evidenceOf, forge, legalLog } from './audit/forged.ts'
import type { FaultDone } from './evidence.ts'
import { countsOf, percentile, takeoversOf } from './figures.ts'
import { isGood, markdown, type Outcome } from './report.ts'

const begun = Date.parse('2026-01-01T00:00:00.000Z')
const turn = { turn_id: `turn_${'1'.padStart(32, '0')}` }

/** Returns a log whose model is called again `ms` after the first call. */
function askedAgainAfter(ms: number): Event[] {
  const again = forge('output.message.started', { ...turn, attempt: 2 })
  return [
    forge('output.message.started', turn),
    { ...again, ts: new Date(begun + ms).toISOString() },
  ]
}

const fault = (kind: FaultDone['kind'], at: number): FaultDone => ({
  kind,
  node: 0,
  at: begun + at,
  endedAt: begun + at + 10,
})

test('a takeover counts from the one fault in the silence before it', () => {
  const { sessions } = evidenceOf(askedAgainAfter(1_800))
  const takeovers = (...faults: FaultDone[]) => takeoversOf({ sessions, faults })
  assert.deepEqual(takeovers(fault('kill', 300)), { afterKill: [1_500], afterStop: [] })
  assert.deepEqual(takeovers(fault('stop', 500)), { afterKill: [], afterStop: [1_300] })
  const nothing = { afterKill: [], afterStop: [] }
  assert.deepEqual(takeovers(fault('kill', 300), fault('cut', 900)), nothing)
  assert.deepEqual(takeovers(fault('kill', 1_900)), nothing)
  sessions[0]!.modelIsSound = false
  assert.deepEqual(takeovers(fault('kill', 300)), nothing)
})

test('percentiles of a list, and of none', () => {
  assert.equal(percentile([5, 1, 3], 0.5), 3)
  assert.equal(percentile([5, 1, 3], 1), 5)
  assert.equal(percentile([], 0.5), undefined)
})

test('a report contains the verdict of the run, and the broken promises in words', () => {
  const evidence = { ...evidenceOf(legalLog()), faults: [fault('kill', 0)] }
  const counts = countsOf(evidence)
  assert.deepEqual([counts.events, counts['completed turns'], counts.kills], [22, 1, 1])
  const { faults } = evidence
  const takeovers = takeoversOf(evidence)
  const base = { seed: 7, seconds: 1, counts, takeovers, longestStandstillMs: 0, faults }
  const good: Outcome = { ...base, violations: [], missing: [] }
  assert.equal(isGood(good), true)
  assert.match(markdown(good, 'x'), /^# Chaos, seed 7: passed\n/)
  const violation = { check: 'idle at the end', session: 'session_1', what: 'it is <active>' }
  const bad: Outcome = { ...base, violations: [violation], missing: [] }
  assert.equal(isGood(bad), false)
  assert.match(markdown(bad, 'x'), /seed 7: FAILED\n.*- idle at the end: it is &lt;active>/s)
  assert.equal(isGood({ ...good, missing: ['only 0 kills, at least 1 are needed'] }), false)
})
