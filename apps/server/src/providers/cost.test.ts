import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelCost, ModelProfile, TokenUsage } from '@outlast/contract'
import { costOf, withCost } from './cost.ts'

const usage: TokenUsage = { input_tokens: 1000, output_tokens: 100 }
const cached = { ...usage, cache_read_tokens: 600, cache_creation_tokens: 300 }

const profileWith = (cost: ModelCost | undefined): ModelProfile => ({
  ...{ name: 'A model', family: 'a', attachment: false, reasoning: false, temperature: true },
  ...{ tool_call: true, structured_output: true, open_weights: false },
  ...(cost && { cost }),
})
const nanos = (cost: ModelCost, used: TokenUsage) => costOf(profileWith(cost), used)

test('a call costs its input and output, and cached input has its own price', () => {
  assert.equal(nanos({ input: 3, output: 15 }, usage), 1000 * 3000 + 100 * 15_000)
  const all = { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }
  const sum = 100 * 3000 + 600 * 300 + 300 * 3750 + 100 * 15_000
  assert.equal(nanos(all, cached), sum)
})

test('cached input without its own price costs as much as input', () => {
  assert.equal(nanos({ input: 3, output: 15 }, cached), nanos({ input: 3, output: 15 }, usage))
})

test('the tier of the input applies to the whole call', () => {
  const tiers = [
    { above: 5000, input: 50, output: 60 },
    { above: 999, input: 5, output: 6 },
  ]
  const cost = { input: 1, output: 2, cache_read: 0.1, tiers }
  const at = (input_tokens: number) => nanos(cost, { input_tokens, output_tokens: 10 })
  assert.equal(at(999), 999 * 1000 + 10 * 2000)
  assert.equal(at(1000), 1000 * 5000 + 10 * 6000)
  assert.equal(at(5001), 5001 * 50_000 + 10 * 60_000)
  const read = { input_tokens: 1000, output_tokens: 0, cache_read_tokens: 1000 }
  assert.equal(nanos(cost, read), 1000 * 5000)
})

test('keeps prices below a billionth of a dollar per token', () => {
  const cheap = { input: 0.01875, output: 0.1 }
  assert.equal(nanos(cheap, { input_tokens: 3, output_tokens: 0 }), 56)
  assert.equal(nanos(cheap, { input_tokens: 1_000_000, output_tokens: 0 }), 18_750_000)
})

test('cached input that a vendor counts separately does not reduce the cost', () => {
  const odd = { input_tokens: 10, output_tokens: 0, cache_read_tokens: 1000 }
  assert.equal(nanos({ input: 1, output: 1, cache_read: 0.1 }, odd), 1000 * 100)
})

test('a model without a price has no cost, and a free model costs 0', () => {
  assert.equal(costOf(undefined, usage), undefined)
  assert.equal(costOf(profileWith(undefined), usage), undefined)
  assert.equal(nanos({ input: 0, output: 0 }, usage), 0)
  const nonsense = { input_tokens: 1e300, output_tokens: 1 }
  assert.equal(nanos({ input: 1, output: 1 }, nonsense), undefined)
})

test('usage has its cost in dollars', () => {
  const profile = profileWith({ input: 0.25, output: 2 })
  assert.deepEqual(withCost(profile, usage), {
    ...usage,
    cost_usd: 0.00045,
    estimated_cost_usd: 0.00045,
  })
  assert.equal(withCost(undefined, usage), usage)
  assert.equal(withCost(profile, undefined), undefined)
})
