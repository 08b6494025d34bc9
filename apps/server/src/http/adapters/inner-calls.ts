import type { ErrorResponse } from '@outlast/contract'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ApiError, type ErrorCode } from '../../errors.ts'

export type InnerMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The response of an operation. `body` is parsed JSON, null without one. */
export type InnerResponse<T = unknown> = {
  status: number
  body: T
  headers: Readonly<Record<string, unknown>>
}

/** Calls operations of the API as the client of a request. */
export type InnerCalls = {
  /** Returns the response with any status. */
  call: <T = unknown>(
    method: InnerMethod,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ) => Promise<InnerResponse<T>>
  /** Returns the body. Contract: throws the error of the operation, with its code and sentence. */
  run: <T = unknown>(
    method: InnerMethod,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ) => Promise<T>
  /** Throws the error of a response. */
  fail: (response: InnerResponse) => never
}

/** Headers of the outer request that are about its own body, connection, resource or repetition. */
const ofOuter = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'keep-alive',
  'last-event-id',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** An address of no network, for a client that has none. */
const noAddress = '::'

/**
 * Calls operations in this process with the credential, the cookies, the organization, the origin
 * and the address of the outer request, so that each is checked, limited and audited as if the
 * client had called it. There is no header that only an inner call has.
 */
export function innerCalls(app: FastifyInstance, request: FastifyRequest): InnerCalls {
  const remoteAddress = request.raw.socket.remoteAddress ?? noAddress
  const own = ownHeaders(request)

  async function call<T>(
    method: InnerMethod,
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<InnerResponse<T>> {
    const response = await app.inject({
      method,
      url: path,
      remoteAddress,
      headers: { ...own, ...headers },
      ...(body && { payload: body }),
    })
    const parsed = (response.payload === '' ? null : JSON.parse(response.payload)) as T
    return { status: response.statusCode, body: parsed, headers: response.headers }
  }

  const fail = ({ body }: InnerResponse): never => {
    throw errorOf(body as ErrorResponse)
  }

  return {
    call,
    fail,
    async run<T>(...operation: Parameters<InnerCalls['call']>) {
      const response = await call<T>(...operation)
      return response.status >= 400 ? fail(response) : response.body
    },
  }
}

/** The organization is the one that the outer request is in, however it was named. */
function ownHeaders({ headers, principal, id }: FastifyRequest): Record<string, string> {
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || ofOuter.has(name) ? [] : [[name, String(value)]],
  )
  return { ...Object.fromEntries(kept), 'x-request-id': id, 'x-org-id': principal.orgId }
}

/** The error of a response, to throw it again. */
function errorOf(answer: ErrorResponse): ApiError {
  const { code, error, details, resume, retry_after_seconds: seconds } = answer
  const problem = new ApiError(code as ErrorCode, '', details, seconds, resume)
  problem.message = error
  problem.isPassedOn = true
  return problem
}
