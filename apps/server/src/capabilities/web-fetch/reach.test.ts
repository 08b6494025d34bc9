import assert from 'node:assert/strict'
import { createServer as createSecure } from 'node:https'
import { createServer, type Server as RawServer } from 'node:net'
import os from 'node:os'
import { type TestContext, test } from 'node:test'
import { reservePort } from '../../../../../test/ports.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { selfSigned } from '../../../test/remotes/certificate.ts'
import { fetchInTurn, startFetching } from '../../../test/remotes/fetching.ts'
import { page, redirect, startSite } from '../../../test/remotes/site.ts'
import { startServer } from '../../../test/server.ts'

type Server = Awaited<ReturnType<typeof startFetching>>
type Site = Awaited<ReturnType<typeof startSite>>

let server: Server
let site: Site
let inside: Site

beforeAll(async (t) => {
  server = await startFetching(t as TestContext)
  inside = await startSite(t as TestContext, { '/': page('secret') }, '127.0.0.2')
  const steps = Array.from({ length: 30 }, (_, n) => [
    `/step/${n}`,
    redirect(`/step/${n + 1}`, 307),
  ])
  site = await startSite(t as TestContext, {
    '/end': page('the end', { 'content-type': 'text/plain' }),
    '/once': redirect('end'),
    '/twice': redirect('/once', 301),
    '/round': redirect('/about', 308),
    '/about': redirect('/round#again', 303),
    '/itself': redirect('/itself'),
    '/inside': redirect(inside.url),
    '/mapped': redirect('http://[::ffff:7f00:2]/'),
    '/metadata': redirect('http://169.254.169.254/latest/meta-data/'),
    '/file': redirect('file:///etc/passwd'),
    '/signed': redirect('http://me:secret@127.0.0.1/'),
    '/nonsense': redirect('http://[oops'),
    '/nowhere': (_, response) => response.writeHead(302).end('stay'),
    ...Object.fromEntries(steps),
  })
})

async function errorsOf(t: TestContext, at: Server, config: object, urls: string[]) {
  const outcomes = await fetchInTurn(t, { server: at, config }, ...urls.map((url) => ({ url })))
  for (const [n, { result }] of outcomes.entries()) assert.equal(result, undefined, urls[n])
  return outcomes.map(({ error }) => error!)
}

test('follows and reports redirects', async (t) => {
  const [twice, nowhere] = await fetchInTurn(
    t,
    { server },
    { url: `${site.url}/twice` },
    { url: `${site.url}/nowhere` },
  )
  assert.equal(twice!.result.content, 'the end')
  assert.equal(twice!.result.url, `${site.url}/twice`)
  assert.equal(twice!.result.redirected_to, `${site.url}/end`)
  assert.equal(nowhere!.result.status_code, 302)
  assert.equal(nowhere!.result.redirected_to, undefined)
})

test('stops at circular and endless redirects', async (t) => {
  const errors = await errorsOf(
    t,
    server,
    {},
    ['/round', '/itself', '/step/0'].map((path) => site.url + path),
  )
  assert.equal(errors[0], `The page redirects in a circle, back to ${site.url}/round#again.`)
  assert.equal(errors[1], `The page redirects in a circle, back to ${site.url}/itself.`)
  assert.match(errors[2]!, /redirects are limited to 5/)
  const steps = site.asked.filter(({ url }) => url!.startsWith('/step/'))
  assert.equal(steps.length, 6)
})

test('redirects_max limits the redirects', async (t) => {
  const [none] = await errorsOf(t, server, { redirects_max: 0 }, [`${site.url}/once`])
  assert.match(
    none!,
    new RegExp(`redirects once more, to ${site.url}/end; redirects are limited to 0`),
  )
  const [one] = await errorsOf(t, server, { redirects_max: 1 }, [`${site.url}/twice`])
  assert.match(one!, /redirects are limited to 1/)
  const config = { redirects_max: 2 }
  const [two] = await fetchInTurn(t, { server, config }, { url: `${site.url}/twice` })
  assert.equal(two!.result.content, 'the end')
})

test('refuses redirects to private addresses, other protocols, and URLs with a password', async (t) => {
  const paths = ['/inside', '/mapped', '/metadata', '/file', '/signed', '/nonsense']
  const errors = await errorsOf(
    t,
    server,
    {},
    paths.map((path) => site.url + path),
  )
  assert.equal(errors[0], '127.0.0.2 is not on the public internet and is not allowed.')
  assert.equal(errors[1], '[::ffff:7f00:2] is not on the public internet and is not allowed.')
  assert.match(errors[2]!, /^169\.254\.169\.254 is not on the public internet/)
  assert.match(errors[3]!, /must begin with http/)
  assert.match(errors[4]!, /with a user or a password/)
  assert.match(errors[5]!, /an invalid URL/)
  assert.equal(inside.asked.length, 0)
})

const privatePlaces = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://0.0.0.0/',
  'http://0/',
  'http://10.0.0.8/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://100.64.0.1/',
  'http://100.100.100.200/latest/meta-data/',
  'http://169.254.169.254/latest/meta-data/',
  'http://168.63.129.16/machine',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[64:ff9b:1::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://[ff02::1]/',
  'http://localhost/',
  'http://LOCALHOST./',
  `http://${os.hostname()}/`,
  'https://127.0.0.1/',
]

