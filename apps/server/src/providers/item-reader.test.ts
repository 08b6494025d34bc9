import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createItemReader } from './item-reader.ts'

/** Reads a document in pieces of `size` characters; returns its items and the rest. */
function readIn(text: string, size: number) {
  const items: unknown[] = []
  const reader = createItemReader((item) => items.push(item))
  for (let at = 0; at < text.length; at += size) reader.read(text.slice(at, at + size))
  return { items, around: reader.end() }
}

const items = [
  { id: 'a', text: 'odd "quotes", \\ back\\\\slashes, ]}[{ and 😀', list: [{ id: 'inner' }] },
  { id: 'b', nested: { deep: [[{}]], no: null } },
  { id: 'c' },
]

test('returns whole items for any split of the document, and keeps the rest', () => {
  const around = { object: 'list', has_more: true, last_id: 'c', about: { id: 'no item' } }
  const document = JSON.stringify({ first: 1, data: items, ...around }, null, 1)
  for (let size = 1; size <= 40; size += 1) {
    const read = readIn(document, size)
    assert.deepEqual(read.items, items)
    assert.deepEqual(read.around, { first: 1, data: [0, 0, 0], ...around })
  }
})

test('the document can be the list, and the list can be empty', () => {
  assert.deepEqual(readIn(JSON.stringify(items), 7).items, items)
  assert.deepEqual(readIn('{"data":[]}', 3).items, [])
  assert.deepEqual(readIn('[]', 1).items, [])
})

test('refuses a document without a list', () => {
  for (const text of ['', 'null', '"text"', '{}', '{"error":{"message":"no"}}', '<html></html>']) {
    assert.throws(() => readIn(text, 4), { kind: 'bad_response' }, text)
  }
  for (const text of ['{"data":[{"id":"a"', '{"data":[{bad}]}', ']', '{"data":[{]}', '[}']) {
    assert.throws(() => readIn(text, 4), { kind: 'bad_response' }, text)
  }
})

test('refuses an endless item and endless text around items', () => {
  const long = 'x'.repeat(2_000_000)
  for (const text of [`{"data":[{"id":"${long}`, `{"a":"${long}`]) {
    assert.throws(() => readIn(text, 65_536), { kind: 'bad_response' })
  }
})
