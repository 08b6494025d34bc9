import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventBytes } from './event-bytes.ts'

const counts = (...pieces: string[]) => {
  const count = createEventBytes()
  return pieces.map((piece) => count(Buffer.from(piece)))
}

test('counts the data of the event that has no end yet', () => {
  assert.deepEqual(counts('data: 12', '345\n', 'data: 1\n', '\n'), [8, 11, 18, 0])
  assert.deepEqual(counts('data: 1\r\n', 'data: 2\r', '\n', '\r\ndata'), [7, 14, 14, 4])
  assert.deepEqual(counts('data: 1\r\rdata: 2\n\nda'), [2])
})

test('counts no comment, other field or whole event', () => {
  assert.deepEqual(counts(': comment', '\n'), [9, 0])
  assert.deepEqual(counts('id: 1\nretry: 5\nevent: x\ndatum: y\n'), [0])
  assert.deepEqual(counts('data: 1\n: x\nid: 1\n', 'data: 2\n\n'), [7, 0])
})
