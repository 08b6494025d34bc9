import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startServer } from '../../../../test/server.ts'

const folder = new URL('../../../../../console/dist/', import.meta.url)

const files = () =>
  readdirSync(folder, { recursive: true })
    .map((file) => String(file).replaceAll('\\', '/'))
    .filter((file) => /\.(js|css|svg|woff2)$/.test(file))

test('the console is HTML that runs no inline code', async (t) => {
  const { call } = await startServer(t)
  const { status, headers, body } = await call('GET', '/')
  assert.equal(status, 200)
  assert.equal(headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  const policy = headers.get('content-security-policy')!.split('; ')
  const [nonce] = policy.flatMap((rule) => rule.match(/'nonce-([\w-]{22})'/)?.[1] ?? [])
  assert.deepEqual(policy, [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data: blob: https:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ])
  assert.doesNotMatch(body, /<style|\sstyle=|\son\w+=|javascript:/i)
  for (const [, content] of body.matchAll(/<script[^>]*>(.*?)<\/script>/gs)) {
    assert.equal(content, '')
  }
})

test('each answer has a nonce of its own, at every screen, and none is kept by a cache', async (t) => {
  const { call } = await startServer(t)
  const paths = ['/', '/', '/sessions/session_0', '/agents', '/operations', '/settings/keys']
  const policies = new Set<string | null>()
  for (const path of paths) {
    const { status, headers } = await call('GET', path)
    assert.equal(status, 200, path)
    assert.equal(headers.get('cache-control'), 'no-store', path)
    policies.add(headers.get('content-security-policy'))
  }
  assert.equal(policies.size, paths.length)
})

test('every file of the console is served as it was built, with its type', async (t) => {
  const { call } = await startServer(t)
  const types: Record<string, string> = {
    css: 'text/css; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    svg: 'image/svg+xml; charset=utf-8',
    woff2: 'font/woff2',
  }
  assert.ok(files().length > 3)
  for (const file of files()) {
    const { status, headers, body } = await call('GET', `/${file}`)
    assert.equal(status, 200, file)
    assert.equal(headers.get('content-type'), types[file.split('.').at(-1)!], file)
    assert.equal(headers.get('x-content-type-options'), 'nosniff', file)
    if (!file.endsWith('.woff2')) {
      assert.equal(body, readFileSync(new URL(file, folder), 'utf8'), file)
    }
  }
})

test('every file that the page refers to exists', async (t) => {
  const { call } = await startServer(t)
  const page = await call('GET', '/')
  const linked = [...page.body.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path!)
  assert.ok(linked.some((path) => path.endsWith('.js')))
  for (const path of new Set(linked)) {
    const { status } = await call('GET', path)
    assert.equal(status, 200, path)
  }
})

test('HEAD answers as GET does, without the body; other methods are refused', async (t) => {
  const { call } = await startServer(t)
  const got = await call('GET', '/')
  const head = await call('HEAD', '/')
  assert.equal(head.status, 200)
  assert.equal(head.body, '')
  assert.equal(head.headers.get('content-type'), got.headers.get('content-type'))
  assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(got.body)))
  const posted = await call('POST', '/', {})
  assert.equal(posted.status, 405)
})
