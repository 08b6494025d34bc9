import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathOf, yOf } from './chart-path.ts'

test('draws values from left to right and interrupts the line at gaps', () => {
  assert.equal(pathOf([0, 10], 10), 'M-1.5 119.0h3L400.0 8.0')
  assert.equal(pathOf([10, undefined, 10], 10), 'M-1.5 8.0h3M398.5 8.0h3')
  assert.equal(pathOf([5], 10), `M-1.5 ${yOf(0.5).toFixed(1)}h3`)
  assert.equal(pathOf([], 10), '')
})
