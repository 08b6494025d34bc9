import { OutlastError } from '@outlast/sdk'

/** What a person reads about a failure. */
export const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** The same of a decision or an answer, which may have arrived although no answer came back. */
export const sendFailureOf = (error: unknown): string =>
  error instanceof OutlastError && error.status === 0
    ? `The server did not confirm this, so try again. ${error.message}`
    : `Not sent. ${sentenceOf(error)}`

/** The HTTP status of an answer that was a failure. */
export const statusOf = (error: unknown) => (error as { status?: number } | null)?.status
