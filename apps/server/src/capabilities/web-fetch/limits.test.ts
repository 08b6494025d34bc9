import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import { beforeAll } from '../../../test/hooks.ts'
import { fetchInTurn, startFetching } from '../../../test/remotes/fetching.ts'
import { type Page, page, startSite } from '../../../test/remotes/site.ts'
import { createAgent, createSession, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'
import { defaultOrganization } from '../../store/models/seeds.ts'
import { convertInThread } from './converter.ts'

const plain = { 'content-type': 'text/plain' }
const mebibyte = 1024 * 1024
const answersMin = 30

const much = Buffer.alloc(32 * mebibyte, 'bomb ')
const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } }

/** Sends a gigabyte as fast as it is read; reports sent bytes and when the connection closed. */
function startFlood(piece: string) {
  const sent = { bytes: 0 }
  const closed = Promise.withResolvers<void>()
  const flood: Page = async (_, response) => {
    response.on('close', () => closed.resolve())
    response.writeHead(200, plain)
    const bytes = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)))
    while (!response.destroyed && sent.bytes < 1024 * mebibyte) {
      sent.bytes += bytes.length
      if (!response.write(bytes)) await Promise.race([once(response, 'drain'), closed.promise])
    }
    response.end()
  }
  return { flood, sent, closed: closed.promise }
}

const line = startFlood('a line without end, ')
const lines = startFlood('short\n')
const dripping = Promise.withResolvers<ServerResponse>()

const pages: Record<string, Page> = {
  '/ten': page('x'.repeat(10_000), { ...plain, 'content-length': '10000' }),
  '/line': line.flood,
  '/lines': lines.flood,
  '/gzip': page(gzipSync(much), { ...plain, 'content-encoding': 'gzip' }),
  '/deflate': page(deflateSync(much), { ...plain, 'content-encoding': 'deflate' }),
  '/br': page(brotliCompressSync(much, quick), { ...plain, 'content-encoding': 'br' }),
  '/twice': page(gzipSync(gzipSync(much)), { ...plain, 'content-encoding': 'gzip, gzip' }),
  '/unpacked': page('not packed at all', { ...plain, 'content-encoding': 'gzip' }),
  '/short': (_, response) => {
    response.writeHead(200, { ...plain, 'content-length': '100' }).write('only this')
    setImmediate(() => response.destroy())
  },
  '/silent': () => {},
  '/headers': (_, response) => response.writeHead(200, plain).flushHeaders(),
  '/drip': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' })
    const drops = setInterval(() => response.write('d'), 20)
    response.on('close', () => clearInterval(drops))
    dripping.resolve(response)
  },
  '/tiny': ({ socket }) => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n'
    socket.end(`${head}${'1\r\nt\r\n'.repeat(300_000)}0\r\n\r\n`)
  },
  '/faces': page('😀'.repeat(200), plain),
  '/html': page('<h1>Hi</h1><p>there</p>'),
  '/deep': page('<div>'.repeat(mebibyte)),
  '/slow': page('<img src=a>'.repeat(80_000)),
  '/heavy': page(`${'<div>'.repeat(200)}${'<p>some words, and more of them</p>'.repeat(8_000)}`),
}

let server: Awaited<ReturnType<typeof startFetching>>
let site: Awaited<ReturnType<typeof startSite>>

beforeAll(async (t) => {
  server = await startFetching(t as TestContext)
  site = await startSite(t as TestContext, pages)
})

type Input = { url: string; as_markdown?: boolean; as_text?: boolean }
const fetchAll = (t: TestContext, config: object, ...inputs: Input[]) =>
  fetchInTurn(
    t,
    { server, config },
    ...inputs.map((input) => ({ ...input, url: site.url + input.url })),
  )

/** Fetches a page again if a pause of this machine was longer than the wait for a response. */
async function fetchSoon(t: TestContext, timeout_ms: number, input: Input) {
  for (;;) {
    const [fetched] = await fetchAll(t, { timeout_ms }, input)
    if (!fetched!.error?.startsWith('There was no response within')) return fetched!
  }
}

