import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationOf } from './duration.ts'

for (const [ms, words] of [
  [0, '0 ms'],
  [339.6, '340 ms'],
  [999, '999 ms'],
  [1_000, '1.0 s'],
  [59_940, '59.9 s'],
  [59_950, '1 min'],
  [60_000, '1 min'],
  [185_000, '3 min 5 s'],
  [3_600_000, '1 h'],
  [7_800_000, '2 h 10 min'],
  [86_400_000, '1 d'],
  [90_000_000, '1 d 1 h'],
] as const) {
  test(`formats ${ms} ms as ${words}`, () => assert.equal(durationOf(ms), words))
}
