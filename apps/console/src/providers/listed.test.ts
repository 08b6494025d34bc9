import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelProfile } from '@outlast/sdk'
import type { ListedModel } from '../queries/models.ts'
import { abilitiesOf, byRank, isListed, priceOf, tokensOf } from './listed.ts'

const model = (more: object = {}) =>
  ({
    ...{ display_name: 'Grind 1', model_id: 'grind-1', provider_id: 'mill', provider_name: 'Mill' },
    ...{ status: 'active', is_stale: false, is_default: false, is_favorite: false },
    ...more,
  }) as ListedModel

for (const [about, listed, filters, isShown] of [
  ['an active model', model(), {}, true],
  ['a disabled model', model({ status: 'disabled' }), {}, false],
  ['a disabled model with the filter for all', model({ status: 'disabled' }), { all: true }, true],
  ['a stale model', model({ is_stale: true }), {}, false],
  ['a model of another provider', model(), { provider: 'other' }, false],
  ['a model that matches by id', model(), { search: 'GRIND-' }, true],
  ['a model that does not match', model(), { search: 'crush' }, false],
  ['a model that is not a favorite', model(), { favorites: true }, false],
  ['a model without known image input', model(), { takes: 'image' }, false],
  [
    'a model with image input',
    model({ profile: { modalities: { input: ['text', 'image'] } } }),
    { takes: 'image' },
    true,
  ],
] as const) {
  test(`${isShown ? 'lists' : 'hides'} ${about}`, () => {
    assert.equal(isListed(listed, filters), isShown)
  })
}

test('sorts the default first, then favorites, then by provider and name', () => {
  const names = [
    model({ display_name: 'D', provider_name: 'B' }),
    model({ display_name: 'C', provider_name: 'A' }),
    model({ display_name: 'B', is_favorite: true }),
    model({ display_name: 'A', is_default: true }),
  ].sort(byRank)
  assert.deepEqual(
    names.map(({ display_name }) => display_name),
    ['A', 'B', 'C', 'D'],
  )
})

test('summarizes a profile', () => {
  const profile = {
    modalities: { input: ['text', 'image'], output: ['text'] },
    ...{ reasoning: true, tool_call: true },
  } as unknown as ModelProfile
  assert.deepEqual([1_048_576, 65_536, undefined].map(tokensOf), ['1M', '65.5K', ''])
  assert.deepEqual([0, 0.25, 15, undefined].map(priceOf), ['$0', '$0.25', '$15', '–'])
  assert.equal(abilitiesOf(profile), 'image, reasoning, tools')
  assert.equal(abilitiesOf(undefined), '')
})
