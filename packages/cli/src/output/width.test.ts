import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cut, manyLines, oneLine, pad, widthOf, wrap } from './width.ts'

const pieces = ['a', 'é', 'e\u0301', '你', '👩‍👩‍👧', '🇺🇦', '1️⃣', 'ｗ', ' ', 'ก็', '\u200b', '한']
const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((all) => all.join(''))
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const graphemesOf = (text: string) => [...graphemes.segment(text)].map(({ segment }) => segment)

test('cuts to the width, never through a character', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 0, max: 40 }), (text, columns) => {
      const short = cut(text, columns)
      assert.ok(widthOf(short) <= columns)
      if (short === text) return
      const kept = graphemesOf(short.replace(/…$/, ''))
      assert.deepEqual(kept, graphemesOf(text).slice(0, kept.length))
    }),
  )
})

test('pads to the width, and leaves wider texts unchanged', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 0, max: 80 }), (text, columns) => {
      const padded = pad(text, columns)
      assert.equal(widthOf(padded), Math.max(columns, widthOf(text)))
      assert.ok(padded.startsWith(text))
    }),
  )
})

test('counts two columns for wide and joined characters', () => {
  const widths = { a: 1, 'e\u0301': 1, 你: 2, '👩‍👩‍👧': 2, '🇺🇦': 2, '\x1b[1mbold\x1b[22m': 4 }
  for (const [text, width] of Object.entries(widths)) assert.equal(widthOf(text), width, text)
})

test('wraps without losing words, and exceeds the width only for a longer word', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, columns) => {
      const lines = wrap(text, columns)
      assert.equal(lines.join(' '), text.replace(/ +/g, ' ').replace(/^ | $/g, ''))
      for (const line of lines) assert.ok(widthOf(line) <= columns || !line.includes(' '))
    }),
  )
})

test('removes characters that move the cursor, ring, or change the text direction', () => {
  const bad = '\x1b]0;title\x07\x1b[2J\x9b2Jred\r\b\u202eabc\u2066\x1b'
  const control = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(oneLine(bad + text), /[\n\t]/)
      assert.doesNotMatch(oneLine(bad + text), control)
      assert.doesNotMatch(manyLines(bad + text), control)
    }),
  )
  assert.equal(manyLines('a\r\nb\tc'), 'a\nb\tc')
  assert.equal(
    oneLine('\x1b[1;31mred\x1b]8;;http://x\x1b\\link\x1b]8;;\x07 \x1b(Bend'),
    'redlink end',
  )
})
