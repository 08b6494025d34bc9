import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ProviderType } from '@outlast/contract'
import { Compile } from 'typebox/compile'
import { type Catalogue, CatalogueModel, vendors } from './catalogue/form.ts'
import { findProfile, profileOf, profilesOf } from './catalogue.ts'

const text = readFileSync(new URL('../../catalogue/models.json', import.meta.url), 'utf8')
const bundled: Catalogue = JSON.parse(text)

function model(id: string, fields: Partial<CatalogueModel> = {}): CatalogueModel {
  return {
    id,
    name: `The ${id}`,
    attachment: true,
    reasoning: false,
    tool_call: true,
    open_weights: false,
    limit: { context: 1000, output: 100 },
    modalities: { input: ['text', 'image', 'pdf'], output: ['text'] },
    ...fields,
  }
}

function catalogueOf(models: Partial<Record<(typeof vendors)[number], CatalogueModel[]>>) {
  const providers = Object.fromEntries(
    vendors.map((vendor) => [
      vendor,
      { models: Object.fromEntries((models[vendor] ?? []).map((one) => [one.id, one])) },
    ]),
  ) as Catalogue['providers']
  return profilesOf({ date: '2026-01-01', source: 'a test', providers })
}

const profiles = catalogueOf({
  openai: [model('gpt-5'), model('gpt-5-mini'), model('gpt-5.1')],
  anthropic: [model('claude-opus-5'), model('claude-sonnet-4-5'), model('claude-3-5-old-20240620')],
  google: [model('gemini-3-pro')],
})
const nameOf = (type: ProviderType, name: string) => findProfile(profiles, type, name)?.name

test('a name matches the longest model name that it starts with', () => {
  assert.equal(nameOf('openai', 'gpt-5'), 'The gpt-5')
  assert.equal(nameOf('openai', 'gpt-5-2025-08-07'), 'The gpt-5')
  assert.equal(nameOf('openai', 'gpt-5-mini-latest'), 'The gpt-5-mini')
  assert.equal(nameOf('openai', 'gpt-5.1-codex-max'), 'The gpt-5.1')
  assert.equal(nameOf('azure_openai', 'gpt-5-mini-of-our-team'), 'The gpt-5-mini')
  assert.equal(nameOf('google', 'models/gemini-3-pro-preview-09-2026'), 'The gemini-3-pro')
  assert.equal(nameOf('anthropic', 'claude-3-5-old-latest'), 'The claude-3-5-old-20240620')
})

test('a similar name has no profile', () => {
  for (const name of ['gpt-50', 'gpt-5.2', 'gpt', '', '-', 'gpt-4', 'GPT-5', '__proto__']) {
    assert.equal(nameOf('openai', name), undefined, name)
  }
  assert.equal(nameOf('anthropic', 'claude-opus-5-7'), undefined)
  assert.equal(nameOf('anthropic', 'claude-opus-5-7-20270101'), undefined)
  assert.equal(nameOf('anthropic', 'gpt-5'), undefined)
  assert.equal(nameOf('llmsim', 'gpt-5'), undefined)
})

test('a compatible server may offer the models of every vendor, with gateway names', () => {
  assert.equal(nameOf('openai_completions', 'gpt-5'), 'The gpt-5')
  assert.equal(nameOf('openai_completions', 'anthropic/claude-sonnet-4.5'), 'The claude-sonnet-4-5')
  assert.equal(nameOf('openai_completions', 'google/gemini-3-pro'), 'The gemini-3-pro')
  assert.equal(nameOf('openai_completions', 'meta/gpt-5'), undefined)
  assert.equal(nameOf('openai_completions', 'openai/claude-opus-5'), undefined)
  assert.equal(nameOf('openai_completions', 'llama4:scout'), undefined)
})

test('a profile has only data of the catalogue', () => {
  const prices = { input: 1, output: 2, cache_read: 0.5 }
  const { openai } = catalogueOf({
    openai: [
      model('plain'),
      model('two', { cost: { ...prices, context_over_200k: { input: 3, output: 4 } } }),
      model('three', {
        cost: { ...prices, tiers: [{ input: 5, output: 6, tier: { type: 'context', size: 7 } }] },
      }),
    ],
  })
  assert.deepEqual(openai.get('plain'), {
    name: 'The plain',
    family: 'plain',
    attachment: true,
    reasoning: false,
    temperature: false,
    tool_call: true,
    structured_output: false,
    open_weights: false,
    limits: { context: 1000, output: 100 },
    modalities: { input: ['text', 'image'], output: ['text'] },
  })
  const above = [{ above: 200_000, input: 3, output: 4 }]
  assert.deepEqual(openai.get('two')?.cost, { ...prices, tiers: above })
  assert.deepEqual(openai.get('three')?.cost?.tiers, [{ above: 7, input: 5, output: 6 }])
})

test('efforts come from the catalogue, else from a rule, and include a default', () => {
  const effort = (...values: string[]) => [{ type: 'effort', values }]
  const thinks = (id: string, ...values: string[]) =>
    model(id, {
      reasoning: true,
      ...(values.length > 0 && { reasoning_options: effort(...values) }),
    })
  const { openai, anthropic } = catalogueOf({
    openai: [
      thinks('gpt-5.1', 'none', 'low', 'high'),
      thinks('gpt-9', 'max', 'xhigh', 'medium'),
      thinks('gpt-9-pro', 'high'),
      thinks('o9'),
      thinks('unheard-of', 'low'),
      model('gpt-4', { reasoning_options: effort('low') }),
    ],
    anthropic: [thinks('claude-haiku-4-5'), thinks('claude-opus-5-5', 'low', 'high')],
  })
  const told = (of: typeof openai, id: string) => {
    const config = of.get(id)?.reasoning_effort
    return config && [config.default, ...config.values.map(({ value }) => value)]
  }
  assert.deepEqual(told(openai, 'gpt-5.1'), ['none', 'none', 'low', 'high'])
  assert.deepEqual(told(openai, 'gpt-9'), ['medium', 'medium', 'xhigh'])
  assert.deepEqual(told(openai, 'gpt-9-pro'), ['high', 'high'])
  for (const id of ['o9', 'unheard-of', 'gpt-4']) assert.equal(told(openai, id), undefined, id)
  assert.deepEqual(told(anthropic, 'claude-haiku-4-5'), ['none', 'none', 'low', 'medium', 'high'])
  assert.deepEqual(told(anthropic, 'claude-opus-5-5'), ['high', 'low', 'high'])
})

test('the bundled catalogue is valid and small, and covers every vendor', () => {
  assert.ok(text.length < 150_000)
  assert.match(bundled.date, /^\d{4}-\d\d-\d\d$/)
  const form = Compile(CatalogueModel)
  for (const vendor of vendors) {
    const entries = Object.entries(bundled.providers[vendor].models)
    assert.ok(entries.length > 5)
    for (const [id, known] of entries) {
      assert.ok(form.Check(known), id)
      assert.equal(known.id, id)
      assert.equal(profileOf(vendor, id)?.name, known.name)
    }
  }
  const profile = profileOf('openai', 'gpt-4o-2026-01-01')
  assert.deepEqual(profile?.cost, { input: 2.5, output: 10, cache_read: 1.25 })
  assert.deepEqual(profile?.limits, { context: 128_000, output: 16_384 })
})
