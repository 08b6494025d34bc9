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

test('metrics count the requests for all assets as those of one route', async (t) => {
  const { call } = await startServer(t)
  const assets = files().filter((file) => file.startsWith('assets/'))
  for (const file of assets.slice(0, 3)) await call('GET', `/${file}`)
  const { body } = await call('GET', '/metrics')
  const counted = [
    ...body.matchAll(/^outlast_http_requests_total\{.*route="(\/assets[^"]*)".* (\d+)/gm),
  ]
  assert.deepEqual(
    counted.map(([, route, count]) => [route, count]),
    [['/assets/:file', '3']],
  )
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

const unknown = ['/nope', '/agent/x', '/v/agents', '/agents.html', '/sessionsx', '/a/b/c?d=e']

test('an unknown address opened by a browser is the page of the console with status 404', async (t) => {
  const { call } = await startServer(t)
  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
  const known = await call('GET', '/')
  const withoutNonce = (body: string) => body.replaceAll(/"[\w-]{22}"/g, '')
  for (const path of unknown) {
    const { status, headers, body } = await call('GET', path, undefined, { accept })
    assert.equal(status, 404, path)
    assert.equal(headers.get('content-type'), 'text/html; charset=utf-8', path)
    assert.equal(headers.get('cache-control'), 'no-store', path)
    assert.match(headers.get('content-security-policy')!, /script-src 'self'/)
    assert.equal(withoutNonce(body), withoutNonce(known.body), path)
  }
})

test('an unknown address is JSON for programs, and below their paths for browsers too', async (t) => {
  const { call } = await startServer(t)
  const asJson = async (method: string, path: string, accept: string) => {
    const { status, headers, body } = await call(method, path, undefined, { accept })
    assert.equal(status, 404, `${method} ${path} ${accept}`)
    assert.match(headers.get('content-type')!, /^application\/(?:problem\+)?json/, path)
    const { code } = path.startsWith('/openai/') ? body.error : body
    assert.match(code, /not_found$/, path)
  }
  for (const path of unknown) {
    for (const accept of ['*/*', 'application/json', '', 'text/htmlx', 'image/*']) {
      await asJson('GET', path, accept)
    }
    await asJson('POST', path, 'text/html')
    await asJson('DELETE', path, 'text/html')
  }
  const below = ['/v1/nope', '/v2', '/V1/agents/x/y', '/openai/v1/nope', '/mcp', '/health/nope']
  const others = ['/metrics/x', '/api/x', '/api/v1/nope', '/api-doc/x', '/assets/x.js', '/docs/x']
  for (const path of [...below, ...others]) await asJson('GET', path, 'text/html')
})

test('a worker has no page for unknown addresses', async (t) => {
  const { call } = await startServer(t, { env: { ROLE: 'worker' } })
  const { status, body } = await call('GET', '/nope', undefined, { accept: 'text/html' })
  assert.deepEqual([status, body.code], [404, 'route_not_found'])
})
