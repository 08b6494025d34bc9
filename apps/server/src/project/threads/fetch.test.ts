import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { toolFile } from '../../../test/processes/project-files.ts'
import { startProject } from '../../../test/processes/project-server.ts'
import { page, startSite } from '../../../test/remotes/site.ts'

const open = { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } }
const withUrl = "input: { type: 'object', properties: { url: { type: 'string' } } },"
const fetching = (run: string) =>
  toolFile(`const { fetch } = context; const { url } = input; ${run}`, withUrl)

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk.toString('latin1')
  return text
}

test('a response has its status, headers, address and streamed body', async (t) => {
  let release = () => {}
  const site = await startSite(t, {
    '/': (_, response) => response.writeHead(302, { location: '/end' }).end(),
    '/end': (_, response) => {
      response.writeHead(201, 'Made', { 'x-own': 'yes', 'set-cookie': ['a=1', 'b=2'] })
      response.write('first ')
      release = () => void response.end('last')
    },
    '/more': (_, response) => {
      release()
      response.writeHead(204).end()
    },
    '/big': page(Buffer.alloc(5_000_000, 7)),
  })
  const { openSession } = await startProject(
    t,
    {
      look: fetching(`
        const response = await fetch(url)
        const copy = response.clone()
        const reader = response.body.getReader()
        const first = Buffer.from((await reader.read()).value).toString()
        const empty = await fetch(new URL('/more', url))
        let rest = ''
        for (;;) { const { done, value } = await reader.read(); if (done) break; rest += Buffer.from(value) }
        const big = await (await fetch(url + 'big')).bytes()
        return { ok: response.ok, status: response.status, text: response.statusText, first, rest,
          own: response.headers.get('x-own'), cookies: response.headers.getSetCookie(),
          isResponse: response instanceof Response, path: new URL(response.url).pathname,
          redirected: response.redirected, copied: await copy.text(), copy: copy.url === response.url,
          empty: [empty.status, empty.body], big: [big.length, big.every((byte) => byte === 7)] }
      `),
    },
    open,
  )
  const session = await openSession()
  assert.deepEqual(await session.resultOf('look', { url: `${site.url}/` }), {
    ok: true,
    status: 201,
    text: 'Made',
    first: 'first ',
    rest: 'last',
    own: 'yes',
    cookies: ['a=1', 'b=2'],
    isResponse: true,
    path: '/end',
    redirected: true,
    copied: 'first last',
    copy: true,
    empty: [204, null],
    big: [5_000_000, true],
  })
})

test('a response may have a status above 599, also in a copy', async (t) => {
  const site = await startSite(t, {
    '/': (_, response) => response.writeHead(999, 'Denied', { 'x-own': 'yes' }).end('no'),
  })
  const run = fetching(`
    const response = await fetch(url)
    const copy = response.clone()
    const about = ({ ok, status, statusText, headers }) =>
      [ok, status, statusText, headers.get('x-own')]
    return { response: about(response), copy: about(copy), text: await copy.text() }
  `)
  const { openSession } = await startProject(t, { look: run }, open)
  const session = await openSession()
  const expected = [false, 999, 'Denied', 'yes']
  assert.deepEqual(await session.resultOf('look', { url: `${site.url}/` }), {
    response: expected,
    copy: expected,
    text: 'no',
  })
})

test('a request has its method, headers and body of any kind', async (t) => {
  const site = await startSite(t, {
    '/': async (request, response) => {
      const { method, headers } = request
      const body = await bodyOf(request)
      const about = { method, type: headers['content-type'], length: headers['content-length'] }
      response.end(JSON.stringify({ ...about, own: headers['x-own'], body }))
    },
  })
  const { openSession } = await startProject(
    t,
    {
      send: fetching(`
        const form = new FormData()
        form.set('a', 'b')
        form.set('file', new File(['content'], 'name.txt'))
        const stream = new ReadableStream({
          start(controller) {
            for (const part of ['x', 'y']) controller.enqueue(Buffer.from(part))
            controller.close()
          },
        })
        const bodies = {
          text: 'plain', bytes: Buffer.from('bytes'), form, stream,
          params: new URLSearchParams({ q: '1' }), blob: new Blob(['blob']),
        }
        const all = {}
        for (const [name, body] of Object.entries(bodies)) {
          const init = { method: 'POST', body, headers: { 'x-own': name }, duplex: 'half' }
          all[name] = await (await fetch(url, init)).json()
        }
        const request = new Request(url, { method: 'PUT', body: 'of a request' })
        all.request = await (await fetch(request)).json()
        return all
      `),
    },
    open,
  )
  const sent = await (await openSession()).resultOf('send', { url: `${site.url}/` })
  assert.deepEqual(sent.text, {
    method: 'POST',
    type: 'text/plain;charset=UTF-8',
    length: '5',
    own: 'text',
    body: 'plain',
  })
  assert.deepEqual([sent.bytes.body, sent.bytes.length], ['bytes', '5'])
  assert.deepEqual([sent.stream.body, sent.stream.length], ['xy', undefined])
  assert.deepEqual([sent.params.body, sent.blob.body], ['q=1', 'blob'])
  assert.match(sent.form.type, /^multipart\/form-data; boundary=/)
  assert.match(sent.form.body, /name="file"; filename="name\.txt"[\s\S]*content/)
  assert.deepEqual([sent.request.method, sent.request.body], ['PUT', 'of a request'])
})

