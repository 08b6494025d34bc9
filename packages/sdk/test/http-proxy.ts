import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Treatment of a request: it passes; its response is lost or interrupted after the server handled
 * it; it never arrives; it has no response; or it has a foreign response.
 */
export type Fate =
  | 'pass'
  | 'lose answer'
  | 'break off'
  | 'lose request'
  | 'silence'
  | { status: number; headers?: Record<string, string>; body?: string }

export type Seen = { method: string; path: string; headers: IncomingMessage['headers'] }

/** An HTTP proxy. `fate` selects the treatment of each request by its kind and count. */
export async function startProxy(
  t: { after: (work: () => unknown) => void },
  target: string,
  fate: (request: Seen, at: number) => Fate,
) {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request
    const one = { method, path: url, headers }
    seen.push(one)
    treat(request, response, { target, fate: fate(one, seen.length - 1) }).catch(() =>
      response.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

async function treat(
  request: IncomingMessage,
  response: ServerResponse,
  { target, fate }: { target: string; fate: Fate },
) {
  if (fate === 'lose request') return response.destroy()
  if (fate === 'silence') return undefined
  if (typeof fate === 'object') {
    return response.writeHead(fate.status, fate.headers).end(fate.body ?? '')
  }
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const { host, connection, 'content-length': length, ...headers } = request.headers
  const body = parts.length > 0 ? Buffer.concat(parts) : null
  const init = { method: request.method!, headers: headers as Record<string, string>, body }
  const leaving = new AbortController()
  response.on('close', () => leaving.abort())
  const answer = await fetch(target + request.url, { ...init, signal: leaving.signal })
  const type = answer.headers.get('content-type')
  const about = type ? { 'content-type': type } : {}
  if (fate === 'pass') {
    response.writeHead(answer.status, about)
    if (answer.body) for await (const part of answer.body) response.write(part)
    return response.end()
  }
  const content = Buffer.from(await answer.arrayBuffer())
  if (fate === 'lose answer') return response.destroy()
  response.writeHead(answer.status, { ...about, 'content-length': content.length })
  response.write(content.subarray(0, content.length / 2), () => response.destroy())
  return undefined
}
