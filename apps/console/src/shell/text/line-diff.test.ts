import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineDiff } from './line-diff.ts'

const marks = { same: ' ', added: '+', gone: '-' }
const diff = (before: string, after: string) =>
  lineDiff(before, after).map(({ kind, text }) => marks[kind] + text)

for (const [before, after, lines] of [
  ['a', 'a', [' a']],
  ['a\nb\nc', 'a\nx\nc', [' a', '-b', '+x', ' c']],
  ['a\nb', 'a\nb\nc', [' a', ' b', '+c']],
  ['a\nb\nc', 'c', ['-a', '-b', ' c']],
  ['a\nb\nc\nd', 'b\nx\nd', ['-a', ' b', '-c', '+x', ' d']],
  ['', 'a', ['-', '+a']],
] as const) {
  test(`compares ${JSON.stringify(before)} with ${JSON.stringify(after)}`, () => {
    assert.deepEqual(diff(before, after), lines)
  })
}

test('shows texts that are too long as removed and added', () => {
  const text = (word: string) =>
    Array.from({ length: 2_100 }, (_, at) => `${word} ${at}`).join('\n')
  const kinds = lineDiff(text('a'), text('b')).map(({ kind }) => kind)
  assert.deepEqual([...new Set(kinds)], ['gone', 'added'])
  assert.equal(kinds.length, 4_200)
})
