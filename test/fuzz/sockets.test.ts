/** Bytes that are not HTTP, or only its beginning. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { judgeError } from './client.ts'

/** Limit for hangs, on a busy machine. */
const answerMs = 120_000

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

type Raw = {
  /** Closes the client's side after the last byte. */
  end?: boolean
  /** Closes the connection after so many ms. */
  breakAfterMs?: number
  /** Closes the connection once the response matches. */
  breakAt?: RegExp
}

/** Sends bytes and returns all data received until the server closes the connection. */
function exchange(pieces: (string | Buffer)[], { end = false, breakAfterMs, breakAt }: Raw = {}) {
  const { hostname, port } = new URL(server.url)
  return new Promise<string>((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const late = setTimeout(() => {
      socket.destroy()
      reject(new Error(`the connection is open after ${answerMs} ms; it sent ${text}`))
    }, answerMs)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += chunk
      if (breakAt?.test(text)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(late)
      resolve(text)
    })
    for (const piece of pieces) socket.write(piece)
    if (end) socket.end()
    if (breakAfterMs !== undefined) setTimeout(() => socket.destroy(), breakAfterMs)
  })
}

function parsed(text: string) {
  const [head, ...body] = text.split('\r\n\r\n')
  const [line, ...fields] = head!.split('\r\n')
  const headers = Object.fromEntries(
    fields.map((field) => field.split(/:\s*/, 2).map((part) => part.toLowerCase())),
  )
  return { status: Number(line!.split(' ')[1]), headers, text: body.join('\r\n\r\n') }
}

const host = 'Host: 127.0.0.1\r\n'
const json = 'Content-Type: application/json\r\n'
const closing = 'Connection: close\r\n\r\n'
/** A response with its JSON body. */
const wholeJson = /\r\n\r\n\{.*\}$/s

const nonsense: Record<string, (string | Buffer)[]> = {
  'a line that is not a request': ['hello\r\n\r\n'],
  'a TLS greeting': [Buffer.from('16030100a5010000a10303', 'hex'), Buffer.alloc(160, 7)],
  'random bytes': [Buffer.from(Array.from({ length: 600 }, (_, n) => (n * 31) % 256))],
  'an unknown method': [`FETCH /v1/agents HTTP/1.1\r\n${host}\r\n`],
  'an unknown version': [`GET /v1/agents HTTP/9.9\r\n${host}\r\n`],
  'no version': ['GET /v1/agents\r\n\r\n'],
  'a space in the address': [`GET /v1/agents and more HTTP/1.1\r\n${host}\r\n`],
  'NUL in the address': [`GET /v1/\0 HTTP/1.1\r\n${host}\r\n`],
  'NUL in a header': [`GET /v1/agents HTTP/1.1\r\n${host}X-A: a\0b\r\n\r\n`],
  'no name before a colon': [`GET /v1/agents HTTP/1.1\r\n${host}: x\r\n\r\n`],
  'a folded header': [`GET /v1/agents HTTP/1.1\r\n${host}X-A: a\r\n b\r\n\r\n`],
  'a header of 64 KB': [`GET /v1/agents HTTP/1.1\r\n${host}X-A: ${'a'.repeat(65_536)}\r\n\r\n`],
  'an address of 64 KB': [`GET /${'a'.repeat(65_536)} HTTP/1.1\r\n${host}\r\n`],
  '3,000 headers': [`GET /v1/agents HTTP/1.1\r\n${host}${'X-A: a\r\n'.repeat(3000)}\r\n`],
  'two lengths': [
    `POST /v1/agents HTTP/1.1\r\n${host}${json}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
  ],
  'a length and chunks': [
    `POST /v1/agents HTTP/1.1\r\n${host}${json}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  'a negative length': [`POST /v1/agents HTTP/1.1\r\n${host}${json}Content-Length: -1\r\n\r\n{}`],
  'a length that is not a number': [
    `POST /v1/agents HTTP/1.1\r\n${host}${json}Content-Length: 1e3\r\n\r\n{}`,
  ],
  'a chunk without a size': [
    `POST /v1/agents HTTP/1.1\r\n${host}${json}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`,
  ],
  'no host': [`GET /v1/agents HTTP/1.1\r\n${closing}`],
  'an address of another server': [
    `GET http://evil.example/v1/agents HTTP/1.1\r\nHost: evil.example\r\n${closing}`,
  ],
  'a broken escape': [`GET /v1/agents/%E0%A4%A HTTP/1.1\r\n${host}${closing}`],
  'an upgrade': [
    `GET /v1/nothing HTTP/1.1\r\n${host}Upgrade: websocket\r\nConnection: upgrade, close\r\n\r\n`,
  ],
  'an expectation': [`GET /v1/nothing HTTP/1.1\r\n${host}Expect: magic\r\n${closing}`],
}

for (const [name, pieces] of Object.entries(nonsense)) {
  test(`${name} gets a readable error`, async () => {
    judgeError(parsed(await exchange(pieces)))
  })
}

test('a tunnel is closed', async () => {
  assert.equal(await exchange([`CONNECT evil.example:443 HTTP/1.1\r\n${host}\r\n`]), '')
})

test('a body that ends too early has no effect', async () => {
  const head = `POST /v1/agents HTTP/1.1\r\n${host}${json}Content-Length: 100\r\n\r\n`
  await exchange([head, '{"name":"half'], { breakAfterMs: 50 })
  const text = await exchange([head, '{"name":"half'], { end: true })
  if (text !== '') judgeError(parsed(text))
  const { body } = await server.call('GET', '/v1/agents')
  assert.ok(!JSON.stringify(body).includes('half'))
})

test('chunks that end too early have no effect', async () => {
  const head = `POST /v1/agents HTTP/1.1\r\n${host}${json}Transfer-Encoding: chunked\r\n\r\n`
  await exchange([head, '5\r\n{"nam'], { breakAfterMs: 50 })
})

test('a body over the limit is refused before it has arrived', async () => {
  const head = `POST /v1/agents HTTP/1.1\r\n${host}${json}Content-Length: 300000000\r\n\r\n`
  const answer = parsed(await exchange([head, 'x'.repeat(100_000)], { breakAt: wholeJson }))
  judgeError(answer)
  assert.equal(answer.status, 413)
})

test('chunks over the limit are refused', async () => {
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`
  const head = `POST /v1/agents HTTP/1.1\r\n${host}${json}Transfer-Encoding: chunked\r\n\r\n`
  const answer = parsed(await exchange([head, chunk, chunk, chunk], { breakAt: wholeJson }))
  judgeError(answer)
  assert.equal(answer.status, 413)
})

test('aborted streams leave nothing behind', async () => {
  const session = await createSession(server)
  const head = `GET /v1/sessions/${session.id}/sse HTTP/1.1\r\n${host}\r\n`
  const breakAt = /event: session\.started/
  const texts = await Promise.all(Array.from({ length: 50 }, () => exchange([head], { breakAt })))
  for (const text of texts) assert.match(text, breakAt)
})

test('the server is healthy after all connections', async () => {
  // A node whose lease was renewed late is well again after the next renewal.
  await eventually(async () => {
    const { status, body } = await server.call('GET', '/health')
    assert.equal(status, 200)
    return body.status === 'ok'
  })
})
