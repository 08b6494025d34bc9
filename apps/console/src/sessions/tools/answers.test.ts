import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Question } from '@outlast/sdk'
import { answersOf } from './answers.ts'

const ask = (kind: Question['kind']): Question => ({ id: kind, kind, question: 'Which?' })

test('a form has answers only when every question has one, of its kind', () => {
  const kinds = (['choice', 'text', 'number', 'boolean'] as const).map(ask)
  assert.equal(answersOf(kinds, {}, ''), undefined)
  const drafts = {
    choice: { selected: ['Red'] },
    text: { text: 'Ada' },
    number: { number: 0 },
    boolean: { text: 'no', boolean: false },
  }
  assert.deepEqual(answersOf(kinds, drafts, ''), [
    { id: 'choice', selected: ['Red'] },
    { id: 'text', value: 'Ada' },
    { id: 'number', value: 0 },
    { id: 'boolean', value: false },
  ])
  assert.equal(answersOf(kinds, { ...drafts, text: { text: ' ' } }, ''), undefined)
})

test('free text replaces or follows the chosen options, and a secret is sent as one', () => {
  const other = { choice: { text: 'Green' } }
  assert.deepEqual(answersOf([ask('choice')], other, ''), [
    { id: 'choice', selected: [], other_text: 'Green' },
  ])
  assert.equal(answersOf([ask('secret')], {}, ''), undefined)
  assert.deepEqual(answersOf([ask('secret')], {}, 's3'), [{ id: 'secret', secret: 's3' }])
})
