import { whenAborted } from './abort.ts'
import { isOutlastError, OutlastError } from './error.ts'

const backoffMs = { first: 250, most: 8_000 }
/** Longest pause that a server can ask for. */
export const retryAfterMsMax = 60_000
/** Statuses after which a retry can succeed. */
const temporary = new Set([408, 429, 502, 503, 504])
/** Codes with these statuses after which a retry fails as well. */
const lasting = new Set(['schedule_limit', 'grep_timeout', 'provider_failed'])
/** A request with the same Idempotency-Key is running; the second code is that of channels. */
const pending = new Set(['idempotency_in_progress', 'idempotency_key_in_progress'])
/** Codes that a retried DELETE receives if an earlier attempt succeeded. */
const gone = ['not_found', 'file_not_found', 'path_not_found'] as const

/** Tests whether a retry can succeed. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof OutlastError)) return false
  if (error.status === 0) return error.code === 'connection_failed' || error.code === 'timeout'
  return (temporary.has(error.status) && !lasting.has(error.code)) || pending.has(error.code)
}

/** Codes with status 503 after which the operation may have had its effect. */
const unsure = new Set(['database_unavailable', 'not_outlast'])
/** Codes of Node for a request that was not sent. */
const unsent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])

/** Tests whether the operation had no effect. */
export function hadNoEffect(error: unknown): boolean {
  if (!isOutlastError(error)) return false
  const { status, code, cause } = error
  if (status !== 0) return status === 429 || (status === 503 && !unsure.has(code))
  return unsent.has((cause as { cause?: { code?: string } } | undefined)?.cause?.code ?? '')
}

/** Tests whether a retried DELETE was refused because an earlier attempt succeeded. */
export const isGone = (error: unknown) => isOutlastError(error, ...gone)

/** Returns the pause in ms before a retry. Contract: throws the error if it would be too long. */
export function waitOf(attempt: number, error: unknown): number {
  const asked = (error as OutlastError).retryAfterMs ?? 0
  if (asked > retryAfterMsMax) throw error
  return Math.max(asked, backoff(attempt, backoffMs))
}

/** Returns an exponential backoff in ms with jitter. */
export const backoff = (attempt: number, { first, most }: { first: number; most: number }) =>
  Math.min(most, first * 2 ** attempt) * (0.5 + Math.random() / 2)

/** Waits. Contract: rejects with the reason of the signal as soon as it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      unlisten()
      resolve()
    }, ms)
    const unlisten = whenAborted(signal, () => {
      clearTimeout(timer)
      reject(signal?.reason)
    })
  })
}
