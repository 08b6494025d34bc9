import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutSent } from './drafts.ts'

test('a draft keeps the text that was typed after the sent part', () => {
  assert.equal(withoutSent('Hello there', 'Hello'), ' there')
  assert.equal(withoutSent('Hello', 'Hello'), '')
  assert.equal(withoutSent('Changed meanwhile', 'Hello'), 'Changed meanwhile')
})
