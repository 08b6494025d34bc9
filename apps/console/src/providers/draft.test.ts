import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Provider, ProviderType } from '@outlast/sdk'
import { movesFrom, providerBody, providerDraft } from './draft.ts'
import { vendorOf, vendors } from './vendors.ts'

const stored = (provider_type: ProviderType, base_url?: string) =>
  ({ id: 'p', name: 'Mine', provider_type, ...(base_url && { base_url }) }) as Provider

for (const { type, label } of vendors) {
  test(`omits empty fields of a provider of type ${type}`, () => {
    const draft = { ...providerDraft(undefined), provider_type: type }
    assert.deepEqual(providerBody(draft), { name: label, provider_type: type })
    const filled = { ...draft, name: ' Mine ', base_url: ' https://example.com ', api_key: 'k' }
    assert.deepEqual(providerBody(filled), {
      ...{ name: 'Mine', provider_type: type, base_url: 'https://example.com', api_key: 'k' },
    })
  })
}

test('the form does not contain the stored key', () => {
  const draft = providerDraft({ ...stored('openai'), api_key_set: true } as Provider)
  assert.equal(draft.api_key, '')
})

for (const [from, provider_type, base_url, moves] of [
  [stored('openai'), 'openai', '', false],
  [stored('openai'), 'anthropic', '', true],
  [stored('openai'), 'openai', 'https://proxy.example.com', true],
  [stored('openai', 'https://a.example.com/v1'), 'openai', 'https://a.example.com/v2', false],
  [stored('openai', 'https://a.example.com'), 'openai', 'https://b.example.com', true],
  [stored('openai', 'https://a.example.com'), 'anthropic', ' ', false],
] as const) {
  test(`${moves ? 'moves' : 'keeps'} the address from ${from.base_url ?? from.provider_type} to ${base_url || provider_type}`, () => {
    assert.equal(movesFrom(from, { provider_type, base_url }), moves)
  })
}

test('an unknown provider type is shown by its name', () => {
  assert.equal(vendorOf('oracle' as ProviderType).label, 'oracle')
})
