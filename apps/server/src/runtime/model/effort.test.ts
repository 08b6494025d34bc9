import assert from 'node:assert/strict'
import test from 'node:test'
import type { ModelProfile } from '@outlast/contract'
import { effortFor } from './effort.ts'

const profile = (reasoning: boolean, values: string[]) =>
  ({
    reasoning,
    ...(values.length > 0 && {
      reasoning_effort: {
        default: values[0],
        values: values.map((value) => ({ name: value, value })),
      },
    }),
  }) as ModelProfile

test('maps an effort to one that the model supports', () => {
  const low = profile(true, ['low', 'medium', 'high'])
  assert.equal(effortFor(low, 'medium'), 'medium')
  assert.equal(effortFor(low, 'minimal'), 'low')
  assert.equal(effortFor(low, 'max'), 'high')
  assert.equal(effortFor(low, 'none'), 'low')
  assert.equal(effortFor(profile(true, ['none', 'low', 'xhigh']), 'max'), 'xhigh')
  assert.equal(effortFor(profile(true, ['none', 'low', 'xhigh']), 'none'), 'none')
  assert.equal(effortFor(profile(true, ['none', 'low', 'xhigh']), 'minimal'), 'low')
  assert.equal(effortFor(profile(true, []), 'xhigh'), 'xhigh')
  assert.equal(effortFor(undefined, 'high'), 'high')
})

test('sends no effort to a model without thinking, and no unknown effort', () => {
  assert.equal(effortFor(profile(false, []), 'high'), undefined)
  for (const word of [undefined, null, '', 'none', 'a lot']) {
    assert.equal(effortFor(undefined, word), undefined)
    assert.equal(effortFor(profile(true, []), word), undefined)
  }
})
