import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { textPreview } from './text.ts'

const segmenter = new Intl.Segmenter()

/** A preview by graphemes alone. */
function expected(text: string): string {
  const graphemes = [...segmenter.segment(text)].map(({ segment }) => segment)
  return graphemes.length > 200 ? `${graphemes.slice(0, 200).join('')}…` : text
}

const plain = fc.stringMatching(/^[ -~\n“”–éЖかカ漢]{150,250}$/)
const marks = ['\r\n', 'e\u0301', 'か\u3099', '👩\u200d👩', '\u200d', '\ufe0f', '🇩🇪', '각', 'ก็']

test('a preview has the first 200 graphemes of a text', () => {
  fc.assert(
    fc.property(plain, fc.constantFrom(...marks), fc.nat(250), (text, mark, place) => {
      for (const shown of [text, text.slice(0, place) + mark + text.slice(place)]) {
        assert.equal(textPreview(shown), expected(shown))
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a mark after the 200th character belongs to it', () => {
  const text = 'x'.repeat(200)
  for (const mark of ['\u0301', '\ufe0f', '\u200d']) {
    assert.equal(textPreview(`${text}${mark}y`), `${text}${mark}…`)
  }
  assert.equal(textPreview(`${'x'.repeat(199)}\r\ny`), `${'x'.repeat(199)}\r\n…`)
})
