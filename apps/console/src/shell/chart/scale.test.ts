import assert from 'node:assert/strict'
import { test } from 'node:test'
import { labelledOf, pathOf, stepsOf } from './scale.ts'

test('the steps of an axis are round, few, and reach the highest value', () => {
  for (const [most, steps] of [
    [10, [0, 2.5, 5, 7.5, 10]],
    [0.0037, [0, 0.001, 0.002, 0.003, 0.004]],
    [1_234_567, [0, 500_000, 1_000_000, 1_500_000]],
    [0, [0, 1]],
    [Number.NaN, [0, 1]],
  ] as const) {
    assert.deepEqual(stepsOf(most), steps)
  }
})

test('the steps of whole numbers are whole', () => {
  assert.deepEqual(stepsOf(1, true), [0, 1])
  assert.deepEqual(stepsOf(3, true), [0, 1, 2, 3])
  assert.deepEqual(stepsOf(10, true), [0, 5, 10])
  for (let most = 1; most < 300; most++) {
    const steps = stepsOf(most, true)
    assert.ok(steps.every(Number.isInteger) && steps.length <= 5, `${most}: ${steps}`)
    assert.ok(steps.at(-1)! >= most && steps.at(-2)! < most, `${most}: ${steps}`)
  }
})

test('a line goes through the middle of its slots and is interrupted at gaps', () => {
  const scale = { most: 10, slots: 2 }
  assert.equal(pathOf([0, 10], scale), 'M247.0 100.0h6L750.0 0.0')
  assert.equal(pathOf([undefined, 5], scale), 'M747.0 50.0h6')
  assert.equal(pathOf([], scale), '')
})

test('at most five positions are labelled, and fewer if they would overlap', () => {
  assert.deepEqual(labelledOf(0), [])
  assert.deepEqual(labelledOf(1), [0])
  assert.deepEqual(labelledOf(2), [0])
  assert.deepEqual(labelledOf(3), [0, 2])
  assert.deepEqual(labelledOf(8), [0, 2, 4, 5, 7])
  assert.deepEqual(labelledOf(30), [0, 7, 15, 22, 29])
})
