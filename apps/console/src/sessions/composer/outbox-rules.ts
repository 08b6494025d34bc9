import { OutlastError } from '@outlast/sdk'
import type { OutboxEntry } from './outbox-store.ts'

const backoffMs = { first: 250, most: 8_000 }
/** One hour less than the server keeps a key, so that no attempt ends after it was dropped. */
const keyLifetimeMs = 23 * 3_600_000
const clockToleranceMs = 300_000

/** Returns whether the server may have dropped the key. A retry could store the message twice. */
export function isKeyExpired({ keyedAt }: Pick<OutboxEntry, 'keyedAt'>): boolean {
  const ageMs = Date.now() - keyedAt
  return ageMs > keyLifetimeMs || ageMs < -clockToleranceMs
}

const temporaryStatuses = new Set([0, 401, 408, 429, 502, 503, 504])
const temporaryCodes = new Set(['idempotency_in_progress', 'user_mismatch'])

/** Returns whether the same request may succeed later without a decision by the user. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof OutlastError)) return true
  const { status, code } = error
  // A proxy or a captive portal answered. Only its size limit is permanent.
  if (code === 'not_outlast') return status !== 413
  return temporaryStatuses.has(status) || temporaryCodes.has(code)
}

/** Returns whether the server repeats this refusal for the same key. A retry needs a new key. */
export const isRefusal = (error: unknown) =>
  error instanceof OutlastError &&
  error.code !== 'not_outlast' &&
  error.status >= 400 &&
  error.status < 500

/** Returns the backoff in ms. Half of it is jitter, so that tabs do not retry together. */
export const backoff = (failures: number) =>
  Math.min(backoffMs.most, backoffMs.first * 2 ** failures) * (0.5 + Math.random() / 2)
