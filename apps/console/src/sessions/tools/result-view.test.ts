import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ResultView, viewOf } from './result-view.ts'

const call = (name: string, given: object, result: unknown) => ({
  name,
  arguments: given as Record<string, never>,
  result: [{ type: 'text' as const, text: JSON.stringify(result) }],
})

/** A view of a whole result without other fields. */
const view = (
  shape: Pick<ResultView, 'kind'> & object,
  facts: ResultView['facts'] = [],
  others: object = {},
) => ({ ...shape, facts, others, leftOut: undefined })

const ended = (exit_code: number, fields: object = {}) =>
  call(
    'bash',
    { command: 'ls' },
    { exit_code, success: exit_code === 0, stderr: 'b', stdout: 'a', ...fields },
  )

/** The call with its result truncated as by the server. */
function truncated({ result, ...about }: ReturnType<typeof call>) {
  const { text } = result[0]!
  const kept = { truncated: true, size_bytes: text.length, full_output: '/_tool_outputs/1.json' }
  return call(about.name, about.arguments, {
    ...kept,
    beginning: text.slice(0, 60),
    end: text.slice(-10),
  })
}

test('a command is a terminal', () => {
  assert.deepEqual(
    viewOf(ended(2)),
    view({ kind: 'terminal', command: 'ls', output: 'a', errors: 'b', exitCode: 2 } as never),
  )
})

test('a command whose output is truncated is a terminal too', () => {
  const stdout = '{"exit_code":7}\n'.repeat(20)
  const failed = truncated(ended(1, { stdout }))
  const found = viewOf(failed)
  assert.ok(found?.kind === 'terminal' && found.leftOut)
  assert.deepEqual([found.exitCode, found.errors], [1, 'b'])
  assert.ok(stdout.startsWith(found.output))
  assert.equal(found.leftOut.file, '/_tool_outputs/1.json')
  assert.ok(found.leftOut.bytes > 200 && stdout.endsWith(found.leftOut.end))
})

test('files, tables and pages are recognized by the fields of the result', () => {
  const read = call(
    'read_file',
    { path: '/a.md' },
    { path: '/a.md', content: 'x', encoding: 'text', truncated: true, next_offset: 1 },
  )
  assert.deepEqual(
    viewOf(read),
    view({ kind: 'file', path: '/a.md', text: 'x', isWritten: false } as never, [
      ['truncated', true],
      ['next_offset', 1],
    ]),
  )
  const wrote = call('write_file', { path: '/a', content: 'y' }, { path: '/a', size_bytes: 1 })
  assert.deepEqual(
    viewOf(wrote),
    view({ kind: 'file', path: '/a', text: 'y', isWritten: true } as never, [['size_bytes', 1]]),
  )
  const entries = [
    { name: 'a', size: 1 },
    { name: 'b', is_directory: true },
  ]
  const meta = { cursor: { at: 7 } }
  assert.deepEqual(
    viewOf(call('list_directory', {}, { path: '/', entries, count: 2, meta, next: null })),
    view(
      {
        kind: 'table',
        columns: ['name', 'size', 'is_directory'],
        rows: [
          ['a', 1, null],
          ['b', null, true],
        ],
      } as never,
      [
        ['path', '/'],
        ['count', 2],
      ],
      { meta },
    ),
  )
  const page = { url: 'https://a.example/', status_code: 404, title: 'A', content: '# A' }
  assert.deepEqual(
    viewOf(call('web_fetch', {}, page)),
    view({ kind: 'page', url: page.url, title: 'A', text: '# A' } as never, [['status_code', 404]]),
  )
})

test('reads a single text of an MCP tool as data, as a patch or as a text', () => {
  const items = [{ id: 1 }]
  const json = JSON.stringify({ items, next_cursor: 'x' })
  assert.deepEqual(
    viewOf(call('mcp_a__list', {}, { result: json })),
    view({ kind: 'table', columns: ['id'], rows: [[1]] } as never, [['next_cursor', 'x']]),
  )
  const patch = '--- a\n+++ b\n@@ -1 +1 @@\n-one\n+two\n'
  assert.deepEqual(
    viewOf(call('mcp_a__edit', {}, { result: patch })),
    view({ kind: 'patch', text: patch } as never),
  )
  assert.deepEqual(
    viewOf(call('edit', {}, { diff: patch, lines: 1 })),
    view({ kind: 'patch', text: patch } as never, [['lines', 1]]),
  )
  assert.deepEqual(
    viewOf(call('mcp_a__say', {}, { result: 'one\ntwo' })),
    view({ kind: 'text', text: 'one\ntwo' } as never),
  )
})

test('a page with another scheme, binary content and nested data have no view of their own', () => {
  assert.equal(viewOf(call('x', {}, { url: 'javascript:alert(1)', content: 'a' })), undefined)
  const binary = { path: '/a.png', content: 'AAAA', encoding: 'base64' }
  assert.equal(viewOf(call('read_file', {}, binary)), undefined)
  const given = { path: '/a.png', content: 'AAAA', encoding: 'base64' }
  assert.equal(viewOf(call('write_file', given, { path: '/a.png', size_bytes: 3 })), undefined)
  assert.equal(viewOf(call('x', {}, [{ a: { b: 1 } }])), undefined)
  assert.equal(viewOf(call('x', {}, [])), undefined)
  assert.equal(viewOf({ name: 'x', arguments: {}, result: undefined }), undefined)
  const wide = Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`c${at}`, at]))
  assert.equal(viewOf(call('x', {}, [wide])), undefined)
})

test('a truncated result with invalid JSON has no view of its own', () => {
  for (const beginning of ['{"version":1.2.3,"b":"x', '{"a":"\u0001","b":"x']) {
    const given = { truncated: true, size_bytes: 9, beginning, end: 'z"}' }
    assert.equal(viewOf(call('x', {}, given)), undefined)
  }
})
