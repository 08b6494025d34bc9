import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, imageTypeOf, parentOf, sizeOf } from './content.ts'

for (const [bytes, words] of [
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KB'],
  [1_536, '1.5 KB'],
  [102_400, '100 KB'],
  [1_048_576, '1.0 MB'],
  [5 * 1024 ** 4, '5120 GB'],
] as const) {
  test(`formats ${bytes} bytes as ${words}`, () => assert.equal(sizeOf(bytes), words))
}

test('decodes text and base64', () => {
  assert.deepEqual([...bytesOf({ content: 'é', encoding: 'text' })], [0xc3, 0xa9])
  assert.deepEqual([...bytesOf({ content: '/wA=', encoding: 'base64' })], [255, 0])
})

test('detects an image by its file extension', () => {
  assert.equal(imageTypeOf('a.b.JPG'), 'image/jpeg')
  assert.equal(imageTypeOf('drawing.svg'), undefined)
  assert.equal(imageTypeOf('png'), 'image/png')
})

test('returns the parent of a path', () => {
  assert.deepEqual(['/a/b.txt', '/a'].map(parentOf), ['/a', ''])
})
