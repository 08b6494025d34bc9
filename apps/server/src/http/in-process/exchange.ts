import { type Agent, type IncomingMessage, request as sendRequest } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export type LocalSocket = { socketPath: string; agent: Agent }

/** Headers of one connection, which describe the private socket and not the request. */
const ofConnection = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const withoutBody = new Set([204, 205, 304])

/**
 * Sends a web request over a socket and returns the response as soon as its head arrives. Both
 * bodies are streams.
 * Contract: an abort of the request ends the exchange at any time, and rejects with its reason.
 */
export function exchange(request: Request, socket: LocalSocket): Promise<Response> {
  const { signal, method, body } = request
  const { pathname, search } = new URL(request.url)
  return new Promise((resolve, reject) => {
    const sent = sendRequest({
      ...socket,
      method,
      path: pathname + search,
      headers: headersOf(request),
    })
    let received: IncomingMessage | undefined
    const fail = (cause: unknown) => {
      sent.destroy()
      reject(signal.aborted ? signal.reason : new TypeError('fetch failed', { cause }))
    }
    const abort = () => {
      received?.destroy(signal.reason)
      fail(signal.reason)
    }
    signal.addEventListener('abort', abort)
    sent.once('close', () => signal.removeEventListener('abort', abort))
    sent.on('error', fail)
    sent.once('response', (message) => {
      received = message
      resolve(webResponseOf(method, message))
    })
    if (body === null) sent.end()
    // The server may answer, and close the connection, before it has read the body.
    else pipeline(exactBody(body, request), sent).catch((error) => received ?? fail(error))
  })
}

/** Contract: throws when a body does not have its declared length, which would never be read. */
async function* exactBody(parts: AsyncIterable<Uint8Array>, { headers }: Request) {
  const declared = headers.get('content-length')
  let bytes = 0
  for await (const part of parts) {
    bytes += part.byteLength
    yield part
  }
  if (declared !== null && Number(declared) !== bytes) {
    throw new Error(`The body has ${bytes} bytes, and its Content-Length is ${declared}.`)
  }
}

function headersOf(request: Request): Record<string, string> {
  const named = Object.fromEntries([...request.headers].filter(([name]) => !ofConnection.has(name)))
  return { host: new URL(request.url).host, ...named }
}

function webResponseOf(method: string, message: IncomingMessage): Response {
  const { statusCode: status = 502, statusMessage: statusText, rawHeaders } = message
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    if (!ofConnection.has(name)) headers.append(name, rawHeaders[at + 1]!)
  }
  const isEmpty = method === 'HEAD' || withoutBody.has(status)
  if (isEmpty) message.resume()
  const body = isEmpty ? null : (Readable.toWeb(message) as ReadableStream)
  return new Response(body, { status, headers, ...(statusText && { statusText }) })
}
