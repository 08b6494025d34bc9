import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/sdk'
import { gistOfEvent } from './event-gist.ts'

for (const [data, gist] of [
  [
    { message: { id: 'm', role: 'user', content: [{ type: 'text', text: 'One\n two' }] } },
    'One two',
  ],
  [
    { tool_call: { id: 'c', name: 'bash', arguments: { command: 'ls', timeout_ms: 5 } } },
    'bash · ls · timeout_ms 5',
  ],
  [
    { tool_call_id: 'c', tool_name: 'add', success: false, error: 'It failed.', result: null },
    'add · success false · It failed.',
  ],
  [
    { messages: [{ content: [] }], output: { text: 'Yes' }, metadata: { model: 'm-1' } },
    'Yes · m-1',
  ],
  [{ changes: ['a', 'b', 'c', 'd'] }, 'a · b · c'],
  [{}, ''],
] as const) {
  test(`summarizes ${JSON.stringify(data).slice(0, 50)}`, () => {
    assert.equal(gistOfEvent({ data } as unknown as Event), gist)
  })
}

test('bounds the summary of long data', () => {
  const data = { turns: 1, text: 'x'.repeat(1_000_000), others: Array(9).fill('y') }
  assert.equal(gistOfEvent({ data } as unknown as Event).length, 160)
})
