import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkAccess } from '@outlast/contract'
import { oddEntry, permits, widerEntry } from './network-access.ts'

const permitted = (access: NetworkAccess, ...urls: string[]) =>
  urls.filter((url) => permits([access], new URL(url)))

test('an empty list permits every host', () => {
  const urls = ['http://example.com/', 'https://192.0.2.1/']
  for (const access of [{}, { allowed: [] }, { allowed: null, blocked: [] }]) {
    assert.deepEqual(permitted(access, ...urls), urls)
  }
})

test('a host permits itself in every form of a URL, and no lookalike', () => {
  const own = [
    'http://example.com/',
    'https://EXAMPLE.com:8443/a?b#c',
    'https://example.com./',
    'https://ex%61mple.com/',
    'https://example。com/',
  ]
  const others = [
    'https://notexample.com/',
    'https://example.com.evil.org/',
    'https://www.example.com/',
    'https://example.com@evil.org/',
    'https://evil.org/example.com',
    'https://evil.org/?example.com#example.com',
    'https://examp1e.com/',
    'https://exаmple.com/',
    'https://192.0.2.1/',
  ]
  assert.deepEqual(permitted({ allowed: ['example.com'] }, ...own, ...others), own)
  assert.deepEqual(permitted({ allowed: ['EXAMPLE.com.'] }, ...own, ...others), own)
})

test('a wildcard permits hosts below, and not the host itself', () => {
  const own = ['http://a.example.com/', 'http://a.b.example.com./']
  const others = ['http://example.com/', 'http://aexample.com/', 'http://example.com.a/']
  assert.deepEqual(permitted({ allowed: ['*.example.com'] }, ...own, ...others), own)
})

test('international names and addresses are compared in the form of URLs', () => {
  const names = ['http://bücher.example/', 'http://xn--bcher-kva.example/']
  assert.deepEqual(permitted({ allowed: ['Bücher.example'] }, ...names), names)
  const addresses = ['http://192.0.2.1/', 'http://0xc0000201/', 'http://3221225985./']
  assert.deepEqual(permitted({ allowed: ['192.0.2.1'] }, ...addresses), addresses)
  assert.deepEqual(permitted({ blocked: ['192.0.2.1'] }, ...addresses), [])
  assert.deepEqual(permitted({ allowed: ['[2001:db8::1]'] }, 'http://[2001:DB8:0::1]/'), [
    'http://[2001:DB8:0::1]/',
  ])
})

test('a path permits the paths below it, however a server reads the URL', () => {
  const at = (path: string) => `http://example.com${path}`
  const own = ['/api', '/api/', '/api/a', '/api/a/../b', '/api/a%2fb', '/api/?x=/..', '/api/%ff']
  const others = [
    '/',
    '/apis',
    '/API',
    '//api',
    '/api/../admin',
    '/api/%2e%2e/admin',
    '/api/..%2fadmin',
    '/api/..%5cadmin',
    '/api/..%252fadmin',
    '/api/%25252e%25252e/admin',
    '/api/..;/admin',
    '/api/..;a=b/admin',
    '/%61pi',
    '/%2561pi',
  ]
  const urls = [...own, ...others].map(at)
  assert.deepEqual(permitted({ allowed: ['example.com/api'] }, ...urls), own.map(at))
  assert.deepEqual(permitted({ allowed: ['example.com/api/'] }, ...urls), own.map(at))
  const cafe = ['/café/a', '/caf%C3%A9'].map(at)
  assert.deepEqual(permitted({ allowed: ['example.com/café'] }, ...cafe), cafe)
})

test('a blocked entry has precedence, however the URL is written', () => {
  const access = { allowed: ['example.com'], blocked: ['example.com/admin', '*.example.com'] }
  const refused = [
    '/admin',
    '/Admin/x',
    '//admin',
    '/./admin',
    '/%61dmin',
    '/%2561dmin',
    '/x/..%2fadmin',
    '/x/..;/admin',
    '/admin/..;/x',
    '/admin;a=b',
  ]
  assert.deepEqual(permitted(access, ...refused.map((path) => `http://example.com${path}`)), [])
  assert.deepEqual(permitted(access, 'http://example.com./admin', 'http://a.example.com/'), [])
  const fine = ['http://example.com/', 'http://example.com/administrator']
  assert.deepEqual(permitted(access, ...fine), fine)
})

test('every list must permit a URL', () => {
  const url = new URL('http://a.example.com/')
  assert.ok(permits([{ allowed: ['*.example.com'] }, { allowed: ['a.example.com'] }], url))
  assert.ok(!permits([{ allowed: ['*.example.com'] }, { allowed: ['b.example.com'] }], url))
  assert.ok(!permits([{ blocked: ['a.example.com'] }, {}], url))
})

test('a text that is no entry is found', () => {
  const odd = [
    '*',
    '*.',
    '.',
    'http://example.com',
    'example.com:80',
    'a b',
    'me@example.com',
    '*.*.com',
    'a.*.com',
    'example.com?x',
    'example.com#x',
    'exa%6dple.com',
    '\\\\example.com',
    'example.com\n',
  ]
  for (const text of odd) {
    assert.equal(oddEntry({ allowed: ['example.com', text] }), 'allowed/1', text)
    assert.equal(oddEntry({ blocked: [text] }), 'blocked/0', text)
    assert.ok(!permits([{ allowed: [text] }], new URL('http://example.com/')), text)
  }
  assert.equal(oddEntry({ allowed: ['a.b', '*.a.b/c', '[::1]', 'bücher.example'] }), undefined)
})

test('a session may name parts of the entries of its agent', () => {
  const wider = (agent: string[], ...session: string[]) =>
    widerEntry({ allowed: agent }, { allowed: session })
  assert.equal(wider(['*.a.b/c'], 'x.a.b/c', '*.a.b/c/d', '*.x.a.b/c'), undefined)
  assert.equal(wider(['*.a.b/c'], 'x.a.b/c', 'x.a.b'), 'allowed/1')
  assert.equal(wider(['a.b'], '*.a.b'), 'allowed/0')
  assert.equal(wider(['*.a.b'], 'a.b'), 'allowed/0')
  assert.equal(wider(['a.b/c'], 'a.b/c/../d'), 'allowed/0')
  assert.equal(wider(['a.b/c'], 'a.b/c/..%2fd'), 'allowed/0')
  assert.equal(wider([], 'a.b'), undefined)
})

test('a long URL against long lists takes little work', () => {
  const many = Array.from({ length: 200 }, (_, n) => `example.com/${'a/'.repeat(400)}${n}`)
  const url = new URL(`http://example.com/${'%25'.repeat(2_500)}${'../'.repeat(500)}`)
  assert.ok(!permits([{ allowed: many, blocked: many }], url))
})
