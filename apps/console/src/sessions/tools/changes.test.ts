import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/sdk'
import { changesIn, contentBefore, isPatch } from './changes.ts'
import { linesOfChanges, linesOfPatch } from './diff-lines.ts'

const patch = `diff --git a/a.txt b/a.txt
--- a/a.txt
+++ b/a.txt
@@ -1,3 +1,3 @@
 one
--- two
+three
`

const marks = { same: ' ', added: '+', gone: '-', head: '#' }
const written = (lines: ReturnType<typeof linesOfPatch>) =>
  lines.map(({ kind, text }) => marks[kind] + text)

test('reads the lines of a patch', () => {
  assert.equal(isPatch(patch), true)
  assert.equal(isPatch('--- a title ---\n+ one\n- two'), false)
  assert.deepEqual(written(linesOfPatch(patch)), [
    ...['#diff --git a/a.txt b/a.txt', '#--- a/a.txt', '#+++ b/a.txt', '#@@ -1,3 +1,3 @@'],
    ...[' one', '--- two', '+three'],
  ])
})

test('folds unchanged lines of a comparison', () => {
  const before = Array.from({ length: 12 }, (_, at) => `line ${at}`)
  const after = before.with(5, 'changed')
  const change = { before: before.join('\n'), after: after.join('\n') }
  assert.deepEqual(written(linesOfChanges([change])), [
    ...['#⋯ 2 unchanged lines', ' line 2', ' line 3', ' line 4', '-line 5', '+changed'],
    ...[' line 6', ' line 7', ' line 8', '#⋯ 3 unchanged lines'],
  ])
  assert.deepEqual(written(linesOfChanges([{ before: 'a', after: 'a' }])), ['#⋯ 1 unchanged line'])
})

test('finds the changes in the arguments of tools for editing', () => {
  const edit = { file_path: '/a', old_string: 'one', new_string: 'two', replace_all: true }
  assert.deepEqual(changesIn(edit), {
    ...{ path: '/a', changes: [{ before: 'one', after: 'two' }], patch: undefined },
    shown: ['file_path', 'old_string', 'new_string'],
  })
  const edits = { path: '/a', edits: [{ oldText: 'one', newText: 'two' }], dryRun: true }
  assert.deepEqual(changesIn(edits), {
    ...{ path: '/a', changes: [{ before: 'one', after: 'two' }], patch: undefined },
    shown: ['path', 'edits'],
  })
  assert.deepEqual(changesIn({ input: patch }), {
    ...{ path: undefined, changes: [], patch, shown: ['input'] },
  })
  for (const given of [{}, { old: 1, new: 2 }, { old_string: 'one' }, { edits: [] }, { a: [1] }]) {
    assert.equal(changesIn(given), undefined, JSON.stringify(given))
  }
})

const started = (id: string, name: string, given: object) => ({
  type: 'tool.started',
  data: { tool_call: { id, name, arguments: given } },
})
const changed = (path: string, by?: string) => ({
  type: 'files.changed',
  data: { changes: [{ change: 'updated', path }], tool_call_id: by },
})
const wrote = (id: string, content: string) => [
  started(id, 'write_file', { path: '/a', content }),
  changed('/a', id),
]
const read = (result: object) => ({
  type: 'tool.completed',
  data: { tool_name: 'read_file', result: [{ type: 'text', text: JSON.stringify(result) }] },
})
const last = started('last', 'write_file', { path: '/a', content: 'last' })

for (const [name, events, content] of [
  ['without an earlier call', [], undefined],
  ['that a call wrote', wrote('1', 'one'), 'one'],
  ['that a call has read', [read({ path: '/a', content: 'two', encoding: 'text' })], 'two'],
  [
    'of which a part was read',
    [read({ path: '/a', content: 'two', encoding: 'text', truncated: true })],
    undefined,
  ],
  ['that somebody else has changed', [...wrote('1', 'one'), changed('/a')], undefined],
  ['beside another file', [...wrote('1', 'one'), changed('/ab')], 'one'],
  ['that another tool has written', [started('1', 'bash', {}), changed('/a', '1')], undefined],
] as const) {
  test(`knows the earlier content of a file ${name}`, () => {
    const log = [...events, last, ...wrote('later', 'later')] as unknown as Event[]
    assert.equal(contentBefore(log, { id: 'last', path: '/a' }), content)
  })
}
