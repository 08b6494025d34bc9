import { APICallError } from '@ai-sdk/provider'

type About = {
  /** `error_code` of a turn with this failure. */
  code: string
  /** Whether a retry can help. */
  passing: boolean
  /** The public text of the failure, without details. */
  sentence: string
}

/** The kinds of failure of a model call. */
export const failureKinds = {
  bad_key: {
    code: 'llm_bad_key',
    passing: false,
    sentence: "The model's provider rejected the API key.",
  },
  no_credit: {
    code: 'llm_no_credit',
    passing: false,
    sentence: "The account at the model's provider has no credit left.",
  },
  rate_limited: {
    code: 'llm_rate_limited',
    passing: true,
    sentence: "The model's provider is limiting the request rate. Please try again later.",
  },
  overloaded: {
    code: 'llm_overloaded',
    passing: true,
    sentence: "The model's provider is overloaded or unavailable. Please try again later.",
  },
  too_long: {
    code: 'llm_too_long',
    passing: false,
    sentence: "The conversation exceeds the model's context window.",
  },
  refused: {
    code: 'llm_refused',
    passing: false,
    sentence: "The model's provider refused to answer this request.",
  },
  no_such_model: {
    code: 'llm_no_such_model',
    passing: false,
    sentence: "The model's provider does not have this model.",
  },
  network: {
    code: 'llm_network',
    passing: true,
    sentence: "The model's provider could not be reached. Please try again later.",
  },
  broken_stream: {
    code: 'llm_broken_stream',
    passing: true,
    sentence: "The model's reply was interrupted. Please try again.",
  },
  bad_response: {
    code: 'llm_bad_response',
    passing: true,
    sentence: "The model's provider sent an invalid response.",
  },
  timeout: {
    code: 'llm_timeout',
    passing: true,
    sentence: 'The model took too long to answer. Please try again.',
  },
  not_configured: {
    code: 'llm_not_configured',
    passing: false,
    sentence: 'No model with an API key is configured for this request.',
  },
  key_unreadable: {
    code: 'llm_key_unreadable',
    passing: false,
    sentence: "The server cannot decrypt the API key of the model's provider.",
  },
  budget_exhausted: {
    code: 'budget_exhausted',
    passing: false,
    sentence: 'A budget has too little left for this model call.',
  },
  budget_unpriced: {
    code: 'budget_unpriced',
    passing: false,
    sentence: 'A budget in dollars applies, and the price of the model is not known.',
  },
  unknown: {
    code: 'llm_error',
    passing: false,
    sentence: 'The model call failed unexpectedly. Please try again.',
  },
} as const satisfies Record<string, About>

export type FailureKind = keyof typeof failureKinds

export type Failure = About & {
  kind: FailureKind
  /** The vendor's Retry-After, in ms. */
  retryAfterMs: number | undefined
}

/** A failure that this server detected, with its kind. */
export class KnownFailure extends Error {
  override name = 'KnownFailure'
  readonly kind: FailureKind
  readonly passing: boolean

  constructor(kind: FailureKind, message: string, passing: boolean = failureKinds[kind].passing) {
    super(message)
    this.kind = kind
    this.passing = passing
  }
}

/** Classifies an error of a model call, and whether a retry can help. Contract: never throws. */
export function failureOf(error: unknown): Failure {
  const kind = kindOfError(error)
  const about = { ...failureKinds[kind], kind, retryAfterMs: retryAfterOf(error) }
  if (error instanceof KnownFailure) return { ...about, passing: error.passing }
  if (kind !== 'unknown') return about
  return { ...about, passing: !APICallError.isInstance(error) || error.isRetryable }
}

/** Patterns of vendors' error texts, for any status. The first match applies. */
const errorPatterns: [FailureKind, RegExp][] = [
  [
    'too_long',
    /context.{0,3}length|context (window|limit|size)|maximum (context|(prompt|model) length)|(prompt|input|request|conversation) (is )?too (long|large)|too many (input )?tokens(?!, please wait| per)|token count.{0,40}exceeds|reduce the length|`inputs`.{0,40}must be <=/i,
  ],
  ['rate_limited', /RESOURCE_EXHAUSTED|rate.?limit|too many tokens/i],
  [
    'no_credit',
    /insufficient.{0,3}(quota|balance|credit|fund)|credit balance|exceeded your current quota|billing.{0,20}(limit|inactive|not active)|payment required|out of credits/i,
  ],
  [
    'bad_key',
    /api.?key.{0,3}(is )?(not valid|invalid)|(invalid|incorrect|missing).{0,12}api.?key|authentication_error/i,
  ],
  [
    'refused',
    /content.?(policy|filter|management)|policy violation|safety (system|reasons|settings)|PROHIBITED_CONTENT/i,
  ],
  [
    'no_such_model',
    /model_not_found|DeploymentNotFound|(model|deployment)\b.{0,100}(does not exist|not found|no longer available)|unknown model|not a valid model/i,
  ],
  ['overloaded', /overloaded|server_error|temporarily unavailable|UNAVAILABLE/],
]

