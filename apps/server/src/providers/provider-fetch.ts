import { createEventBytes } from '../outbound/event-bytes.ts'
import { createLineEnds } from '../outbound/line-ends.ts'
import { withBody } from '../outbound/response-body.ts'
import { documentFailure } from './failure.ts'

const mebibyte = 1024 * 1024

/** Limits in bytes: a response without an event stream, an event of a stream, a whole stream. */
const answerBytesMax = 32 * mebibyte
const eventBytesMax = 32 * mebibyte
const streamBytesMax = 1024 * mebibyte
/** Bytes of an error body that are read. */
const errorBytesMax = mebibyte
const redirectsMax = 3

/**
 * Wraps `fetch` for a provider's server. Limits response sizes, and follows redirects within the
 * same origin only, since requests carry the key and the conversation.
 */
export function providerFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) =>
    bounded(await withinOrigin(fetch, String(input), init), init?.method === 'POST')
}

async function withinOrigin(
  fetch: typeof globalThis.fetch,
  address: string,
  init: RequestInit | undefined,
): Promise<Response> {
  let url = address
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(url, { ...init, redirect: 'manual' })
    const location = response.headers.get('location')
    const keepsMethod = response.status === 307 || response.status === 308
    const target = keepsMethod && location ? URL.parse(location, url) : null
    const isInside = target?.origin === new URL(url).origin
    if (!target || !isInside || redirects >= redirectsMax) return response
    await response.body?.cancel()
    url = target.href
  }
}

function bounded(response: Response, isPost: boolean): Response {
  const { body, ok, headers } = response
  if (!body) return response
  const isStream = headers.get('content-type')?.includes('text/event-stream') === true
  const counted = !ok
    ? counting({ cutAt: errorBytesMax })
    : isStream
      ? countingEvents()
      : counting({ failAt: answerBytesMax })
  const limited = body.pipeThrough(counted)
  if (!ok || !isPost) return withBody(response, limited)
  return withBody(response, limited.pipeThrough(refusingDocuments(headers.get('content-type'))))
}

const documentLengthMax = 20_000

/** Fails for JSON and HTML, which are no event streams: all POST requests expect one. */
function refusingDocuments(type: string | null) {
  const decoder = new TextDecoder()
  let text = ''
  let isDocument: boolean | undefined
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      if (isDocument !== false) text = (text + decoder.decode(piece, { stream: true })).trimStart()
      // The first character that is no space decides.
      if (text !== '') isDocument ??= /^[{[<]/.test(text)
      if (!isDocument) {
        text = ''
        controller.enqueue(piece)
      } else if (text.length >= documentLengthMax) controller.error(documentFailure(text, type))
    },
    flush(controller) {
      if (isDocument) controller.error(documentFailure(text, type))
    },
  })
}

const tooLarge = () => new TypeError('The response of the provider is too large.')
const unlimited = Number.POSITIVE_INFINITY

function counting({ cutAt = unlimited, failAt = unlimited }) {
  let bytes = 0
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      const left = cutAt - bytes
      bytes += piece.length
      if (bytes > failAt) return controller.error(tooLarge())
      controller.enqueue(left < piece.length ? piece.subarray(0, Math.max(0, left)) : piece)
      if (bytes > cutAt) controller.terminate()
    },
  })
}

/** Limits also the bytes of an event that has no end yet. */
function countingEvents() {
  let bytes = 0
  const held = createEventBytes()
  const lines = createLineEnds()
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      bytes += piece.length
      if (bytes > streamBytesMax || held(piece) > eventBytesMax) return controller.error(tooLarge())
      controller.enqueue(lines(piece))
    },
  })
}
