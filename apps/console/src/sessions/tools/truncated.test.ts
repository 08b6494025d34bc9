import assert from 'node:assert/strict'
import { test } from 'node:test'
import { truncatedOf } from './truncated.ts'

/** Truncates a result as the server does. */
function truncated(result: object, kept = 60) {
  const json = JSON.stringify(result)
  return {
    ...{ truncated: true, size_bytes: json.length, full_output: '/_tool_outputs/call_1.json' },
    ...{ beginning: json.slice(0, kept), end: json.slice(-20) },
  }
}

const lines = Array.from({ length: 99 }, (_, at) => `${at}\n`).join('')

test('reads the fields around the string that was cut, and the end of the string', () => {
  const given = truncated({ exit_code: 1, success: false, stderr: '', stdout: lines })
  const found = truncatedOf(given)
  assert.ok(found)
  assert.equal(found.cutField, 'stdout')
  const { stdout, ...others } = found.fields
  assert.deepEqual(others, { exit_code: 1, success: false, stderr: '' })
  assert.ok(lines.startsWith(String(stdout)) && String(stdout).length > 3)
  assert.ok(lines.endsWith(found.leftOut.end) && found.leftOut.end.endsWith('98\n'))
  assert.ok(found.leftOut.bytes >= given.size_bytes - 80)
  assert.equal(found.leftOut.file, '/_tool_outputs/call_1.json')
})

test('reads fields after the string that was cut', () => {
  const found = truncatedOf(truncated({ text: lines, page: 7 }))
  assert.deepEqual({ ...found?.fields, text: '' }, { text: '', page: 7 })
  assert.ok(found && lines.endsWith(found.leftOut.end))
})

test('never shows half of an escape sequence', () => {
  for (let kept = 12; kept < 40; kept++) {
    const { fields } = truncatedOf(truncated({ text: 'é"\\\u0001\n'.repeat(99) }, kept))!
    assert.ok('é"\\\u0001\n'.repeat(99).startsWith(String(fields.text)), String(kept))
  }
})

test('reads a result that is a string, and a long one in linear time', () => {
  const found = truncatedOf(truncated(lines as never))
  assert.ok(lines.startsWith(String(found?.fields.result)) && lines.endsWith(found!.leftOut.end))
  const long = 'x'.repeat(1_000_000)
  assert.equal(truncatedOf(truncated({ long }, 900_000))?.fields.long, long.slice(0, 899_991))
})

test('a result without a string that was cut is one text', () => {
  const numbers = Array.from({ length: 99 }, (_, at) => at)
  const found = truncatedOf(truncated({ numbers }))
  assert.deepEqual(found?.fields, { result: JSON.stringify({ numbers }).slice(0, 60) })
  assert.equal(found?.leftOut.end, JSON.stringify({ numbers }).slice(-20))
  assert.equal(truncatedOf({ truncated: true, next_offset: 7, content: 'x' }), undefined)
})
