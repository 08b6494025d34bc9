import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStoredTexts } from './stored-texts.ts'

const body = 'x'.repeat(1_000_000)

test('remembers the latest texts, up to a number and up to a sum of their lengths', () => {
  const texts = createStoredTexts()
  const remember = (hash: string, body: string) =>
    texts.remember('org', [{ hash, body }], { since: texts.epoch(), storedAt: Date.now() })
  const remembered = (name: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${name}${at}`).filter((hash) =>
      texts.isStored('org', hash),
    )
  for (let at = 0; at < 600; at++) remember(`short${at}`, 'x')
  assert.equal(remembered('short', 600).length, 500)
  for (let at = 0; at < 40; at++) remember(`long${at % 20}`, body)
  assert.deepEqual(
    remembered('long', 20),
    Array.from({ length: 16 }, (_, at) => `long${at + 4}`),
  )
  assert.deepEqual(remembered('short', 600), [])
  texts.forget()
  remember('long0', body)
  assert.equal(texts.bodyOf('org', 'long0'), body)
})
