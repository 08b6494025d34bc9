import { OutlastError } from '@outlast/sdk'

/** Returns the message of an error. */
export const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Returns the message of a failed decision or result. It may have reached the server. */
export const sendFailureOf = (error: unknown): string =>
  error instanceof OutlastError && error.status === 0
    ? `The server did not confirm this. Try again. ${error.message}`
    : `Not sent. ${sentenceOf(error)}`

/** Returns the HTTP status of an error. */
export const statusOf = (error: unknown) => (error as { status?: number } | null)?.status
