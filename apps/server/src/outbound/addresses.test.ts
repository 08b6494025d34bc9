import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ProviderType } from '@outlast/contract'
import { beforeAll } from '../../test/hooks.ts'
import { type AnyVendor, sendJson, startAnyVendor } from '../../test/remotes/any-vendor.ts'
import { providers } from '../providers/index.ts'

let vendor: AnyVendor

beforeAll(async (t) => {
  vendor = await startAnyVendor(t as TestContext, (_, response) => sendJson(response, {}, 400))
})

/** Calls a model of a provider at `baseUrl`; returns the requested URL and headers. */
async function askAt(type: ProviderType, baseUrl: string) {
  const model = await providers[type].model({ apiKey: 'the-key', baseUrl }, 'some-model')
  vendor.asked.length = 0
  const content = [{ type: 'text' as const, text: 'Hello' }]
  await assert.rejects(async () => model.doStream({ prompt: [{ role: 'user', content }] }))
  return vendor.asked[0]!
}

const forms: Record<Exclude<ProviderType, 'llmsim'>, [given: string, asked: string][]> = {
  openai: [
    ['/v1', '/v1/responses'],
    ['/v1/', '/v1/responses'],
    ['/v1/responses', '/v1/responses'],
    ['/v1//responses/', '/v1/responses'],
    ['', '/v1/responses'],
    ['/gateway', '/gateway/responses'],
  ],
  openai_completions: [
    ['/v1', '/v1/chat/completions'],
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/api/v1/chat/completions/', '/api/v1/chat/completions'],
    ['', '/chat/completions'],
  ],
  anthropic: [
    ['/v1', '/v1/messages'],
    ['/v1/messages', '/v1/messages'],
    ['/', '/v1/messages'],
    ['/anthropic/v1', '/anthropic/v1/messages'],
  ],
  google: [
    '/v1beta',
    '/v1beta/',
    '/v1beta/models',
    '/v1beta/models/gemini-2.5-pro:streamGenerateContent',
    '/v1beta/models/gemini-2.5-pro:generateContent',
    '',
  ].map((given) => [given, '/v1beta/models/some-model:streamGenerateContent?alt=sse']),
  azure_openai: [
    ['', '/openai/v1/responses'],
    ['/', '/openai/v1/responses'],
    ['/openai', '/openai/v1/responses'],
    ['/openai/v1/', '/openai/v1/responses'],
    ['/openai/v1/responses', '/openai/v1/responses'],
    ['/openai/responses?api-version=2025-04-01-preview', '/openai/v1/responses'],
    ['/openai/v1/chat/completions', '/openai/v1/chat/completions'],
    ['/team/openai', '/team/openai/v1/responses'],
    ['/api/projects/mine', '/api/projects/mine/openai/v1/responses'],
    [
      '/openai/deployments/other/chat/completions?api-version=2024-06-01',
      '/openai/deployments/some-model/chat/completions?api-version=2024-06-01',
    ],
    [
      '/openai/deployments/other',
      '/openai/deployments/some-model/chat/completions?api-version=2024-10-21',
    ],
  ],
}

const keyHeaders: Record<keyof typeof forms, [name: string, value: string]> = {
  openai: ['authorization', 'Bearer the-key'],
  openai_completions: ['authorization', 'Bearer the-key'],
  anthropic: ['x-api-key', 'the-key'],
  google: ['x-goog-api-key', 'the-key'],
  azure_openai: ['api-key', 'the-key'],
}

for (const [type, list] of Object.entries(forms) as [keyof typeof forms, [string, string][]][]) {
  test(`${type}: accepts the base URL, the endpoint URL and common spellings`, async () => {
    for (const [given, expected] of list) {
      const { url, headers } = await askAt(type, vendor.url + given)
      assert.equal(url, expected, given)
      const [name, value] = keyHeaders[type]
      assert.equal(headers[name], value)
    }
  })
}

test('azure_openai: the SDK adds nothing to an Azure URL that it already has', async () => {
  const host = 'https://res.openai.azure.com'
  const version = '?api-version=2024-06-01'
  const forms: [given: string, asked: string][] = [
    [host, `${host}/openai/v1/responses`],
    [`${host}/openai/v1/`, `${host}/openai/v1/responses`],
    [`${host}/openai/v1/chat/completions`, `${host}/openai/v1/chat/completions`],
    [
      `${host}/openai/deployments/x/chat/completions${version}`,
      `${host}/openai/deployments/some-model/chat/completions${version}`,
    ],
  ]
  for (const [baseUrl, expected] of forms) {
    const urls: string[] = []
    const fetch = async (url: unknown) => {
      urls.push(String(url))
      return new Response('{}', { status: 400 })
    }
    const connection = { apiKey: 'key', baseUrl, fetch: fetch as typeof globalThis.fetch }
    const model = await providers.azure_openai.model(connection, 'some-model')
    const content = [{ type: 'text' as const, text: 'Hello' }]
    await assert.rejects(async () => model.doStream({ prompt: [{ role: 'user', content }] }))
    assert.deepEqual(urls, [expected])
  }
})
