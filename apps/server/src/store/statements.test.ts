import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statement, valuesOf } from './statements.ts'

const one = statement('one', "select :id::text || 'wait:' || :name where :id = any(:ids::text[])")

test('numbers parameters in the order of their first use and leaves casts and strings unchanged', () => {
  assert.deepEqual(one, {
    name: 'one',
    parameters: ['id', 'name', 'ids'],
    text: "select $1::text || 'wait:' || $2 where $1 = any($3::text[])",
  })
})

test('orders values by their parameters, and refuses a missing one', () => {
  assert.deepEqual(valuesOf(one, { ids: [], name: null, id: 'a', other: 1 }), ['a', null, []])
  assert.throws(() => valuesOf(one, { ids: [], id: 'a' }), /one has no value for :name\./)
})
