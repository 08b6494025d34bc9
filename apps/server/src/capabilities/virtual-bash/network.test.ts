import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAllowed } from './network.ts'

test('a host is allowed by its name, or as one below a name', () => {
  const hosts = ['api.example.com', '*.Example.org']
  for (const host of ['api.example.com', 'API.example.com', 'a.example.org', 'a.b.example.org']) {
    assert.ok(isAllowed(host, hosts), host)
  }
  for (const host of [
    'example.com',
    'x.api.example.com',
    'api.example.com.evil.net',
    'example.org',
    'evilexample.org',
    '127.0.0.1',
    '',
  ]) {
    assert.ok(!isAllowed(host, hosts), host)
  }
})
