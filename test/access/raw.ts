/** Requests that HTTP clients cannot make: from any address, byte by byte, or incomplete. */
import http from 'node:http'
import net from 'node:net'
import type { TestContext } from 'node:test'

export type RawAnswer = { status: number; body: string; headers: http.IncomingHttpHeaders }

export type From = {
  /** A loopback address to connect from. */
  address?: string
  headers?: Record<string, string>
  agent?: http.Agent
}

/** GETs on a connection of their own, or of the agent's. */
export function get(url: string, { address, headers = {}, agent }: From = {}): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      headers,
      agent: agent ?? (false as const),
      ...(address !== undefined && { localAddress: address }),
    }
    const request = http.get(url, options, async (response) => {
      let body = ''
      for await (const chunk of response.setEncoding('utf8')) body += chunk
      resolve({ status: response.statusCode!, body, headers: response.headers })
    })
    request.on('error', reject)
  })
}

/** A connection to which the test writes raw data. `ended` resolves to all received data. */
export type Wire = { socket: net.Socket; text: () => string; ended: Promise<string> }

export async function connect(
  t: Pick<TestContext, 'after'>,
  url: string,
  address = '127.0.0.1',
): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = net.connect({ host: hostname, port: Number(port), localAddress: address })
  t.after(() => socket.destroy())
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk) => (text += chunk))
  const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(text)))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  // A reset after the response ends it like a close.
  socket.on('error', () => {})
  return { socket, text: () => text, ended }
}

/** The status and JSON of a response as received. */
export function parsed(text: string) {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: JSON.parse(body) }
}
