import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '@outlast/sdk'
import { plain, spentOf, stateOf } from './row-text.ts'

const usage = (input_tokens: number, output_tokens: number, cost_usd?: number) => ({
  usage: { input_tokens, output_tokens, cost_usd } as Session['usage'],
})

for (const [used, words] of [
  [{ usage: null }, ''],
  [usage(10, 5), '15 tokens'],
  [usage(1_200, 34, 0.0123), '1.2K tokens · $0.012'],
  [usage(2_000_000, 0, 12.3), '2M tokens · $12'],
  [usage(1, 1, 0), '2 tokens'],
] as const) {
  test(`shows ${JSON.stringify(used)} as "${words}"`, () => assert.equal(spentOf(used), words))
}

test('the state of a session is its wait, else its failure, else its status', () => {
  const state = (status: string, type?: string) =>
    stateOf({ status, ...(type && { waiting_for: { type } }) } as unknown as Session)[1]
  assert.equal(state('active', 'approval'), 'needs approval')
  assert.equal(state('active', 'tool_results'), 'waiting for client')
  const last_turn = { status: 'failed' }
  assert.equal(stateOf({ status: 'idle', last_turn } as unknown as Session)[1], 'failed')
  assert.deepEqual(
    ['active', 'started', 'idle', 'hibernating'].map((one) => state(one)),
    [...['active', 'new', 'idle', 'hibernating']],
  )
})

test('removes Markdown from a one-line preview', () => {
  assert.equal(plain('## **All** of `it`\n# 1 # 2'), 'All of it\n1 # 2')
})
