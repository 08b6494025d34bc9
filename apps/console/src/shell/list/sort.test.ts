import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sortItems } from './sort.ts'

type Item = { name: string; cost?: number | null }

const items: Item[] = [
  { name: 'b10', cost: 2 },
  { name: 'B9' },
  { name: 'a', cost: null },
  { name: 'é', cost: 10 },
]
const values = { name: ({ name }: Item) => name, cost: ({ cost }: Item) => cost }
const namesBy = (sort: string | undefined) => sortItems(items, values, sort).map(({ name }) => name)

test('sorts texts without regard to case, and numbers in them by value', () => {
  assert.deepEqual(namesBy('name'), ['a', 'B9', 'b10', 'é'])
  assert.deepEqual(namesBy('-name'), ['é', 'b10', 'B9', 'a'])
})

test('puts items without a value last in both directions', () => {
  assert.deepEqual(namesBy('cost'), ['b10', 'é', 'B9', 'a'])
  assert.deepEqual(namesBy('-cost'), ['é', 'b10', 'B9', 'a'])
})

test('keeps the order for no column and for unknown ones', () => {
  for (const sort of [undefined, '', '-', 'size', 'constructor', '-toString', '__proto__']) {
    assert.deepEqual(namesBy(sort), ['b10', 'B9', 'a', 'é'])
  }
})
