import { OutlastError } from './error.ts'

/** Returns the response. Contract: throws for another media type, and closes the body. */
export function expectType(response: Response, type: string): Response {
  const given = response.headers.get('content-type') ?? ''
  if (given.split(';')[0]!.trim() === type) return response
  void response.body?.cancel().catch(() => {})
  throw notOutlast(response)
}

/** Returns an error for a response of another server. */
export function notOutlast({ status, headers }: Response, cause?: unknown) {
  const type = headers.get('content-type') ?? 'no content type'
  const sentence = `The response is not from Outlast: ${status} with ${type}. Check the url of the client.`
  return new OutlastError('not_outlast', sentence, { status, cause })
}
