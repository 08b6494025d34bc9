import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  kindOf,
  labelOf,
  type Schema,
  typeOf,
  valueLimits,
  withField,
  withoutNull,
} from './schema.ts'

const texts: Schema = { type: 'array', items: { type: 'string' } }

for (const [schema, kind, type] of [
  [{ type: 'boolean' }, 'boolean', 'boolean'],
  [{ type: 'integer', minimum: 1, maximum: 9 }, 'number', 'integer, 1 to 9'],
  [{ type: 'number', maximum: 9 }, 'number', 'number, at most 9'],
  [{ type: 'string' }, 'text', 'string'],
  [{ type: 'string', enum: ['calm', 'loud'] }, 'one of', '"calm" | "loud"'],
  [{ enum: [1, 2] }, 'json', '1 | 2'],
  [texts, 'texts', 'string[]'],
  [{ type: 'array', items: { type: 'string', enum: ['a'] } }, 'some of', '"a"[]'],
  [{ type: 'array', items: { type: 'object' } }, 'list', 'object[]'],
  [{ type: 'array' }, 'json', 'array'],
  [{ type: 'object', properties: { a: {} } }, 'object', 'object'],
  [{ type: 'object' }, 'json', 'object'],
  [{ anyOf: [{ type: 'boolean' }, texts] }, 'all or some', 'boolean | string[]'],
  [{ anyOf: [{ type: 'boolean' }, { type: 'string' }] }, 'json', 'boolean | string'],
  [{ const: 7 }, 'json', '7'],
  [{}, 'json', 'any'],
  [{ type: 'hologram' }, 'json', 'hologram'],
] as [Schema, string, string][]) {
  test(`renders ${JSON.stringify(schema)} as ${kind}`, () => {
    assert.deepEqual([kindOf(schema), typeOf(schema)], [kind, type])
  })
}

test('removes null from a nullable schema', () => {
  const nullable = { description: 'Which.', anyOf: [{ type: 'string' }, { type: 'null' }] }
  assert.deepEqual(withoutNull(nullable), { description: 'Which.', type: 'string' })
  const several = { anyOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }] }
  assert.equal(withoutNull(several), several)
})

test('formats names as words, and limits if there are any', () => {
  assert.equal(labelOf('bytes_max', {}), 'Bytes max')
  assert.equal(labelOf('a', { title: 'the title' }), 'The title')
  assert.deepEqual([valueLimits({ minimum: 3 }), valueLimits({})], ['3 or more', ''])
})

test('sets or removes a field', () => {
  assert.deepEqual(withField({ a: 1 }, 'b', 2), { a: 1, b: 2 })
  assert.deepEqual(withField({ a: 1, b: 2 }, 'b', undefined), { a: 1 })
  assert.deepEqual(withField(undefined, 'a', 1), { a: 1 })
})