const endsEarly = /ended without|terminated|premature|other side closed|ECONNRESET/i

function kindOfError(error: unknown): FailureKind {
  if (error instanceof KnownFailure) return error.kind
  const status = statusOf(error)
  const text = errorTextOf(error)
  if (status !== undefined && status < 300) {
    return endsEarly.test(text) ? 'broken_stream' : 'bad_response'
  }
  const kind = kindOfText(text)
  if (kind !== undefined) return kind
  if (status !== undefined) return kindOfStatus(status)
  // There was no response.
  if (APICallError.isInstance(error)) return 'network'
  if (endsEarly.test(text)) return 'broken_stream'
  if (isNonsense(error)) return 'bad_response'
  return isBreak(error) ? 'broken_stream' : 'unknown'
}

const kindOfText = (text: string) => errorPatterns.find(([, pattern]) => pattern.test(text))?.[0]

const documentWordsMax = 500

/** The kind of a passing error that a document names by its status only. */
function kindOfCode(text: string): FailureKind | undefined {
  const status = Number(/"(?:code|status)"\s*:\s*"?([45]\d\d)\b/.exec(text)?.[1])
  return status === 408 || status === 429 || status >= 500 ? kindOfStatus(status) : undefined
}

/** The failure of a successful response that is a document instead of a stream. */
export function documentFailure(text: string, type: string | null): KnownFailure {
  const isError = /"error"\s*:\s*["{]/.test(text)
  const kind = isError ? (kindOfText(text) ?? kindOfCode(text)) : undefined
  const beginning = text.trim().slice(0, documentWordsMax)
  const message = `The provider answered with ${type ?? 'text'} instead of a stream: ${beginning}`
  return kind ? new KnownFailure(kind, message) : new KnownFailure('bad_response', message, false)
}

/** The status of a response, or of an error within a stream. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}

function kindOfStatus(status: number): FailureKind {
  if (status === 401 || status === 403) return 'bad_key'
  if (status === 402) return 'no_credit'
  if (status === 404) return 'no_such_model'
  if (status === 408) return 'timeout'
  if (status === 413) return 'too_long'
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'overloaded' : 'unknown'
}

const wordsMax = 20_000

/** The message of an error and of its cause. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) {
    const message = (error as { message?: unknown } | null)?.message
    return typeof message === 'string' ? message : (JSON.stringify(error) ?? 'unknown')
  }
  const { message, cause } = error
  const behind = cause instanceof Error && !message.includes(cause.message) ? cause.message : ''
  return behind === '' ? message : `${message}: ${behind}`
}

/** All text of a vendor's error. */
export function errorTextOf(error: unknown): string {
  const body = APICallError.isInstance(error) ? (error.responseBody ?? '') : ''
  const message = error instanceof Error ? errorMessage(error) : JSON.stringify(error)
  return `${message} ${body}`.slice(0, wordsMax)
}

/** Errors of the SDK for an invalid response. */
const isNonsense = (error: unknown) =>
  error instanceof Error &&
  /JSONParse|TypeValidation|InvalidResponse|NoContent|Empty/.test(error.name)

/** A connection that broke: errors of undici and of the system. */
const isBreak = (error: unknown) =>
  error instanceof TypeError ||
  (error instanceof Error && 'code' in error && typeof error.code === 'string')

function retryAfterOf(error: unknown): number | undefined {
  if (!APICallError.isInstance(error)) return undefined
  const { responseHeaders: headers = {}, responseBody = '' } = error
  const precise = headers['retry-after-ms'] ?? ''
  if (/^\d{1,15}(\.\d+)?$/.test(precise)) return Number(precise)
  const header = headers['retry-after']
  if (header !== undefined) return retryAfterIn(header)
  const delay = /"retryDelay":\s*"([\d.]{1,10})s"/.exec(responseBody.slice(0, wordsMax))
  return delay ? Math.ceil(Number(delay[1]) * 1000) : undefined
}

function retryAfterIn(header: string): number | undefined {
  const seconds = header.trim() === '' ? Number.NaN : Number(header)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
