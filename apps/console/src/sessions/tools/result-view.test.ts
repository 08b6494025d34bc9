import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewOf } from './result-view.ts'

const call = (name: string, given: object, result: unknown) => ({
  name,
  arguments: given as Record<string, never>,
  result: [{ type: 'text' as const, text: JSON.stringify(result) }],
})

test('a command is a terminal', () => {
  const ended = (exit_code: number) =>
    call(
      'bash',
      { command: 'ls' },
      { exit_code, success: exit_code === 0, stdout: 'a', stderr: 'b' },
    )
  assert.deepEqual(viewOf(ended(2)), {
    ...{ kind: 'terminal', command: 'ls', output: 'a', errors: 'b', exitCode: 2 },
  })
})

test('files, tables and pages are recognized by the fields of the result', () => {
  const read = call(
    'read_file',
    { path: '/a.md' },
    { path: '/a.md', content: 'x', encoding: 'text' },
  )
  assert.deepEqual(viewOf(read), { kind: 'file', path: '/a.md', text: 'x', isWritten: false })
  const wrote = call('write_file', { path: '/a', content: 'y' }, { path: '/a', size_bytes: 1 })
  assert.deepEqual(viewOf(wrote), { kind: 'file', path: '/a', text: 'y', isWritten: true })
  const entries = [
    { name: 'a', size: 1 },
    { name: 'b', is_directory: true },
  ]
  assert.deepEqual(viewOf(call('list_directory', {}, { path: '/', entries, count: 2 })), {
    kind: 'table',
    columns: ['name', 'size', 'is_directory'],
    rows: [
      ['a', 1, null],
      ['b', null, true],
    ],
  })
  const page = { url: 'https://a.example/', title: 'A', content: '# A' }
  assert.deepEqual(viewOf(call('web_fetch', {}, page)), {
    ...{ kind: 'page', url: page.url, title: 'A', text: '# A' },
  })
})

test('a page with another scheme, binary content and nested data have no view of their own', () => {
  assert.equal(viewOf(call('x', {}, { url: 'javascript:alert(1)', content: 'a' })), undefined)
  const binary = { path: '/a.png', content: 'AAAA', encoding: 'base64' }
  assert.equal(viewOf(call('read_file', {}, binary)), undefined)
  assert.equal(viewOf(call('x', {}, [{ a: { b: 1 } }])), undefined)
  assert.equal(viewOf(call('x', {}, [])), undefined)
  assert.equal(viewOf({ name: 'x', arguments: {}, result: undefined }), undefined)
  const wide = Object.fromEntries(Array.from({ length: 13 }, (_, at) => [`c${at}`, at]))
  assert.equal(viewOf(call('x', {}, [wide])), undefined)
})
