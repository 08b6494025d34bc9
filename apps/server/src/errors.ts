import type { ErrorDetail, ErrorResponse } from '@outlast/contract'

/** Every error that the API answers with: `[status, sentence]`, `%s` filled in by who throws it. */
export const catalogue = {
  invalid_request: [400, 'The request is not valid: %s'],
  invalid_json: [400, 'The body is not valid JSON.'],
  invalid_id: [400, 'Invalid %s ID'],
  unknown_event_id: [400, 'since_id names no event of this session.'],
  capability_unknown: [400, 'There is no capability %s.'],
  model_unavailable: [400, 'Model %s does not exist or is disabled.'],
  encryption_not_configured: [400, 'Encryption not configured. Cannot store API key.'],
  host_not_allowed: [403, 'Without authentication the server answers only to loopback names.'],
  origin_not_allowed: [403, 'Requests from pages of another origin are refused.'],
  not_found: [404, '%s not found'],
  route_not_found: [404, 'There is nothing at %s.'],
  method_not_allowed: [405, '%s is not possible here.'],
  agent_archived: [409, 'Agent %s is archived. Restore it to start sessions.'],
  session_busy: [409, 'The session runs a turn, and on_busy is reject.'],
  model_exists: [409, 'The provider already has a model %s.'],
  model_in_use: [409, 'The model is in use: %s.'],
  idempotency_key_reused: [409, 'This Idempotency-Key was used with another request body.'],
  idempotency_in_progress: [409, 'The first request with this Idempotency-Key is still running.'],
  body_too_large: [413, 'The body is larger than %s bytes.'],
  unsupported_media_type: [415, 'The Content-Type must be application/json.'],
  headers_too_large: [431, 'The request headers are too large.'],
  internal_error: [500, 'Internal server error'],
  database_unavailable: [503, 'The database cannot be reached. Try again.'],
  shutting_down: [503, 'The server is shutting down. Try again.'],
} as const satisfies Record<string, readonly [status: number, sentence: string]>

export type ErrorCode = keyof typeof catalogue

/** An answer from 400 on, thrown from anywhere below a request. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly code: ErrorCode
  readonly status: number
  readonly details: ErrorDetail[] | undefined

  constructor(code: ErrorCode, about?: string, details?: ErrorDetail[]) {
    const [status, sentence] = catalogue[code]
    super(sentence.replace('%s', () => about ?? ''))
    this.code = code
    this.status = status
    this.details = details
  }

  get body(): ErrorResponse {
    const { message: error, code, details } = this
    return details ? { error, code, details } : { error, code }
  }
}

/** A request that breaks a rule at one place. */
export function invalidAt(path: string, message: string) {
  return new ApiError('invalid_request', `${path} ${message}`, [{ path, message }])
}
