import type { ErrorDetail, ErrorResponse, Resume } from '@outlast/contract'
import type { ErrorCode } from './error-code.ts'

/**
 * Every failure of a call.
 * `code` is a stable word, the server's (docs/errors.md) or a `TransportCode`, and may be one that
 * this version does not know; `status` is 0 where no answer came; `requestId` finds the request in
 * the server's logs. A call that its own signal ended rejects with the signal's reason instead.
 */
export class OutlastError extends Error {
  override name = 'OutlastError'
  readonly code: ErrorCode | (string & Record<never, never>)
  readonly status: number
  readonly details: readonly ErrorDetail[]
  readonly requestId: string | undefined
  /** How long the server asked to wait before the next try. */
  readonly retryAfterMs: number | undefined
  /** With `history_changed`: the last event that is left of those before. */
  readonly resume: Resume | undefined

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

/** A turn that could not go on. `code` is the `error_code` of its `turn.failed`. */
export class TurnFailedError extends OutlastError {
  override name = 'TurnFailedError'
  readonly turnId: string

  constructor(turnId: string, code: string, message: string) {
    super(code, message)
    this.turnId = turnId
  }
}

const names = ['OutlastError', 'TurnFailedError']

/**
 * Whether something that was thrown is an OutlastError, and of this code if one is named. It goes
 * by name, so it holds also for an error of another copy of this package, another frame or another
 * realm.
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
  code?: C,
): error is OutlastError & { readonly code: C } {
  const { name, code: given } = (error ?? {}) as { name?: unknown; code?: unknown }
  if (typeof name !== 'string' || !names.includes(name)) return false
  return typeof given === 'string' && (code === undefined || given === code)
}

/** The error that an answer from 400 on stands for. */
export async function errorOf(response: Response): Promise<OutlastError> {
  const text = await response.text()
  const body = parsed(text)
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

/** A page that no Outlast made: of a proxy, or where a redirect leads. */
function insteadOf({ status, statusText, type, headers }: Response): string {
  const to = headers.get('location')
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    const where = to ? `to ${to.split(/[?#]/)[0]}` : 'elsewhere'
    return `Something before Outlast redirects ${where}: a sign-in, or the url is not the server's own.`
  }
  return `Something else than Outlast answered: ${`${status} ${statusText}`.trim()}`
}

const reasons: Record<string, string> = {
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNREFUSED: 'nothing listens there',
  ConnectionRefused: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'nobody known vouches for its certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'nobody known vouches for its certificate',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS, so http may be meant',
}

/** The error that a `fetch` which threw stands for. `hasBegun`: an answer had begun. */
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
  const what = hasBegun ? `The answer of ${host} broke off` : `No connection to ${host}`
  const sentence = `${what}: ${why}.${hintOf(hasBegun)}`
  return new OutlastError('connection_failed', sentence, { cause: error })
}

/** A browser does not say why; a page of another origin is the likeliest reason. */
function hintOf(hasBegun: boolean): string {
  if (hasBegun || !('document' in globalThis)) return ''
  return ' If the page is of another origin, the server must name it in CORS_ALLOWED_ORIGINS.'
}

function parsed(text: string): ErrorResponse | undefined {
  try {
    const body = JSON.parse(text)
    return typeof body?.code === 'string' && typeof body.error === 'string' ? body : undefined
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
