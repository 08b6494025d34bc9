import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { constants, createGzip } from 'node:zlib'

/** A response of the proxy itself, or a change of the server's response. */
export type FrontAnswer =
  | { status: number; headers?: Record<string, string>; body?: string }
  | 'pass'
  | 'compress'
  /** Buffers the response until `release`. */
  | 'hold'

/** A reverse proxy. Each of `answers` is for one request; later requests pass unchanged. */
export async function startFront(t: Pick<TestContext, 'after'>, target: string) {
  const answers: FrontAnswer[] = []
  const held = new Set<() => void>()
  let requests = 0
  let keepsStreams = false

  function forward(request: IncomingMessage, response: ServerResponse, how: FrontAnswer) {
    const { method, url, headers } = request
    const onward = http.request(target + url, { method, headers: { ...headers, host: '' } })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    onward.on('response', (answer) => {
      if (how === 'compress') return compress(answer, response)
      response.writeHead(answer.statusCode!, answer.headers)
      response.flushHeaders()
      if (how === 'hold') return hold(answer, response)
      answer.pipe(response)
    })
    request.pipe(onward)
  }

  function hold(answer: IncomingMessage, response: ServerResponse) {
    const kept: Buffer[] = []
    held.add(() => {
      response.write(Buffer.concat(kept.splice(0)))
      answer.on('data', (bytes) => response.write(bytes))
    })
    answer.on('data', (bytes) => kept.push(bytes))
  }

  const server = http.createServer((request, response) => {
    requests += 1
    const isKept = keepsStreams && request.headers.accept === 'text/event-stream'
    const how = isKept ? 'hold' : (answers.shift() ?? 'pass')
    if (typeof how === 'string') return forward(request, response, how)
    request.resume()
    response.writeHead(how.status, how.headers ?? {}).end(how.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers,
    requests: () => requests,
    release() {
      for (const letGo of held) letGo()
      held.clear()
    },
    /** Blocks streams from now on, and passes other requests. */
    keepStreams() {
      keepsStreams = true
    },
    cut: () => server.closeAllConnections(),
  }
}

function compress(answer: IncomingMessage, response: ServerResponse) {
  response.writeHead(answer.statusCode!, { ...answer.headers, 'content-encoding': 'gzip' })
  const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
  answer.pipe(gzip).pipe(response)
}
