import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventTypes } from '@outlast/contract'
import { startServer } from '../../test/server.ts'

const folder = new URL('../../page/', import.meta.url)

test('the first page is HTML that runs no inline code', async (t) => {
  const { call } = await startServer(t)
  const { status, headers, body } = await call('GET', '/')
  assert.equal(status, 200)
  assert.equal(headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  const policy = headers.get('content-security-policy')?.split('; ')
  assert.deepEqual(policy, [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ])
  assert.doesNotMatch(body, /<style|\sstyle=|\son\w+=|javascript:/i)
  for (const [, content] of body.matchAll(/<script[^>]*>(.*?)<\/script>/gs)) {
    assert.equal(content, '')
  }
})

test('every file of the page is served, with its type and the same policy', async (t) => {
  const { call } = await startServer(t)
  const types: Record<string, string> = {
    html: 'text/html; charset=utf-8',
    css: 'text/css; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    svg: 'image/svg+xml; charset=utf-8',
  }
  const page = await call('GET', '/')
  for (const file of readdirSync(folder)) {
    const path = file === 'index.html' ? '/' : `/${file}`
    const { status, headers, body } = await call('GET', path)
    assert.equal(status, 200, path)
    assert.equal(headers.get('content-type'), types[file.split('.').at(-1)!], path)
    const policy = headers.get('content-security-policy')
    assert.equal(policy, page.headers.get('content-security-policy'), path)
    assert.equal(body, readFileSync(new URL(file, folder), 'utf8'), path)
  }
})

test('whatever the page refers to exists', async (t) => {
  const { call } = await startServer(t)
  const page = await call('GET', '/')
  const scripts = readdirSync(folder).filter((file) => file.endsWith('.js'))
  const imported = scripts.flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8')
    return [...text.matchAll(/from '\.(\/[^']+)'/g)].map(([, path]) => path!)
  })
  const linked = [...page.body.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path!)
  assert.ok(imported.length > 3 && linked.includes('/docs'))
  for (const path of new Set([...linked, ...imported])) {
    const { status } = await call('GET', path)
    assert.ok(status === 200 || (path === '/docs' && status < 400), `${path}: ${status}`)
  }
})

test('HEAD answers as GET does, without the body; other methods are refused', async (t) => {
  const { call } = await startServer(t)
  const got = await call('GET', '/')
  const head = await call('HEAD', '/')
  assert.equal(head.status, 200)
  assert.equal(head.body, '')
  for (const name of ['content-type', 'content-security-policy']) {
    assert.equal(head.headers.get(name), got.headers.get(name))
  }
  assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(got.body)))
  const posted = await call('POST', '/', {})
  assert.equal(posted.status, 405)
})

test('the page listens to every type of event', () => {
  const text = readFileSync(new URL('stream.js', folder), 'utf8')
  const listed = text.slice(text.indexOf('['), text.indexOf(']')).match(/[a-z]+(?:\.[a-z_]+)+/g)
  assert.deepEqual(listed?.sort(), [...eventTypes].sort())
})
