import type { ToolContext } from '../../capabilities/capability.ts'
import { placed } from '../../outbound/response-body.ts'
import { type Bodies, remoteBody } from './bodies.ts'
import { exact, type Operate, type ThreadChannel } from './channel.ts'

/** A request of a tool as a message. `body` is complete, or the number of an offered stream. */
type SentRequest = {
  /** Number within the call, to abort it. */
  id: number
  url: string
  method: string
  headers: [string, string][]
  redirect: 'follow' | 'error' | 'manual'
  body?: Uint8Array | number | undefined
}

type SentResponse = {
  status: number
  statusText: string
  headers: [string, string][]
  url: string
  redirected: boolean
  body: number | undefined
}

/** Returns the `fetch` of a call in a thread; the main thread sends its requests. */
export function remoteFetch(
  operate: Operate,
  { channel, bodies, call }: { channel: ThreadChannel; bodies: Bodies; call: number },
): typeof fetch {
  let last = 0
  return async (input, init) => {
    const request = new Request(input, init)
    const id = ++last
    const { url, method, redirect, signal } = request
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    aborted.catch(() => {})
    signal.throwIfAborted()
    signal.addEventListener('abort', () => {
      channel.notify('fetch.abort', { call, id })
      reject(signal.reason)
    })
    const body = isStream(init?.body) ? bodies.offer(request.body!) : await completeBody(request)
    const sent = { id, url, method, redirect, headers: [...request.headers], body }
    const fetched = operate('fetch', sent satisfies SentRequest, signal) as Promise<SentResponse>
    const response = await Promise.race([fetched, aborted])
    return toResponse(response, ({ body }) => remoteBody(channel, { call, body }))
  }
}

/** True for a body whose length is unknown. */
const isStream = (body: unknown) =>
  body instanceof ReadableStream ||
  (typeof body === 'object' &&
    body !== null &&
    Symbol.asyncIterator in body &&
    !(body instanceof Blob))

const completeBody = async (request: Request) =>
  request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())

function toResponse(
  { headers, body, ...place }: SentResponse,
  open: (of: { body: number }) => ReadableStream<Uint8Array>,
): Response {
  const stream = body === undefined ? null : open({ body })
  return placed(new Response(stream, { headers }), place)
}

export type Fetches = Map<number, AbortController>

type Serving = {
  context: Pick<ToolContext, 'fetch'>
  channel: ThreadChannel
  bodies: Bodies
  fetches: Fetches
  call: number
}

/** Sends the request of a tool from the main thread. */
export async function serveFetch(serving: Serving, sent: SentRequest): Promise<SentResponse> {
  const { context, channel, bodies, fetches, call } = serving
  const { id, url, method, headers, redirect, body } = sent
  const aborting = new AbortController()
  fetches.set(id, aborting)
  const response = await context.fetch(url, {
    method,
    headers,
    redirect,
    signal: aborting.signal,
    ...(typeof body === 'number'
      ? { body: remoteBody(channel, { call, body }), duplex: 'half' as const }
      : { body: (exact(body) as Uint8Array<ArrayBuffer> | undefined) ?? null }),
  })
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    url: response.url,
    redirected: response.redirected,
    body: response.body ? bodies.offer(response.body) : undefined,
  }
}
