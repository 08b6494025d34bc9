import type { ErrorDetail, ErrorResponse } from '@outlast/contract'

/** What goes wrong between the client and the server, besides the codes of the server's own errors. */
export type TransportCode =
  /** No connection, or it broke. */
  | 'connection_failed'
  /** Nothing came within the time limit. */
  | 'timeout'
  /** Whatever answered is not an Outlast server: a proxy, a sign-in page, another address. */
  | 'not_outlast'

/**
 * Every failure of a call.
 * `code` is a stable word, the server's (docs/errors.md) or a `TransportCode`; `status` is 0 where no answer came;
 * `requestId` finds the request in the server's logs. A call that its own signal ended rejects with the signal's
 * reason instead.
 */
export class OutlastError extends Error {
  override name = 'OutlastError'
  readonly code: string
  readonly status: number
  readonly details: readonly ErrorDetail[]
  readonly requestId: string | undefined
  /** How long the server asked to wait before the next try. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: string,
    message: string,
    about: {
      status?: number
      details?: readonly ErrorDetail[] | undefined
      requestId?: string | undefined
      retryAfterMs?: number | undefined
      cause?: unknown
    } = {},
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause })
    this.code = code
    this.status = about.status ?? 0
    this.details = about.details ?? []
    this.requestId = about.requestId
    this.retryAfterMs = about.retryAfterMs
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

/** The error that an answer from 400 on stands for. */
export async function errorOf(response: Response): Promise<OutlastError> {
  const text = await response.text()
  const body = parsed(text)
  const about = {
    status: response.status,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfterMs: retryAfterOf(response.headers),
  }
  if (body) return new OutlastError(body.code, body.error, { ...about, details: body.details })
  const said = `${response.status} ${response.statusText}`.trim()
  return new OutlastError('not_outlast', `Something else than Outlast answered: ${said}`, about)
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
