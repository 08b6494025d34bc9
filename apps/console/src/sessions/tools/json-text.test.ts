import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut, jsonOf, parsed } from './json-text.ts'
import { lastLines } from './last-lines.ts'

test('formats any value as JSON', () => {
  assert.equal(jsonOf({ a: [1] }), '{\n  "a": [\n    1\n  ]\n}')
  assert.equal(jsonOf(undefined), 'undefined')
  const hidden = 'a\u202eb\u2066\u061c'
  assert.equal(jsonOf(hidden), '"a\\u202eb\\u2066\\u061c"')
  assert.equal(parsed(jsonOf([hidden]))?.[0 as never], hidden)
})

test('parses only lists and objects below the size limit', () => {
  assert.deepEqual(parsed(' [1]'), [1])
  assert.equal(parsed('42'), undefined)
  assert.equal(parsed('{no'), undefined)
  assert.equal(parsed(`["${'x'.repeat(1_000_000)}"]`), undefined)
})

test('cuts a long text by lines or by length', () => {
  assert.equal(cut('short'), 'short')
  const lines = Array.from({ length: 30 }, (_, at) => `line ${at}`)
  assert.equal(cut(lines.join('\n')), `${lines.slice(0, 24).join('\n')}…`)
  assert.equal(cut('x'.repeat(5_000)), `${'x'.repeat(4_000)}…`)
})

test('cuts the beginning of a long text', () => {
  assert.equal(lastLines('short\n'), 'short\n')
  const lines = Array.from({ length: 30 }, (_, at) => `line ${at}`)
  assert.equal(lastLines(`${lines.join('\n')}\n`), `…${lines.slice(6).join('\n')}`)
  assert.equal(lastLines('x'.repeat(5_000)), `…${'x'.repeat(4_000)}`)
})

test('returns another text for a value that is nested too deep', () => {
  const text = `${'['.repeat(9_000)}${']'.repeat(9_000)}`
  assert.equal(jsonOf(parsed(text), text), text)
  assert.equal(jsonOf(parsed(text)), 'This value is nested too deep.')
})
