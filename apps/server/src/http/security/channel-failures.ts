import type { EventMessage, GenerationMetadata } from '@outlast/contract'
import { failureKinds } from '../../providers/failure.ts'

/** Failures of turns as callers of a channel read them. */
const publicSentences = {
  rate_limited: 'The agent receives too many requests. Please try again later.',
  service_unavailable: 'The agent is not available. Please try again later.',
  request_too_large: 'The conversation is too long for the agent.',
  internal_error: 'The agent could not complete the request.',
} as const

type PublicCode = keyof typeof publicSentences

/** Public codes of stored codes. Any other is `internal_error`. */
const publicCodes: Record<string, PublicCode> = {
  [failureKinds.rate_limited.code]: 'rate_limited',
  [failureKinds.budget_exhausted.code]: 'rate_limited',
  [failureKinds.too_long.code]: 'request_too_large',
  [failureKinds.overloaded.code]: 'service_unavailable',
  [failureKinds.no_credit.code]: 'service_unavailable',
  [failureKinds.network.code]: 'service_unavailable',
  [failureKinds.broken_stream.code]: 'service_unavailable',
  [failureKinds.bad_response.code]: 'service_unavailable',
  [failureKinds.timeout.code]: 'service_unavailable',
}

export function publicFailure(code: string | undefined) {
  const error_code = publicCodes[code ?? ''] ?? 'internal_error'
  return { error: publicSentences[error_code], error_code }
}

/** A failed model call without text stores the sentence of the failure as the text of its reply. */
const codesOfSentences = new Map<string, string>(
  Object.values(failureKinds).map(({ sentence, code }) => [sentence, code]),
)

/** Replaces a text that is the sentence of a failure. */
export function publicText(text: string): string {
  const code = codesOfSentences.get(text)
  return code === undefined ? text : publicFailure(code).error
}

/** Replaces the sentence of a failure in a message. */
export function publicMessage<M extends Pick<EventMessage, 'content'>>(message: M): M {
  const content = message.content.map((part) =>
    part.type === 'text' ? { ...part, text: publicText(part.text) } : part,
  )
  return { ...message, content }
}

/** The metadata of a model call without the words and codes of its provider. */
export function publicMetadata({ retry, ...metadata }: GenerationMetadata): GenerationMetadata {
  const { error, error_code } = metadata
  const isFailed = error !== undefined || error_code !== undefined
  return {
    ...metadata,
    ...(isFailed && publicFailure(error_code)),
    ...(retry && { retry: { attempts: retry.attempts, total_wait_ms: retry.total_wait_ms } }),
  }
}
