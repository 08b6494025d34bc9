import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

type Later = Pick<TestContext, 'after'>

export type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** An HTTP server that is not Outlast, on a port of loopback until the test is over. */
export async function startHttp(t: Later, listener: Listener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Behavior of a proxy for the response of a stream. */
export type StreamFault = (answer: IncomingMessage, outgoing: ServerResponse) => void

/** A proxy that forwards all requests unchanged, except streams, each after `before`. */
export function startProxy(
  t: Later,
  target: string,
  fault: StreamFault,
  before: (incoming: IncomingMessage) => Promise<unknown> = async () => {},
): Promise<string> {
  return startHttp(t, async (incoming, outgoing) => {
    const { method, url = '/', headers } = incoming
    await before(incoming)
    const onward = request(target + url, {
      method,
      headers: { ...headers, host: new URL(target).host },
    })
    onward.on('response', (answer) => {
      outgoing.on('close', () => answer.destroy())
      answer.on('error', () => outgoing.destroy())
      if (url.includes('/sse')) return fault(answer, outgoing)
      passHead(answer, outgoing)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
}

export const passHead = ({ statusCode = 500, headers }: IncomingMessage, to: ServerResponse) =>
  to.writeHead(statusCode, headers)

/** Buffers the whole response, with its head. */
export const buffers: StreamFault = (answer, outgoing) => {
  const kept: Buffer[] = []
  answer.on('data', (piece) => kept.push(piece))
  answer.on('end', () => passHead(answer, outgoing).end(Buffer.concat(kept)))
}

/** Lets the head through, and then waits for more than ever comes. */
export const gathers: StreamFault = (answer, outgoing) => {
  passHead(answer, outgoing).flushHeaders()
  answer.resume()
}

/** Cuts the connection after so long, without a word. */
export const cutsAfter =
  (ms: number): StreamFault =>
  (answer, outgoing) => {
    passHead(answer, outgoing)
    answer.pipe(outgoing)
    setTimeout(() => outgoing.destroy(), ms)
  }

/** Forwards buffered data at long intervals. */
export const inLumps =
  (ms: number): StreamFault =>
  (answer, outgoing) => {
    passHead(answer, outgoing).flushHeaders()
    const kept: Buffer[] = []
    answer.on('data', (piece) => kept.push(piece))
    const timer = setInterval(() => outgoing.write(Buffer.concat(kept.splice(0))), ms)
    outgoing.on('close', () => clearInterval(timer))
  }

/** Changes the content type. */
export const asType =
  (type: string): StreamFault =>
  (answer, outgoing) => {
    outgoing.writeHead(200, { 'content-type': type })
    answer.pipe(outgoing)
  }
