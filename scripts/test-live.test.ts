import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { liveVendors } from '../test/live/vendors.ts'

test('without a key the providers’ suite lists the variables that it needs, and fails', () => {
  const script = fileURLToPath(new URL('test-live.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', env: {} })
  assert.equal(status, 1)
  for (const name of ['OPENAI_API_KEY', 'GEMINI_API_KEY', 'AZURE_OPENAI_DEPLOYMENT']) {
    assert.match(stderr, new RegExp(name))
  }
})

test('a provider takes part when all of its variables are set', () => {
  assert.deepEqual(
    liveVendors({
      GEMINI_API_KEY: 'key-1',
      LIVE_GOOGLE_MODEL: 'gemini-x',
      AZURE_OPENAI_API_KEY: 'key-2',
      OPENAI_API_KEY: '',
      OPENAI_COMPATIBLE_BASE_URL: 'http://127.0.0.1:11434/v1',
      OPENAI_COMPATIBLE_MODEL: 'qwen3:8b',
    }),
    [
      { type: 'google', model_id: 'gemini-x', api_key: 'key-1' },
      {
        type: 'openai_completions',
        base_url: 'http://127.0.0.1:11434/v1',
        model_id: 'qwen3:8b',
      },
    ],
  )
})
