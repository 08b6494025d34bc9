import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TranscriptItem } from '@outlast/sdk'
import { firstFrom, matchesIn } from './find.ts'

const items = [
  { kind: 'user_message', text: 'Where is the RED door?' },
  { kind: 'tool_call', name: 'open', arguments: { door: 'red' }, error: undefined },
  undefined,
  { kind: 'agent_message', text: 'It is open.', thinking: '' },
] as unknown as TranscriptItem[]

test('finds messages and tools by a text in any case', () => {
  assert.deepEqual(matchesIn(items, 'red'), [0, 1])
  assert.deepEqual(matchesIn(items, ' OPEN '), [1, 3])
  assert.deepEqual(matchesIn(items, '  '), [])
  assert.deepEqual(matchesIn(items, 'blue'), [])
})

test('begins with the first match from the place that is shown, else with the first', () => {
  assert.equal(firstFrom([2, 5, 9], 5), 1)
  assert.equal(firstFrom([2, 5, 9], 10), 0)
})