test('fetches nothing of the private network under any name', async (t) => {
  const guarded = await startServer(t)
  // Only the operator can open private addresses.
  for (const config of [{}, { allowed_domains: ['127.0.0.1', 'localhost', '[::1]'] }]) {
    const places = [site.url, inside.url, ...privatePlaces]
    const errors = await errorsOf(t, guarded, config, places)
    for (const [at, error] of errors.entries()) {
      assert.match(error, /is not on the public internet|is not an allowed host/, places[at])
    }
  }
  assert.equal(inside.asked.length, 0)
})

test('refuses invalid URLs, other protocols and URLs with a password', async (t) => {
  const cases: [string, RegExp][] = [
    ['127.0.0.1/end', /must be complete and begin with http/],
    ['//127.0.0.1/end', /must be complete/],
    ['ftp://127.0.0.1/', /ftp: is not supported/],
    ['file:///etc/passwd', /file: is not supported/],
    ['data:text/plain,x', /data: is not supported/],
    ['javascript:alert(1)', /javascript: is not supported/],
    ['http://user:secret@127.0.0.1/', /must not contain a user or a password/],
    ['http://user@127.0.0.1/', /must not contain a user or a password/],
    ['http://', /must be complete/],
  ]
  const errors = await errorsOf(
    t,
    server,
    {},
    cases.map(([url]) => url),
  )
  for (const [at, error] of errors.entries()) assert.match(error, cases[at]![1])
})

test('allowed_domains and blocked_domains apply to redirects too', async (t) => {
  const elsewhere = { allowed_domains: ['example.com', '*.example.org'] }
  const urls = [`${site.url}/end`, 'http://www.example.com/', 'http://example.org/']
  for (const error of await errorsOf(t, server, elsewhere, urls)) {
    assert.match(error, /is not an allowed host/)
  }
  const here = { allowed_domains: ['127.0.0.1'] }
  const [end] = await fetchInTurn(t, { server, config: here }, { url: `${site.url}/end` })
  assert.equal(end!.result.content, 'the end')
  const [left] = await errorsOf(t, server, here, [`${site.url}/inside`])
  assert.equal(left, '127.0.0.2 is not an allowed host.')
  const both = { allowed_domains: ['127.0.0.1'], blocked_domains: ['127.0.0.1'] }
  const [blocked] = await errorsOf(t, server, both, [`${site.url}/end`])
  assert.match(blocked!, /is not an allowed host/)
})

test('an entry covers a host in any spelling; a star covers hosts below it only', async (t) => {
  const config = { allowed_domains: ['*.Below.invalid', 'Вікно.invalid', '127.0.0.1'] }
  const open = ['http://a.below.invalid/', 'http://a.b.BELOW.invalid./', 'http://вікно.invalid/']
  for (const error of await errorsOf(t, server, config, open)) {
    assert.match(error, /is an unknown host name|cannot be resolved/)
  }
  const shut = ['http://below.invalid/', 'http://notbelow.invalid/', 'http://x.вікно.invalid/']
  for (const error of await errorsOf(t, server, config, shut)) {
    assert.match(error, /is not an allowed host/)
  }
})

test('refuses an entry that is not a host with its path', async () => {
  const wrong = ['http://example.com', 'example.com/x', 'example.com:80', '*', '*.*.com', 'a b', '']
  for (const [at, entry] of wrong.entries()) {
    const fine = Array.from({ length: at }, () => 'пример.укр')
    const config = { blocked_domains: [...fine, entry] }
    const fields = { name: 'A', system_prompt: 'x', capabilities: [{ ref: 'web_fetch', config }] }
    const { status, body } = await server.call('POST', '/v1/agents', fields)
    assert.equal(status, 400, entry)
    assert.equal(body.details[0].path, `capabilities/0/config/blocked_domains/${at}`)
    assert.match(body.details[0].message, /must be a domain such as example.com/)
  }
})

async function listen(t: TestContext, raw: RawServer): Promise<string> {
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve))
  t.after(() => raw.close())
  return `http://127.0.0.1:${(raw.address() as { port: number }).port}/`
}

/** Opens a port that answers every request with these bytes and hangs up. */
const startRaw = (t: TestContext, answer: string) =>
  listen(
    t,
    createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    }),
  )

const closedPort = async () => `http://127.0.0.1:${await reservePort()}`

test('describes a network failure in one plain sentence', async (t) => {
  const silent = await startRaw(t, '')
  const garbled = await startRaw(t, 'HELLO THERE\r\n\r\n')
  const boastful = await startRaw(t, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`)
  const unvouched = await listen(t, createSecure(selfSigned))
  const errors = await errorsOf(t, server, {}, [
    silent,
    garbled,
    boastful,
    silent.replace('http:', 'https:'),
    'http://127.0.0.1:1/',
    await closedPort(),
    'http://nobody.invalid/',
    unvouched.replace('http:', 'https:'),
  ])
  assert.equal(errors[0], '127.0.0.1 closed the connection without a response.')
  assert.equal(errors[1], '127.0.0.1 sent a response that is not valid HTTP.')
  assert.equal(errors[2], '127.0.0.1 sends headers that are too large.')
  assert.match(errors[3]!, /^127\.0\.0\.1 (does not speak TLS there|closed the connection)/)
  assert.equal(errors[4], '127.0.0.1 cannot be fetched on that port.')
  assert.equal(errors[5], '127.0.0.1 refuses the connection.')
  assert.match(errors[6]!, /^nobody\.invalid (is an unknown host name|cannot be resolved)/)
  assert.equal(errors[7], '127.0.0.1 has a certificate of an unknown authority.')
})
