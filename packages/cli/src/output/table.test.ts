import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Column } from './table.ts'
import { fieldLines, tableOf } from './table.ts'
import { oneLine, widthOf } from './width.ts'

type Row = { id: string; name: string; text: string; age: number }

const columns: Column<Row>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name, isFlexible: true },
  { title: 'TEXT', value: ({ text }) => text, isFlexible: true },
  { title: 'AGE', value: ({ age }) => age, isExtra: true },
]
const words = fc.string({ unit: 'grapheme', maxLength: 60 })
const rows = fc.array(
  fc.record({ id: fc.stringMatching(/^[a-f0-9]{8}$/), name: words, text: words, age: fc.nat() }),
  { minLength: 1, maxLength: 5 },
)
/** An id, two flexible columns at their minimum, and the gaps between them. */
const narrowest = 8 + 2 * 8 + 2 * 2

test('fits tables to the terminal with whole ids', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: narrowest, max: 120 }), (given, most) => {
      const { head, lines } = tableOf(given, columns, most)
      assert.equal(lines.length, given.length)
      for (const line of [head!, ...lines]) assert.ok(widthOf(line) <= most, line)
      for (const [at, { id }] of given.entries()) assert.ok(lines[at]!.startsWith(id))
    }),
  )
})

test('cuts nothing without a terminal', () => {
  fc.assert(
    fc.property(rows, (given) => {
      const { lines } = tableOf(given, columns, Infinity)
      for (const [at, { name, text }] of given.entries()) {
        assert.ok(lines[at]!.includes(oneLine(name)) && lines[at]!.includes(oneLine(text)))
      }
    }),
  )
})

test('prints a row as a block with all values if an id does not fit', () => {
  const row = { id: 'a'.repeat(38), name: 'Ada', text: '', age: 3 }
  const { head, lines } = tableOf([row, row], columns, 40)
  const block = [`ID    ${row.id}`, 'NAME  Ada', 'TEXT  -', 'AGE   3']
  assert.deepEqual([head, lines], [undefined, [...block, '', ...block]])
})

test('prints a dash for a missing value', () => {
  const nothing = undefined as unknown as { name: string }
  const fields = [
    ['Name', () => nothing.name],
    ['Size', 0],
    ['Odd', { a: 1 } as unknown as string],
  ] as const
  assert.deepEqual(fieldLines(fields, 80), ['Name  -', 'Size  0', 'Odd   {"a":1}'])
})
