import assert from 'node:assert/strict'
import { test } from 'node:test'
import { costText, dollarsText } from './money.ts'

test('small amounts keep their digits', () => {
  for (const [amount, text] of [
    [0, '$0.00'],
    [12.5, '$12.50'],
    [-2.5, '-$2.50'],
    [0.125, '$0.1250'],
    [0.0012, '$0.0012'],
    [0.000035, '$0.000035'],
    [-0.000001, '-$0.000001'],
  ] as const) {
    assert.equal(dollarsText(amount), text)
  }
  assert.equal(costText(null), 'unknown')
  assert.equal(costText(undefined), 'unknown')
  assert.equal(costText(0), '$0.00')
})
