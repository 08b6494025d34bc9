import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorResponse } from '@outlast/contract'
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
} from 'fastify'
import { ApiError, type ErrorCode } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { traceparentOf } from '../../observe/trace-context.ts'
import { isUnavailable } from '../../store/database-errors.ts'

declare module 'fastify' {
  interface FastifyReply {
    /** The error code of the response, if it is an error. */
    problem?: ErrorCode | undefined
    /** True for the error of an operation that an adapter called: its own reply has counted. */
    isPassedOn?: boolean
  }
}

const retryAfterSeconds = 1

/** Our codes for errors that Fastify throws. */
const ours = new Map<unknown, ErrorCode>([
  ['FST_ERR_CTP_INVALID_JSON_BODY', 'invalid_json'],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', 'invalid_json'],
])

/** Answers every error as `{error, code}` in JSON. */
export function answerProblems(app: FastifyInstance, log: Log): void {
  app.decorateReply('problem')
  app.decorateReply('isPassedOn', false)
  answerProblemsAs(app, log, responseOf)
}

/** Answers the errors of a scope with bodies of another form. */
export function answerProblemsAs(
  app: FastifyInstance,
  log: Log,
  bodyOf: (problem: ApiError, instance: string) => object,
): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = apiErrorOf(error, request.routeOptions)
    if (problem.code === 'internal_error') {
      const url = request.url.split('?')[0]
      log.error('request failed', { request: request.id, url, ...traceOfRequest(request), error })
    }
    return withStatus(reply, problem).send(bodyOf(problem, request.id))
  })
}

/** Trace id of the caller, if it sent one. */
function traceOfRequest({ headers }: FastifyRequest) {
  const traceparent = traceparentOf(headers.traceparent)
  return traceparent && { trace_id: traceparent.split('-')[1] }
}

/** Seconds of the `Retry-After` header of an error; undefined without one. */
const retryAfterOf = ({ status, retryAfter }: ApiError) =>
  status === 503 || status === 429 ? (retryAfter ?? retryAfterSeconds) : undefined

/** The body of an error response. `instance`: id of the request. */
export function responseOf(problem: ApiError, instance?: string): ErrorResponse {
  const seconds = retryAfterOf(problem)
  return {
    ...problem.body,
    ...(instance !== undefined && { instance }),
    ...(seconds !== undefined && { retry_after_seconds: seconds }),
  }
}

function withStatus(reply: FastifyReply, problem: ApiError): FastifyReply {
  const { status, code } = problem
  const seconds = retryAfterOf(problem)
  reply.problem = code
  reply.isPassedOn = problem.isPassedOn
  // A handler may have set headers for another type, such as an export.
  reply.removeHeader('content-disposition')
  reply.header('content-type', 'application/json; charset=utf-8')
  if (seconds !== undefined) reply.header('retry-after', seconds)
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="outlast"')
  return reply.code(status)
}

/** Replaces a prepared response by one for `error`. Returns its body. */
export function answerInstead(reply: FastifyReply, error: unknown): string {
  const problem = apiErrorOf(error as FastifyError, {})
  withStatus(reply, problem)
  return JSON.stringify(responseOf(problem, reply.request.id))
}

type AcceptedBody = { bodyLimit?: number; schema?: FastifySchema | undefined }

function apiErrorOf(error: FastifyError, { bodyLimit = 0, schema }: AcceptedBody): ApiError {
  if (error instanceof ApiError) return error
  if (isUnavailable(error)) return new ApiError('database_unavailable')
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ApiError('body_too_large', String(bodyLimit))
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const types = schema?.consumes ?? ['application/json']
    return new ApiError('unsupported_media_type', types.join(' or '))
  }
  const code = ours.get(error.code)
  if (code) return new ApiError(code)
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new ApiError('invalid_request', error.message)
  }
  return new ApiError('internal_error')
}

/** Answers bytes that are no HTTP request. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const code = unreadable[error.code ?? '']
  refuseConnection(socket, code ?? 'invalid_request', 'the data is not HTTP.')
}

const unreadable: Record<string, ErrorCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
}

const unreadMs = 1_000

/**
 * Sends an error on a connection without a request and closes it, at once or soon: a reset before
 * a client that still sends has read the answer would discard it.
 */
export function refuseConnection(socket: Socket, code: ErrorCode, about?: string): void {
  const problem = new ApiError(code, about)
  const body = JSON.stringify(responseOf(problem))
  const seconds = retryAfterOf(problem)
  const later = seconds === undefined ? '' : `retry-after: ${seconds}\r\n`
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${later}content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
  setTimeout(() => socket.destroy(), unreadMs).unref()
}

/** Answers a request that the framework does not see. */
export function refuseRequest(response: ServerResponse, problem: ApiError): void {
  const json = JSON.stringify(responseOf(problem))
  const seconds = retryAfterOf(problem)
  if (seconds !== undefined) response.setHeader('retry-after', seconds)
  response.writeHead(problem.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(json),
    connection: 'close',
  })
  response.end(json)
}

type ShowPage = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined

/**
 * A path that exists for other methods is 405 with those; any other is 404. `showPage` answers
 * browsers; undefined: the request is not a browser's.
 */
export function answerUnknownRoutes(app: FastifyInstance, showPage: ShowPage): void {
  const known: { pattern: RegExp; methods: string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    // The route of preflights, which every path has.
    if (url === '*') return
    const pattern = new RegExp(
      `^${url
        .replace(/[.+?^$()[\]{}|]/g, '\\$&')
        .replace(/:\w+/g, '[^/]+')
        .replace('*', '.*')}$`,
    )
    const methods = typeof method === 'string' ? [method] : method
    known.push({ pattern, methods })
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!
    const methods = known
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((route) => route.methods)
    // A route of this method has called this itself: it has no such file.
    if (methods.length === 0 || methods.includes(request.method)) {
      const shown = showPage(request, reply)
      if (shown) return shown
      throw new ApiError('route_not_found', path.slice(0, 200))
    }
    reply.header('allow', [...new Set(methods)].join(', '))
    throw new ApiError('method_not_allowed', request.method)
  })
}
