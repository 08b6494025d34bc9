import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { restOfJson } from './rest-of-json.ts'

/** Writes a value as a model may: with space, escapes of its own and other forms of numbers. */
function written(value: unknown, spaced: boolean, escaped: boolean): string {
  const text = JSON.stringify(value, null, spaced ? 2 : 0)
  if (!escaped) return text
  const hex = (unit: string) =>
    `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`
  const other = (part: string) =>
    part
      .replace(/[^\x20-\x7e]/g, hex)
      .replaceAll('/', '\\/')
      .replace(/(?<!\\)a/g, hex('a'))
  return text.replace(/"(?:[^"\\]|\\.)*"/g, other)
}

const keys = fc
  .string({ unit: 'binary', minLength: 1 })
  .filter((key) => !/^\d+$/.test(key) && key !== '__proto__')
const objects = fc.dictionary(
  keys,
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\\', '"', 'a', 'u', '\n', '/', '😀', '\ud83d') }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
    fc.integer(),
    fc.constantFrom(true, false, null),
    fc.array(fc.string(), { maxLength: 3 }),
  ),
  { maxKeys: 4 },
)

test('the rest of arguments that were cut anywhere completes them', () => {
  const cut = fc.tuple(
    objects,
    fc.boolean(),
    fc.boolean(),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  fc.assert(
    fc.property(cut, ([value, spaced, escaped, share]) => {
      const text = written(value, spaced, escaped)
      // The text of a message is never sent with half of a pair.
      const begun = text.slice(0, Math.round(text.length * share)).replace(/[\ud800-\udbff]$/, '')
      const rest = restOfJson(begun, value)
      assert.notEqual(rest, undefined, begun)
      assert.equal(JSON.stringify(JSON.parse(begun + rest)), JSON.stringify(value))
    }),
    { numRuns: 2_000 },
  )
})

test('a beginning of other arguments, or one that repeats a key, has no rest', () => {
  assert.equal(restOfJson('{"a":1,"b', { a: 1 }), undefined)
  assert.equal(restOfJson('{"a":"x', { a: 'y' }), undefined)
  assert.equal(restOfJson('{"a":1,"a":2', { a: 2 }), undefined)
  assert.equal(restOfJson('{"a":"\\u00', { a: '€' }), undefined)
  assert.equal(restOfJson('{"a":"\\', { a: '' }), undefined)
  assert.equal(restOfJson('not JSON', {}), undefined)
})

test('a long beginning takes time in proportion to its length', () => {
  const value = { content: 'a"\\\n'.repeat(500_000) }
  const begun = JSON.stringify(value).slice(0, -3)
  assert.equal(restOfJson(begun, value), JSON.stringify(value).slice(-3))
})
