import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropExpired, findUnexpired } from './expired-entries.ts'

test('a cache of credentials drops expired ones, also behind one that never expires', () => {
  const cache = new Map([['key', { expiresAt: Number.POSITIVE_INFINITY }]])
  for (let now = 0; now < 1_000; now += 1) {
    dropExpired(cache, now)
    cache.set(`token ${now}`, { expiresAt: now + 10 })
  }
  assert.ok(cache.has('key'))
  assert.ok(cache.has('token 999'))
  assert.ok(cache.size <= 20, `it has ${cache.size} entries`)
})

test('an expired credential is dropped when it is used', () => {
  const cache = new Map([['token', { expiresAt: 10 }]])
  assert.deepEqual(findUnexpired(cache, 'token', 9), { expiresAt: 10 })
  assert.equal(findUnexpired(cache, 'token', 10), undefined)
  assert.equal(cache.size, 0)
})
