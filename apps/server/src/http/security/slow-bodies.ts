import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { refuseConnection } from '../core/problems.ts'

/** Times for receiving a request with a body. */
export type BodyTimes = {
  /** Longest time without a byte. */
  silenceMs: number
  /** Time for a whole request. That of an authenticated caller grows with the bytes received. */
  requestMs: number
  /** Rate of that growth: the lowest average rate of a long upload. */
  bytesPerSecond: number
  /** Longest time of all. */
  requestMsMax: number
}

export const bodyTimesDefault: BodyTimes = {
  silenceMs: 30_000,
  requestMs: 60_000,
  bytesPerSecond: 16 * 1024,
  requestMsMax: 20 * 60_000,
}

const checkMsMax = 2_000

/** A request whose body is arriving. `bytes`: read from its connection so far. */
type Receiving = {
  response: ServerResponse
  /** Time since the head, counted by checks. */
  takenMs: number
  startBytes: number
  bytes: number
  silentMs: number
  isOfCaller: boolean
}

/**
 * Ends requests on connections of the server whose bodies arrive too slowly, with 408
 * `request_timeout`. A program that embeds the server has limits of its own.
 * Contract: a client without a credential, and one that already has its response, gets no time for
 * the bytes that it sends.
 */
export function endSlowBodies(
  app: FastifyInstance,
  times: BodyTimes,
  isOwn: (socket: Socket) => boolean,
): void {
  const arriving = new Map<IncomingMessage, Receiving>()
  // Before the framework, which can identify the caller at once.
  app.server.prependListener('request', (request, response) => {
    if (!hasBody(request) || !isOwn(request.socket)) return
    const bytes = request.socket.bytesRead
    const start = { takenMs: 0, startBytes: bytes, bytes, silentMs: 0 }
    arriving.set(request, { response, ...start, isOfCaller: false })
    request.once('close', () => request.complete && arriving.delete(request))
  })
  app.addHook('preParsing', (request, _reply, payload, done) => {
    const receiving = arriving.get(request.raw)
    if (receiving && request.principal) receiving.isOfCaller = true
    done(null, payload)
  })

  const checkMs = Math.min(checkMsMax, times.silenceMs / 4)
  const timer = setInterval(() => {
    for (const [request, receiving] of arriving) {
      const { socket, complete } = request
      if (complete || socket.destroyed) arriving.delete(request)
      else if (hasStalled(receiving, { bytes: socket.bytesRead, checkMs, times })) {
        arriving.delete(request)
        if (receiving.response.headersSent) socket.destroy()
        else refuseConnection(socket, 'request_timeout')
      }
    }
  }, checkMs).unref()
  app.server.on('close', () => clearInterval(timer))
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

type BodyProgress = { bytes: number; checkMs: number; times: BodyTimes }

/** Counts times by checks, of which a blocked process makes none. */
function hasStalled(receiving: Receiving, { bytes, checkMs, times }: BodyProgress): boolean {
  receiving.silentMs = bytes === receiving.bytes ? receiving.silentMs + checkMs : 0
  receiving.takenMs += checkMs
  receiving.bytes = bytes
  const { response, takenMs, startBytes, silentMs, isOfCaller } = receiving
  const isUpload = isOfCaller && !response.writableEnded
  const moreMs = isUpload ? ((bytes - startBytes) / times.bytesPerSecond) * 1_000 : 0
  const limitMs = Math.min(times.requestMs + moreMs, times.requestMsMax)
  return silentMs >= times.silenceMs || takenMs > limitMs
}
