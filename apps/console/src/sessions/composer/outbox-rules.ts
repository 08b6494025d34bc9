import { OutlastError } from '@outlast/sdk'
import type { OutboxEntry } from './outbox-store.ts'

const backoffMs = { first: 250, most: 8_000 }
/** One hour less than the server remembers a key: no attempt may end later than that. */
const keyLifetimeMs = 23 * 3_600_000
const clockToleranceMs = 300_000

/** Whether the server may have dropped the key, so that a retry could store the message twice. */
export function isKeyExpired({ keyedAt }: Pick<OutboxEntry, 'keyedAt'>): boolean {
  const ageMs = Date.now() - keyedAt
  return ageMs > keyLifetimeMs || ageMs < -clockToleranceMs
}

const temporaryStatuses = new Set([0, 401, 408, 429, 502, 503, 504])
const temporaryCodes = new Set(['idempotency_in_progress', 'user_mismatch'])

/** Whether the same request may succeed later without a decision by the user. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof OutlastError)) return true
  const { status, code } = error
  // A proxy, a sign-in page of the network. Only its limit on sizes stays.
  if (code === 'not_outlast') return status !== 413
  return temporaryStatuses.has(status) || temporaryCodes.has(code)
}

/** The server repeats a refusal for the same key, so another attempt needs a new one. */
export const isRefusal = (error: unknown) =>
  error instanceof OutlastError &&
  error.code !== 'not_outlast' &&
  error.status >= 400 &&
  error.status < 500

/** Backoff in ms after so many failures. Half of it is jitter, so that tabs do not coincide. */
export const backoff = (failures: number) =>
  Math.min(backoffMs.most, backoffMs.first * 2 ** failures) * (0.5 + Math.random() / 2)
