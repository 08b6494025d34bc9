import type { ErrorDetail, ErrorResponse, Resume } from '@outlast/contract'
import type { ErrorCode } from './error-code.ts'

/**
 * The error of every failed call.
 * `code` is a stable code: of the server (docs/errors.md), of a newer server, or a `TransportCode`.
 * `status` is 0 without a response. `requestId` identifies the request in the log of the server.
 * A call whose own signal is aborted rejects with the reason of the signal instead.
 */
export class OutlastError extends Error {
  override name = 'OutlastError'
  // Declared only: the constructor sets each, and bundles for browsers stay small.
  declare readonly code: ErrorCode | (string & Record<never, never>)
  declare readonly status: number
  declare readonly details: readonly ErrorDetail[]
  declare readonly requestId: string | undefined
  /** Time in ms to wait before a retry, if the server sent `Retry-After`. */
  declare readonly retryAfterMs: number | undefined
  /** With `history_changed`: the position to resume from. */
  declare readonly resume: Resume | undefined

  constructor(
    code: string,
    message: string,
    about: {
      status?: number
      details?: readonly ErrorDetail[] | undefined
      requestId?: string | undefined
      retryAfterMs?: number | undefined
      resume?: Resume | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause })
    this.code = code
    this.status = about.status ?? 0
    this.details = about.details ?? []
    this.requestId = about.requestId
    this.retryAfterMs = about.retryAfterMs
    this.resume = about.resume
  }
}

/**
 * The error of a failed turn. `code` is the `error_code` of its `turn.failed`. With
 * `output_invalid`, `details` has the violations of the output schema.
 */
export class TurnFailedError extends OutlastError {
  override name = 'TurnFailedError'
  declare readonly turnId: string

  constructor(
    turnId: string,
    code: string,
    message: string,
    details?: readonly ErrorDetail[] | undefined,
  ) {
    super(code, message, { details })
    this.turnId = turnId
  }
}

const names = ['OutlastError', 'TurnFailedError']

/**
 * Tests whether a thrown value is an OutlastError and has one of the given codes; without codes,
 * any code. It compares the name of the error, so it also recognizes errors of another copy of
 * this package, frame or realm.
 *
 * ```ts
 * import { createOutlast, isOutlastError } from '@outlast/sdk'
 *
 * const outlast = createOutlast()
 * try {
 *   await outlast.agents.get('agent_01933b5a000070008000000000000001')
 * } catch (error) {
 *   if (!isOutlastError(error, 'not_found')) throw error
 *   console.log('There is no such agent.')
 * }
 * ```
 */
export function isOutlastError<C extends ErrorCode | (string & Record<never, never>)>(
  error: unknown,
  ...codes: readonly C[]
): error is OutlastError & { readonly code: C } {
  const { name, code } = (error ?? {}) as { name: string; code: C }
  if (!names.includes(name)) return false
  return typeof code === 'string' && (codes.length === 0 || codes.includes(code))
}

/** Returns the error of a response with a status of 400 or above and its body. */
export function errorOf(response: Response, text: string): OutlastError {
  const body = errorBodyIn(text)
  const about = {
    status: response.status,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfterMs: retryAfterOf(response.headers),
  }
  if (body) {
    const { code, error, details, resume } = body
    return new OutlastError(code, error, { ...about, details, resume })
  }
  return new OutlastError('not_outlast', insteadOf(response), about)
}

/** Describes a response that is not from Outlast: of a proxy, or a redirect. */
function insteadOf({ status, statusText, type, headers }: Response): string {
  const to = headers.get('location')
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    const where = to ? `to ${to.split(/[?#]/)[0]}` : 'elsewhere'
    return `A proxy redirects the request ${where}. Sign in at the proxy, or correct the url of the server.`
  }
  return `The response is not from Outlast: ${`${status} ${statusText}`.trim()}`
}

const reasons: Record<string, string> = {
  ENOTFOUND: 'the host was not found',
  EAI_AGAIN: 'the name of the host could not be resolved',
  ECONNREFUSED: 'the connection was refused',
  ConnectionRefused: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  UND_ERR_SOCKET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ETIMEDOUT: 'the host does not respond',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not respond',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the host is unreachable',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not from a trusted authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not from a trusted authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not use TLS; use http instead of https',
}

/** Converts an error of `fetch`. `hasBegun`: the response had begun. */
export function lostConnection(
  error: unknown,
  { host, hasBegun }: { host: string; hasBegun: boolean },
): OutlastError {
  const { cause, message } = error as { cause?: { code?: string }; message?: string }
  const code = cause?.code ?? (error as { code?: string }).code
  const why = reasons[code ?? ''] ?? code ?? (message || 'no reason given')
  if (/CERT|SSL|TLS|EPROTO|UNABLE_TO_VERIFY/i.test(`${code} ${message}`)) {
    const sentence = `No secure connection to ${host}: ${why}.`
    return new OutlastError('tls_failed', sentence, { cause: error })
  }
  const what = hasBegun ? `The response of ${host} was interrupted` : `No connection to ${host}`
  const sentence = `${what}: ${why}.${hintOf(hasBegun)}`
  return new OutlastError('connection_failed', sentence, { cause: error })
}

/** Browsers hide the reason; a missing CORS header is the most likely one. */
function hintOf(hasBegun: boolean): string {
  if (hasBegun || !('document' in globalThis)) return ''
  return ' If the page has another origin, add that origin to CORS_ALLOWED_ORIGINS of the server.'
}

function errorBodyIn(text: string): ErrorResponse | undefined {
  const body = jsonIn(text)
  return typeof body?.code === 'string' && typeof body.error === 'string' ? body : undefined
}

/** Parses JSON that another server may have sent. Returns undefined for other text. */
export function jsonIn(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function retryAfterOf(headers: Headers): number | undefined {
  const given = headers.get('retry-after')
  if (given === null) return undefined
  const ms = /^\d+$/.test(given) ? Number(given) * 1000 : Date.parse(given) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}
