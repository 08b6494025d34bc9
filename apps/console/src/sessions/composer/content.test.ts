import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attachment, contentOf, nameOfCopy } from './content.ts'

const attached = (more: Partial<Attachment>): Attachment => ({
  ...{ key: 1, name: 'a', sizeBytes: 1, state: 'ready' },
  ...more,
})
const image = { base64: 'AA==', media_type: 'image/png' }

for (const [given, copy, name] of [
  ['list.csv', 1, 'list.csv'],
  ['list.csv', 3, 'list-3.csv'],
  ['notes', 2, 'notes-2'],
  ['.env', 2, '.env-2'],
  ['a/b.txt', 1, 'a-b.txt'],
  ['__init__.py', 1, 'init__.py'],
  ['_', 1, 'file'],
] as const) {
  test(`names copy ${copy} of ${given} ${name}`, () => assert.equal(nameOfCopy(given, copy), name))
}

test('a message consists of its text, the paths of its files, and its images', () => {
  const files = [attached({ path: '/attachments/a.csv' }), attached({ path: '/attachments/b.csv' })]
  const text = 'Look\n\nAttached file: /attachments/a.csv\nAttached file: /attachments/b.csv'
  assert.deepEqual(contentOf(' Look ', [...files, attached({ image })]), [
    { type: 'text', text },
    { type: 'image', ...image },
  ])
  assert.deepEqual(contentOf(' ', [attached({ image })]), [{ type: 'image', ...image }])
  assert.deepEqual(contentOf('', []), [])
})
