import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerOf, gistOf, objectIn, todosOf } from './arguments.ts'

for (const [given, gist] of [
  [{}, ''],
  [{ city: 'Rome', days: 3 }, 'Rome, 3'],
  [{ list: [1, 2], nested: { a: 1 }, none: null }, '2 items, {…}, {…}'],
  [{ long: 'x'.repeat(500) }, 'x'.repeat(120)],
] as const) {
  test(`summarizes ${JSON.stringify(given).slice(0, 40)}`, () => assert.equal(gistOf(given), gist))
}

for (const [text, value] of [
  ['{"a":1}', { a: 1 }],
  ['[1]', undefined],
  ['null', undefined],
  ['nonsense', undefined],
] as const) {
  test(`parses ${text} as ${value ? 'an' : 'no'} object`, () =>
    assert.deepEqual(objectIn(text), value))
}

test('a client result is sent as JSON if it parses, else as text', () => {
  assert.deepEqual(answerOf('{"weather":"fine"}'), { value: { weather: 'fine' }, isJson: true })
  assert.deepEqual(answerOf('fine'), { value: 'fine', isJson: false })
})

test('shows only a valid list of tasks as a checklist', () => {
  const todos = [{ content: 'Look', status: 'completed' }]
  assert.deepEqual(todosOf('write_todos', { todos }), todos)
  assert.equal(todosOf('other', { todos }), undefined)
  for (const odd of [
    'no list',
    [{ content: 'Look', status: 'dreaming' }],
    [{ content: 7 }],
    [null],
  ]) {
    assert.equal(todosOf('write_todos', { todos: odd }), undefined)
  }
})
