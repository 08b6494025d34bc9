import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventBytes } from './event-bytes.ts'

const counts = (...pieces: string[]) => {
  const count = createEventBytes()
  return pieces.map((piece) => count(Buffer.from(piece)))
}

test('counts the line and the event that have no end yet', () => {
  assert.deepEqual(counts('data: 12', '345', '\n', '\n'), [8, 11, 12 + 11, 0])
  assert.deepEqual(counts('data: 1\r', '\n', '\r', '\ndata'), [8 + 7, 8 + 7, 0, 4])
  assert.deepEqual(counts('data: 1\n\nda'), [2])
  assert.deepEqual(counts('event: x\n', 'retry: 5\n', '\n'), [9 + 8, 9 + 8 + 8, 0])
})

test('counts no comment and no whole event', () => {
  assert.deepEqual(counts(': comment', '\n'), [9, 0])
  assert.deepEqual(counts(': a\n: b\n:\n', 'data: 2\n\n'), [0, 0])
})

test('counts the text that a short part of it keeps in memory', () => {
  const comment = `: ${'x'.repeat(1_000)}`
  const kept = comment.length + '\nid: 1\n\n'.length
  assert.deepEqual(counts(comment, '\nid: 1\n\n', 'data: 2\n\n'), [1_002, kept, kept])
  assert.deepEqual(counts(`${comment}\nevent: x\n`), [comment.length + 1 + 9 + 8])
  assert.deepEqual(counts(`id: ${'x'.repeat(100)}\n\n`, 'id: 2\n\n'), [106, 7])
})
