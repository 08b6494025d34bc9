import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import {
  Agent,
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { FastifyInstance } from 'fastify'
import { inProcessAddress, networkOf } from '../../access/address.ts'
import { isLoopback } from '../../config/host.ts'
import { ApiError } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { answerClientError, refuseRequest } from '../core/problems.ts'
import { exchange, type LocalSocket } from './exchange.ts'

/** The address of requests without a TCP connection: a loopback name, which every guard allows. */
export const inProcessUrl = 'http://localhost'

/** Entry points of a server for requests from its own process. */
export type InProcess = {
  /** Answers a web request, without a TCP connection. It does not follow redirects. */
  fetch: typeof fetch
  /** Answers a request of another HTTP server of this process. */
  handler: (request: IncomingMessage, response: ServerResponse) => void
  /** Begins to accept requests. Contract: the routes are complete. */
  begin: () => void
  stop: () => Promise<void>
}

/** Longest path of a Unix socket on all systems. */
const socketPathMax = 100
const headerBytesMax = 16 * 1024

/**
 * Creates the entry points. `fetch` sends its requests over a private socket, which opens with the
 * first one, so that bodies stream and connections end as they do over TCP.
 */
export function createInProcess(
  app: FastifyInstance,
  { config, log }: Pick<Node, 'config' | 'log'>,
): InProcess {
  const isLocalOnly = config.AUTH_MODE === 'none' && !config.ALLOW_OPEN_ACCESS
  let state: 'starting' | 'open' | 'stopped' = 'starting'
  let opening: Promise<LocalListener> | undefined
  const pass = (request: IncomingMessage, response: ServerResponse) =>
    void app.server.emit('request', request, response)

  async function send(input: Parameters<typeof fetch>[0], init?: RequestInit) {
    const request = isRequest(input) && init === undefined ? input : new Request(input, init)
    request.signal.throwIfAborted()
    if (state === 'starting') throw new TypeError('The server has not started yet.')
    if (state === 'stopped') return stoppedResponse()
    opening ??= openLocal(pass).catch((error) => {
      opening = undefined
      throw error
    })
    const { socket } = await opening
    return exchange(request, socket)
  }

  return {
    fetch: send,
    handler(request, response) {
      if (state !== 'open') return refuseRequest(response, new ApiError('shutting_down'))
      if (isLocalOnly && !isLocal(request)) {
        log.warn('a request of another machine is refused, because AUTH_MODE is none')
        return refuseRequest(response, new ApiError('forbidden', 'loopback'))
      }
      if (!wasRead(request)) return pass(request, response)
      log.error('the body of a request was read before the handler: mount body parsers after it')
      refuseRequest(response, new ApiError('internal_error'))
    },
    begin() {
      state = 'open'
    },
    async stop() {
      state = 'stopped'
      await opening?.then(({ close }) => close()).catch(() => {})
    },
  }
}

/** True for a request of any implementation: frameworks have their own. */
const isRequest = (input: unknown): input is Request =>
  typeof input === 'object' && input !== null && 'headers' in input && 'signal' in input

/** True for a request of this machine. A Unix socket has no address. */
const isLocal = ({ socket: { remoteAddress: address } }: IncomingMessage) =>
  address === undefined || isLoopback(networkOf(address)) || address === '::1'

/** True for a request whose body another part of the process has read. */
const wasRead = ({ readableEnded, headers }: IncomingMessage) =>
  readableEnded &&
  (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)

function stoppedResponse(): Response {
  const { body, status } = new ApiError('shutting_down')
  return Response.json(body, { status, headers: { 'retry-after': '1' } })
}

type LocalListener = { socket: LocalSocket; close: () => Promise<void> }

/** Listens on a socket that only this user can reach. */
async function openLocal(pass: (...exchange: [IncomingMessage, ServerResponse]) => void) {
  const { socketPath, remove } = await makePlace()
  const server = createHttpServer({ maxHeaderSize: headerBytesMax, requestTimeout: 0 }, pass)
  server.on('connection', (socket) =>
    Object.defineProperty(socket, 'remoteAddress', { value: inProcessAddress }),
  )
  server.keepAliveTimeout = 0
  server.headersTimeout = 0
  server.on('clientError', answerClientError)
  const agent = new Agent({ keepAlive: true })
  try {
    await listenAt(server, socketPath)
  } catch (error) {
    await remove()
    throw error
  }
  const close = async () => {
    agent.destroy()
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
    await remove()
  }
  return { socket: { socketPath, agent }, close }
}

async function makePlace() {
  if (process.platform === 'win32') {
    const socketPath = `\\\\.\\pipe\\outlast-${randomBytes(16).toString('hex')}`
    return { socketPath, remove: async () => {} }
  }
  const base = tmpdir().length < socketPathMax - 'outlast-123456/socket'.length ? tmpdir() : '/tmp'
  // Only this user may enter the folder.
  const folder = await mkdtemp(path.join(base, 'outlast-'))
  return {
    socketPath: path.join(folder, 'socket'),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

function listenAt(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
