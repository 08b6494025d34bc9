import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request that a model server received. */
export type ModelHttpRequest = {
  method: string
  /** Path and query. */
  path: string
  headers: IncomingMessage['headers']
  body: string
}

export type ModelServer = {
  /** Listens, once; returns the address without a path. */
  open: () => Promise<string>
  close: () => void
}

/**
 * Serves the requests of test servers to a model, on loopback. It does not keep the process alive.
 */
export function createModelServer(
  answer: (request: ModelHttpRequest, response: ServerResponse) => Promise<void>,
): ModelServer {
  let opening: Promise<string> | undefined
  const server = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const body = await text(incoming).catch(() => undefined)
    if (body === undefined) return
    await answer({ method, path: url, headers, body }, response).catch((error: Error) => {
      if (response.headersSent) response.destroy()
      else refuse(response, 500, error.message)
    })
  })
  server.on('connection', (socket) => socket.unref())
  const listen = async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    server.unref()
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  return {
    open() {
      opening ??= listen()
      return opening
    },
    close() {
      opening = undefined
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Sends an error in the form of OpenAI's and compatible servers. */
export function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ error: { message, type: 'test', code: null } }))
}

/**
 * Refuses a request for which the test has no reply. The turn fails with a general sentence, so the
 * problem is also printed.
 */
export function refuseTest(response: ServerResponse, problem: string): void {
  process.stderr.write(`${problem}\n`)
  refuse(response, 400, problem)
}
