import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileInfo } from '@outlast/sdk'
import { rowsOf } from './tree-rows.ts'

const file = (path: string) =>
  ({
    path,
    name: path.split('/').at(-1),
    is_directory: !path.includes('.'),
  }) as FileInfo

const files = ['/', '/z.md', '/a.md', '/notes', '/notes/today.md', '/notes/old', '/notes/old/x.md']
const rows = (...closed: string[]) =>
  rowsOf(files.map(file), new Set(closed)).map(({ path }) => path)

test('lists folders first, each before its content', () => {
  const [old, inOld] = ['/notes/old', '/notes/old/x.md']
  assert.deepEqual(rows(), ['/notes', old, inOld, '/notes/today.md', '/a.md', '/z.md'])
})

test('hides the content of a closed folder', () => {
  assert.deepEqual(rows('/notes'), ['/notes', '/a.md', '/z.md'])
  assert.deepEqual(rows('/notes/old'), [
    '/notes',
    '/notes/old',
    '/notes/today.md',
    '/a.md',
    '/z.md',
  ])
})