test('a fetch in a thread reaches no private address', async (t) => {
  const site = await startSite(t, { '/': page('secret') })
  const { openSession, server } = await startProject(t, {
    look: fetching(`
      const undici = { dispatch() { throw new Error('own dispatcher') } }
      const all = []
      for (const given of [url, new Request(url), new URL(url)]) {
        const error = await fetch(given, { dispatcher: undici }).catch((error) => error)
        all.push([error.name, error.message, error.cause?.code])
      }
      return all
    `),
  })
  const session = await openSession()
  for (const url of [site.url, server.url]) {
    const refused = ['TypeError', 'fetch failed', 'ERR_PRIVATE_HOST']
    assert.deepEqual(await session.resultOf('look', { url }), [refused, refused, refused])
  }
  assert.equal(site.asked.length, 0)
})

test('aborts go both ways, and the end of a call closes its connections', async (t) => {
  const closed = new Map<string, () => void>()
  const closing = (name: string) => new Promise<void>((resolve) => closed.set(name, resolve))
  const hang =
    (name: string) => (_: IncomingMessage, response: import('node:http').ServerResponse) => {
      response.on('close', () => closed.get(name)?.())
      response.writeHead(200).write('begun')
    }
  const site = await startSite(t, {
    '/aborted': hang('aborted'),
    '/unread': hang('unread'),
    '/cancelled': hang('cancelled'),
    '/exit': hang('exit'),
    '/broken': (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('begun')
      setTimeout(() => response.destroy(), 20)
    },
  })
  const { openSession } = await startProject(
    t,
    {
      abort: fetching(`
        const ending = new AbortController()
        const response = await fetch(url, { signal: ending.signal })
        const reason = new Error('own reason')
        setTimeout(() => ending.abort(reason), 20)
        const error = await response.text().catch((error) => error)
        const before = await fetch(url, { signal: AbortSignal.abort(reason) }).catch((error) => error)
        return [error instanceof Error, before === reason]
      `),
      leave: fetching('await fetch(url)'),
      cancel: fetching('await (await fetch(url)).body.cancel()'),
      exit: fetching('await fetch(url); process.exit(0)'),
      read: fetching('return (await fetch(url)).text()'),
    },
    open,
  )
  const session = await openSession()
  const ends = ['aborted', 'unread', 'cancelled', 'exit'].map(closing)
  assert.deepEqual(await session.resultOf('abort', { url: `${site.url}/aborted` }), [true, true])
  await session.use('leave', { url: `${site.url}/unread` })
  await session.use('cancel', { url: `${site.url}/cancelled` })
  await session.use('exit', { url: `${site.url}/exit` })
  await Promise.all(ends)
  const { success } = await session.use('read', { url: `${site.url}/broken` })
  assert.equal(success, false)
})

test('a tool gets all of many responses that it reads late or not at all', async (t) => {
  const site = await startSite(t, { '/': page('{"n":1}'), '/empty': page('') })
  const { openSession } = await startProject(
    t,
    {
      together: fetching(`
        const responses = await Promise.all(Array.from({ length: 40 }, () => fetch(url)))
        const all = await Promise.all(responses.map((response) => response.json()))
        return all.reduce((sum, { n }) => sum + n, 0)
      `),
      unread: fetching(`
        let count = 0
        for (; count < 40; count++) if (!(await fetch(url)).ok) break
        return count
      `),
    },
    open,
  )
  const session = await openSession()
  assert.equal(await session.resultOf('together', { url: site.url }), 40)
  assert.equal(await session.resultOf('unread', { url: `${site.url}/empty` }), 40)
})

test('a request that is aborted while it waits for others is not sent', async (t) => {
  let sent = 0
  let isAborted = false
  let sentLate = 0
  const site = await startSite(t, {
    '/hang': (_, response) => {
      sent += 1
      if (isAborted) sentLate += 1
      response.on('error', () => {})
    },
    '/aborted': (_, response) => {
      isAborted = true
      response.end('ok')
    },
  })
  const { openSession } = await startProject(
    t,
    {
      many: fetching(`
        const ending = new AbortController()
        const { signal } = ending
        const all = Array.from({ length: 64 }, () => fetch(url, { method: 'POST', signal }))
        const ended = Promise.allSettled(all)
        await new Promise((next) => setTimeout(next, 500))
        ending.abort()
        const statuses = (await ended).map(({ status }) => status)
        await (await fetch(new URL('/aborted', url))).text()
        await new Promise((next) => setTimeout(next, 500))
        return [...new Set(statuses)]
      `),
    },
    open,
  )
  const session = await openSession()
  assert.deepEqual(await session.resultOf('many', { url: `${site.url}/hang` }), ['rejected'])
  assert.ok(sent <= 32, `${sent} requests`)
  assert.equal(sentLate, 0)
})
