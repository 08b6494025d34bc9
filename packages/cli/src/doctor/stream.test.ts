import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { runHere } from '../../test/here.ts'
import {
  asType,
  buffers,
  cutsAfter,
  gathers,
  inLumps,
  startHttp,
  startProxy,
} from '../../test/proxy.ts'

type Server = Awaited<ReturnType<typeof startServer>>
let server: Server

beforeAll(async (t) => {
  server = await startServer(t as TestContext, { env: { SSE_HEARTBEAT_MS: '200' } })
})

/** Tries, because a pause of a loaded machine looks like a worse connection. */
const triesMax = 5

/** Stream finding and exit code of the doctor for an address, with this sentence if possible. */
async function streamOf(expected: RegExp, url: string, ...more: string[]) {
  for (let tries = 1; ; tries += 1) {
    const { code, stdout, stderr } = await runHere(['doctor', '--json', '--url', url, ...more])
    assert.equal(stderr, '')
    const { findings } = JSON.parse(stdout) as { findings: Record<string, string>[] }
    const { verdict, sentence, advice } = findings.find(({ check }) => check === 'stream')!
    if (tries < triesMax && !expected.test(sentence!)) continue
    assert.match(sentence!, expected)
    return { code, verdict, advice }
  }
}

test('accepts a healthy stream, and deletes the temporary session', async () => {
  const before = (await server.call('GET', '/v1/sessions')).body.total
  const { verdict } = await streamOf(/sends heartbeats/, server.url)
  assert.equal(verdict, 'ok')
  assert.equal((await server.call('GET', '/v1/sessions')).body.total, before)
})

describe('proxies', { concurrency: true }, () => {
  test('follows the stream of a named session for the given time', async () => {
    const agent = (await server.call('GET', '/v1/agents')).body.data[0].id
    const { id } = (await server.call('POST', '/v1/sessions', { agent_id: agent })).body
    const alive = /was alive after 1\.0 s/
    const found = await streamOf(alive, server.url, '--session', id, '--streams-for', '1')
    assert.equal(found.verdict, 'ok')
    const missing = ['--session', `session_${'0'.repeat(32)}`]
    const unknown = await streamOf(/^Session not found\.$/, server.url, ...missing)
    assert.equal(unknown.code, 1)
  })

  test('accepts a stream that the server closes as planned', async (t) => {
    const other = await startServer(t, { env: { SSE_HEARTBEAT_MS: '200', SSE_CYCLE_MS: '300' } })
    const { verdict } = await streamOf(/as planned/, other.url, '--streams-for', '5')
    assert.equal(verdict, 'ok')
  })

  for (const [behavior, fault, sentence, advice] of [
    ['buffers a whole stream', buffers, /no stream begins within/, /proxy_buffering off/],
    ['buffers chunks of a stream', gathers, /no data arrives for/, /proxy_buffering off/],
    ['changes the type of a stream', asType('text/plain'), /arrives as text\/plain/, /unchanged/],
    ['cuts a stream', cutsAfter(1_000), /cut after \d/, /read timeout/],
  ] as const) {
    test(`detects a proxy that ${behavior}`, async (t) => {
      const url = await startProxy(t, server.url, fault)
      const found = await streamOf(sentence, url, '--streams-for', '3')
      assert.deepEqual([found.code, found.verdict], [1, 'wrong'])
      assert.match(found.advice!, advice)
    })
  }

  test('warns about a proxy that forwards a stream in large chunks', async (t) => {
    const url = await startProxy(t, server.url, inLumps(1_500))
    const { verdict } = await streamOf(/late, in large chunks/, url)
    assert.equal(verdict, 'warning')
  })

  test('detects a proxy that answers streams with its own page', async (t) => {
    const url = await startProxy(t, server.url, (_answer, outgoing) => {
      outgoing.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')
    })
    const { code, verdict } = await streamOf(/returned 502/, url)
    assert.deepEqual([code, verdict], [1, 'wrong'])
  })

  test('accepts a redirect within the same origin', async (t) => {
    const url = await startHttp(t, ({ url = '/' }, outgoing) => {
      outgoing.writeHead(308, { location: server.url + url }).end()
    })
    const { code, stdout } = await runHere(['doctor', '--url', url])
    assert.equal(code, 3)
    assert.ok(stdout.includes(`--url ${server.url}`), stdout)
  })
})