test('bytes_max limits the bytes read of a page', async (t) => {
  const [cut] = await fetchAll(t, { bytes_max: 4096 }, { url: '/ten' })
  assert.equal(cut!.result.content, 'x'.repeat(4096))
  assert.equal(cut!.result.truncated, true)
  assert.equal(cut!.result.size, 10_000)
  assert.match(cut!.result.notice, /exceeds the limit of bytes: .* first 4096 bytes/)
  const [whole] = await fetchAll(t, { bytes_max: 10_000 }, { url: '/ten' })
  assert.equal(whole!.result.content.length, 10_000)
  assert.equal(whole!.result.truncated, false)
  assert.equal(whole!.result.notice, undefined)
})

test('reads only the start of a page of a gigabyte and closes the connection', async (t) => {
  const inputs = [{ url: '/line', as_markdown: true }, { url: '/lines' }]
  const outcomes = await fetchAll(t, { content_length_max: 1000 }, ...inputs)
  for (const { result } of outcomes) {
    assert.equal(result.content.length, 1000)
    assert.equal(result.truncated, true)
    assert.equal(result.size, null)
    assert.match(result.notice, /first 5242880 bytes\. Only the first 1000 of 5242880 characters/)
  }
  await Promise.all([line.closed, lines.closed])
  assert.ok(line.sent.bytes + lines.sent.bytes < 100 * mebibyte)
})

test('counts decompressed bytes', async (t) => {
  const urls = ['/gzip', '/deflate', '/br', '/twice']
  const config = { bytes_max: mebibyte, content_length_max: 1000 }
  const outcomes = await fetchAll(t, config, ...urls.map((url) => ({ url })))
  for (const [at, { result, error }] of outcomes.entries()) {
    assert.equal(error, undefined, urls[at])
    assert.equal(result.content, 'bomb '.repeat(200))
    assert.match(result.notice, /first 1048576 bytes/)
    assert.equal(result.size, null)
  }
})

test('returns the received part of a page that breaks off', async (t) => {
  const [short, unpacked] = await fetchAll(t, {}, { url: '/short' }, { url: '/unpacked' })
  assert.equal(short!.result.content, 'only this')
  assert.equal(short!.result.truncated, true)
  assert.match(short!.result.notice, /The connection broke before the page ended/)
  assert.match(unpacked!.error!, /Nothing could be read/)
})

test('timeout_ms ends a call and returns the received part', async (t) => {
  const inputs = [{ url: '/silent' }, { url: '/headers' }]
  const [[silent, headers], drip] = await Promise.all([
    fetchAll(t, { timeout_ms: 2000 }, ...inputs),
    // A stall of the machine can take the time for the conversion.
    eventually(async () => {
      const fetched = await fetchSoon(t, 6000, { url: '/drip' })
      return fetched.result && fetched
    }),
  ])
  assert.equal(silent!.error, 'There was no response within 1000 ms.')
  assert.equal(headers!.error, 'There was no response within 1000 ms.')
  assert.match(drip.result.content, /^d+$/)
  assert.equal(drip.result.truncated, true)
  assert.match(drip.result.notice, /did not end in time/)
})

const noTimeLeft = /^There was no time left to convert the page\. .* try again later\.$/

test('abandons a page that takes too long to convert, and converts the next one', async (t) => {
  const slow = await fetchSoon(t, 3000, { url: '/slow', as_markdown: true })
  assert.match(slow.error!, noTimeLeft)
  const config = { timeout_ms: 60_000 }
  const [html] = await fetchAll(t, config, { url: '/html', as_markdown: true })
  assert.equal(html!.result.content, '# Hi\n\nthere')
  const [text] = await fetchAll(t, config, { url: '/slow', as_text: true })
  assert.equal(text!.result.format, 'text')
})

test('a page that gets no thread in time is not reported as slow', async (t) => {
  const stop = new AbortController()
  const call = { orgId: defaultOrganization, signal: stop.signal, processorMsMax: 600_000 }
  const about = { url: site.url, contentType: 'text/html', isWhole: true, lengthMax: 100 }
  const held = Array.from({ length: 3 }, () => {
    const bytes = new Uint8Array(Buffer.from('<img src=a>'.repeat(80_000)))
    return convertInThread({ ...about, bytes, format: 'markdown' }, call)
  })
  const ended = Promise.allSettled(held)
  const waiting = await fetchSoon(t, 3000, { url: '/html', as_markdown: true })
  stop.abort()
  assert.match(waiting.error!, noTimeLeft)
  assert.ok((await ended).every(({ status }) => status === 'rejected'))
})

