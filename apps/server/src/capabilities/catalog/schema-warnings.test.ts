import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtins } from '../index.ts'
import { schemaWarnings } from './schema-warnings.ts'

const text = { type: 'string' }

test('the tools of the server fit every vendor', () => {
  for (const { name, input } of builtins.flatMap((capability) => capability.tools({}))) {
    assert.deepEqual(schemaWarnings({ ...input }), [], name)
  }
})

test('finds what vendors refuse in a schema', () => {
  for (const [schema, warning] of [
    [text, /^is not an object schema/],
    [
      { type: 'object', anyOf: [] },
      /^has anyOf at the top level, which OpenAI and Anthropic refuse\.$/,
    ],
    [{ type: 'object', enum: [{}] }, /^has enum at the top level, which OpenAI refuses\.$/],
    [{ type: 'object', properties: { 'ä b': text } }, /^has the property "ä b"; Anthropic/],
    [{ type: 'object', properties: { ['a'.repeat(65)]: text } }, /Anthropic/],
    [
      { type: 'object', properties: { a: { type: 'object', properties: { '': text } } } },
      /property ""/,
    ],
    [{ type: 'object', properties: { a: { not: text } } }, /^uses not, which OpenAI and Google/],
    [{ type: 'object', patternProperties: { x: text } }, /^uses patternProperties/],
    [
      { type: 'object', properties: { a: { $ref: '#/$defs/a', type: 'string' } } },
      /^has type beside \$ref at \/properties\/a, which Google/,
    ],
    [
      { type: 'object', properties: { next: { $ref: '#' } } },
      /^refers to itself at \/properties\/next/,
    ],
    [
      { type: 'object', $defs: { a: { properties: { b: { $ref: '#/$defs/a' } } } } },
      /^refers to itself/,
    ],
  ] as const) {
    const warnings = schemaWarnings(schema)
    assert.ok(
      warnings.some((one) => warning.test(one)),
      `${warning}: ${warnings}`,
    )
  }
})

test('counts levels, properties and values, also in lists and alternatives', () => {
  const nested = (levels: number): object =>
    levels === 0 ? text : { type: 'object', properties: { a: nested(levels - 1) } }
  assert.deepEqual(schemaWarnings({ ...nested(10) }), [])
  assert.match(schemaWarnings({ ...nested(11) }).join(), /^has 11 levels; OpenAI allows 10\.$/)
  const list = {
    type: 'object',
    properties: { a: { anyOf: [{ type: 'array', items: nested(10) }] } },
  }
  assert.match(schemaWarnings(list).join(), /^has 12 levels/)
  const wide = Object.fromEntries(Array.from({ length: 5_001 }, (_, n) => [`p${n}`, text]))
  assert.match(schemaWarnings({ type: 'object', properties: wide }).join(), /^has 5001 properties/)
  const values = Array.from({ length: 1_001 }, (_, n) => `v${n}`)
  const chosen = { type: 'object', properties: { a: { enum: values } } }
  assert.match(schemaWarnings(chosen).join(), /^has 1001 values in enum/)
})

test('ends on a schema that contains itself, and ignores odd values', () => {
  const schema: Record<string, unknown> = { type: 'object', properties: {} }
  schema.properties = { self: schema }
  assert.match(schemaWarnings(schema).join(), /levels; OpenAI/)
  for (const odd of [null, 1, [], 'x']) {
    assert.deepEqual(schemaWarnings({ type: 'object', properties: odd, anyOf: undefined }), [])
    assert.deepEqual(schemaWarnings({ type: 'object', properties: { a: odd } }), [])
  }
})