test('returns a page too deep for Markdown as text with a note', async (t) => {
  const [deep] = await fetchAll(
    t,
    { bytes_max: 10 * mebibyte },
    { url: '/deep', as_markdown: true },
  )
  assert.equal(deep!.result.format, 'text')
  assert.match(deep!.result.notice, /too deeply nested for Markdown/)
})

test('content_length_max limits the content in whole characters', async (t) => {
  const [faces] = await fetchAll(t, { content_length_max: 101 }, { url: '/faces' })
  assert.equal(faces!.result.content, '😀'.repeat(50))
  assert.equal(faces!.result.notice, 'Only the first 100 of 400 characters are included.')
  assert.equal(faces!.result.truncated, true)
})

test('default_format sets the format of HTML, and a call can override it', async (t) => {
  const cases = [
    [{}, 'raw', '<h1>Hi</h1><p>there</p>'],
    [{ default_format: 'markdown' }, 'markdown', '# Hi\n\nthere'],
    [{ default_format: 'text' }, 'text', 'Hi\n\nthere'],
  ] as const
  for (const [config, format, content] of cases) {
    const url = '/html'
    const inputs = [{ url }, { url, as_text: true }, { url, as_markdown: false, as_text: false }]
    const [one, text, raw] = await fetchAll(t, config, ...inputs)
    assert.deepEqual([one!.result.format, one!.result.content], [format, content])
    assert.equal(text!.result.format, 'text')
    assert.equal(raw!.result.format, 'raw')
  }
})

test('user_agent sets the request header', async (t) => {
  await fetchAll(t, {}, { url: '/html' })
  assert.equal(site.asked.at(-1)!.headers['user-agent'], 'Outlast-WebFetch/1.0')
  await fetchAll(t, { user_agent: 'Tea/2 (+https://tea.example)' }, { url: '/html' })
  assert.equal(site.asked.at(-1)!.headers['user-agent'], 'Tea/2 (+https://tea.example)')
})

test('refuses config outside its limits with the path', async () => {
  const wrong: [string, unknown][] = [
    ['bytes_max', 10 * mebibyte + 1],
    ['timeout_ms', 60_001],
    ['content_length_max', 0],
    ['redirects_max', -1],
    ['user_agent', 'two\r\nlines: 1'],
    ['default_format', 'pdf'],
    ['allowed_domains', 'example.com'],
    ['allowed_domains', []],
  ]
  for (const [name, value] of wrong) {
    const capabilities = [{ ref: 'web_fetch', config: { [name]: value } }]
    const fields = { name: 'A', system_prompt: 'x', capabilities }
    const { status, body } = await server.call('POST', '/v1/agents', fields)
    assert.equal(status, 400, name)
    assert.equal(body.details[0].path, `capabilities/0/config/${name}`)
  }
})

test('a cancelled turn releases the page', async (t) => {
  const agent = await createAgent(server, { capabilities: [{ ref: 'web_fetch' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const arrived = Promise.withResolvers<ServerResponse>()
  pages['/held'] = (_, response) => arrived.resolve(response)
  const call = { name: 'web_fetch', arguments: { url: `${site.url}/held` } }
  await post(server, session.id, scripted({ tool_calls: [call] }, { text: 'done' }))
  const response = await arrived.promise
  const closed = once(response, 'close')
  const { status } = await server.call('POST', `/v1/sessions/${session.id}/cancel`)
  assert.equal(status, 200)
  await closed
  await stream.event('turn.cancelled')
})

test('no page delays other requests', async (t) => {
  const config = { timeout_ms: 60_000 }
  await fetchAll(t, config, { url: '/html', as_markdown: true })
  let isOver = false
  const before = site.asked.length
  const inputs = [{ url: '/heavy', as_markdown: true }, { url: '/tiny' }]
  const fetched = fetchAll(t, config, ...inputs).finally(() => {
    isOver = true
  })
  let answered = 0
  while (!isOver) {
    await server.call('GET', '/health')
    if (site.asked.length === before + inputs.length) answered += 1
  }
  const [heavy, tiny] = await fetched
  assert.equal(heavy!.result.format, 'markdown')
  assert.equal(tiny!.result.size, 300_000)
  // A conversion in the event loop would leave time for three.
  assert.ok(answered >= answersMin, `${answered} answers meanwhile`)
})
