import { errorOf, isOutlastError, lostConnection, OutlastError } from './error.ts'
import { limited, readText } from './limited.ts'
import { expectType, notOutlast } from './media-type.ts'
import { hadNoEffect, isGone, isTemporary, pause, waitOf } from './retry.ts'

/** Address of the server, and settings of all calls. */
export type ClientOptions = {
  /**
   * Address of the server, with the path before `/v1` if there is one; `/v1` at its end is left
   * out. In a page it may be relative: `/` is the server of the page. Default:
   * `http://localhost:9000`.
   */
  url?: string | undefined
  /**
   * An API key, access token or session token, or a function called before each attempt. If a key
   * is still pending at the end of an attempt, the next one awaits it. If the server refuses a
   * token, the function is called once more, with that token.
   */
  apiKey?: string | ((refused?: string) => string | Promise<string>) | undefined
  /** Organization id. Needed with the access token of a user of several organizations. */
  organization?: string | undefined
  /** Headers of every request. */
  headers?: Record<string, string>
  /** Replacement of `fetch`. Default: that of the platform. */
  fetch?: typeof fetch
  /**
   * Longest time in ms of one attempt without an answer, or between two parts of it; `Infinity`:
   * none. A body has one second more for each 32 KiB. Default: 30,000. Not for streams.
   */
  timeoutMs?: number
  /** Maximum number of retries when the connection or the server fails. Default: 3. */
  retriesMax?: number
}

/** Settings of one call. */
export type CallOptions = {
  /** Ends the call, also between attempts. It rejects with the reason of the signal. */
  signal?: AbortSignal
  timeoutMs?: number
  retriesMax?: number
  headers?: Record<string, string>
  /** For a POST: two requests with the same key have one effect. Default: a new key. */
  idempotencyKey?: string
  /** For a change: the `updated_at` that was read. `changed_meanwhile` if it differs now. */
  ifMatch?: string
}

export type Query = Record<string, string | number | boolean | readonly string[] | undefined | null>

export type Request = {
  query?: Query
  /** Sent as JSON. */
  body?: unknown
  /** Sent unchanged, instead of `body`. */
  text?: { type: string; content: string }
  /** Sent as `multipart/form-data`, instead of `body`. */
  form?: FormData
  /** Media type of the response. Default: JSON. */
  accept?: string
  /** A POST without an effect, which needs no idempotency key. */
  isRead?: boolean
  /** The response has a secret, so the server does not store it for a retry. */
  hasSecret?: boolean
}

/**
 * A response that lists unknown fields of the request. The client asks the server to refuse them,
 * so it receives warnings only if a header of the caller replaces `outlast-strict`.
 */
export type Warned<T> = T extends object
  ? T extends readonly unknown[]
    ? T
    : T & { warnings?: string[] }
  : T

/** Makes a call, and returns the JSON of its response. */
type Call = {
  <T>(method: Change, path: string, sent?: Request, options?: CallOptions): Promise<Warned<T>>
  <T>(method: Method, path: string, sent?: Request, options?: CallOptions): Promise<T>
}
type Change = 'POST' | 'PUT' | 'PATCH'
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Calls of one server. */
export type Http = ReturnType<typeof createHttp>

const timeoutMsDefault = 30_000
/** Lowest rate at which a body is sent in time: 32 KiB/s. `fetch` reports no progress. */
const bytesPerMs = 32.768
const retriesDefault = 3

export function createHttp(client: ClientOptions) {
  const base = baseOf(client.url ?? 'http://localhost:9000')
  const fetching: typeof fetch = client.fetch ?? ((input, init) => fetch(input, init))
  check(client)

  /**
   * Sends a request, with retries, and reads its response.
   * Contract: rejects with an OutlastError, with the reason of the caller's signal, or with a
   * TypeError for a request that cannot be sent.
   */
  async function request<T>(
    method: Method,
    path: string,
    { request: sent = {}, options = {}, read }: Sending<T>,
  ): Promise<T> {
    check(options)
    const url = base + path + queryOf(sent.query)
    const body = bodyOf(sent)
    const sendMs = sendMsOf(body)
    const retriesMax = retriesOf(client, method, path, options)
    const hasEffect = method === 'POST' && !sent.isRead
    const key = options.idempotencyKey ?? (hasEffect ? newKey() : undefined)
    let pendingKey: ReturnType<typeof keyOf> | undefined
    for (let attempt = 0; ; attempt += 1) {
      options.signal?.throwIfAborted()
      let isSent = false
      try {
        return await limited(limitOf(client, options), options.signal, async (signal, again) => {
          const send = async (refused?: string, refusal?: unknown): Promise<T> => {
            // Kept after a timeout: the function may wait for a person.
            pendingKey ??= keyOf(client, refused).catch((error) => {
              pendingKey = undefined
              if (isOutlastError(error)) throw error
              throw new OutlastError('connection_failed', 'No key: `apiKey` failed.', {
                cause: error,
              })
            })
            const apiKey = await pendingKey
            if (refused && apiKey === refused) {
              pendingKey = undefined
              throw refusal
            }
            const headers = headersOf({ ...client, apiKey }, sent, options, key)
            signal.throwIfAborted()
            pendingKey = undefined
            again(sendMs)
            isSent = true
            const init: RequestInit = { method, headers, body, redirect: 'manual', signal }
            return exchange(url, init, { fetching, read, again }).catch((error) => {
              const isFinal = refused || !apiKey || typeof client.apiKey !== 'function'
              if (isFinal || !isOutlastError(error, 'invalid_token')) throw error
              return send(apiKey, error)
            })
          }
          return send()
        })
      } catch (error) {
        options.signal?.throwIfAborted()
        if (method === 'DELETE' && attempt > 0 && isGone(error)) return undefined as T
        if (attempt >= retriesMax || !isTemporary(error)) throw error
        if (sent.hasSecret && isSent && !hadNoEffect(error)) throw error
        await pause(waitOf(attempt, error), options.signal)
      }
    }
  }

  return {
    base,
    request,
    /** Yields the chunks of a long response. The timeout of a call applies to each chunk. */
    async *bytes(path: string, sent: Request & { accept: string }, options: CallOptions = {}) {
      const response = await request('GET', path, { request: sent, options, read: whole })
      const { signal } = options
      expectType(response, sent.accept)
      yield* bytesOf(response, { base, limitMs: limitOf(client, options), signal })
    },
    /** Returns the JSON of the response; undefined without a body. */
    call: ((method, path, sent, options) =>
      request(method, path, { request: sent, options, read: json })) as Call,
    /** Returns the response with its body unread, which has no timeout. */
    open: (method: Method, path: string, sent?: Request, options?: CallOptions) =>
      request<Response>(method, path, { request: sent, options, read: whole }),
  }
}

type Exchange<T> = Pick<Sending<T>, 'read'> & { fetching: typeof fetch; again: () => void }

async function exchange<T>(
  url: string,
  init: RequestInit,
  { fetching, read, again }: Exchange<T>,
): Promise<T> {
  let response: Response | undefined
  try {
    response = await fetching(url, init)
    again()
    if (!response.ok) throw errorOf(response, await readText(response, again))
    return await read(response, again)
  } catch (error) {
    if (error instanceof OutlastError) throw error
    const hasBegun = response !== undefined
    const said = quotesHeader(error, new Headers(init.headers)) ? redacted : error
    throw lostConnection(said, { host: new URL(url).host, hasBegun })
  }
}

const limitOf = (client: ClientOptions, options: CallOptions) =>
  options.timeoutMs ?? client.timeoutMs ?? timeoutMsDefault

const keyOf = async ({ apiKey }: ClientOptions, refused?: string) =>
  typeof apiKey === 'function' ? apiKey(refused) : apiKey

/** Header names ignore case. Headers of the caller replace those of the client. */
function headersOf(
  { apiKey, organization, headers: common }: ClientOptions & { apiKey: string | undefined },
  { body, text, accept }: Request,
  options: CallOptions,
  idempotencyKey: string | undefined,
): Headers {
  const headers = new Headers({ accept: accept ?? 'application/json' })
  if (apiKey) setHeader(headers, 'authorization', `Bearer ${apiKey.trim()}`)
  if (organization) setHeader(headers, 'x-org-id', organization)
  if (text || body !== undefined) headers.set('content-type', text?.type ?? 'application/json')
  if (body !== undefined) headers.set('outlast-strict', 'true')
  if (idempotencyKey !== undefined) setHeader(headers, 'idempotency-key', idempotencyKey)
  if (options.ifMatch !== undefined) setHeader(headers, 'if-match', `"${options.ifMatch}"`)
  for (const [name, value] of Object.entries({ ...common, ...options.headers })) {
    setHeader(headers, name, value)
  }
  return headers
}

/** Sign-ins have no idempotency key, so they are never retried. */
function retriesOf(client: ClientOptions, method: Method, path: string, options: CallOptions) {
  if (method === 'POST' && path.startsWith('/v1/auth/')) return 0
  return options.retriesMax ?? client.retriesMax ?? retriesDefault
}

const whole = async (answer: Response) => answer

async function* bytesOf(
  response: Response,
  {
    base,
    limitMs,
    signal: outer,
  }: { base: string; limitMs: number; signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body!.getReader()
  try {
    for (;;) {
      const { done, value } = await limited(limitMs, outer, (signal) => {
        signal.addEventListener('abort', () => void reader.cancel().catch(() => {}))
        return reader.read()
      })
      if (done) return
      yield value
    }
  } catch (error) {
    outer?.throwIfAborted()
    if (error instanceof OutlastError) throw error
    throw lostConnection(error, { host: new URL(base).host, hasBegun: true })
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Contract: throws a TypeError that does not contain the value, which may be a key. */
function setHeader(headers: Headers, name: string, value: string): void {
  try {
    headers.set(name, value)
  } catch {
    const rule = 'it must not contain line breaks or characters above U+00FF'
    throw new TypeError(`The header ${JSON.stringify(name)} cannot be sent: ${rule}`)
  }
}

const redacted = new Error('the platform refused to send the request')
/** Headers that contain no secret. */
const openNames = new Set(['accept', 'content-type'])

/** Tests whether an error quotes a header, which may be a key. Platforms quote invalid ones. */
function quotesHeader(error: unknown, headers: Headers): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown }
  const text = `${error} ${cause}`
  const values = [...headers].filter(([name]) => !openNames.has(name)).map(([, value]) => value)
  return values.some((value) => value !== '' && text.includes(value.replace(/^Bearer /, '')))
}

type Sending<T> = {
  request: Request | undefined
  options: CallOptions | undefined
  /** Reads the response. `again` begins the timeout again. */
  read: (response: Response, again: () => void) => Promise<T>
}

/** Contract: throws a TypeError for NaN, which would cause endless retries. */
function check({ timeoutMs = 0, retriesMax = 0 }: Pick<CallOptions, 'timeoutMs' | 'retriesMax'>) {
  if (!(timeoutMs >= 0)) throw new TypeError(`timeoutMs must be 0 or more, not ${timeoutMs}`)
  if (!(retriesMax >= 0)) throw new TypeError(`retriesMax must be 0 or more, not ${retriesMax}`)
}

function baseOf(given: string): string {
  const { location } = globalThis as { location?: { href: string } }
  const url = URL.canParse(given, location?.href) ? new URL(given, location?.href) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '') {
    const form = 'an http or https address without a user name and password'
    throw new TypeError(`url must be ${form}, not ${JSON.stringify(given)}`)
  }
  return url.origin + url.pathname.replace(/(\/v1)?\/*$/, '')
}

async function json(response: Response, again: () => void) {
  const text = await readText(response, again)
  const type = response.headers.get('content-type')
  if (text === '' && (response.status === 204 || type === null)) return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (!type?.startsWith('application/json')) throw notOutlast(response, cause)
    throw new OutlastError('connection_failed', 'The response was interrupted.', { cause })
  }
}

const bodyOf = ({ body, text, form }: Request) =>
  form ?? text?.content ?? (body === undefined ? null : JSON.stringify(body))

/** Additional time in ms for a body on a slow connection. */
function sendMsOf(body: ReturnType<typeof bodyOf>): number {
  const parts = body === null ? [] : typeof body === 'string' ? [body] : [...body.values()]
  return Math.ceil(new Blob(parts).size / bytesPerMs)
}

function queryOf(query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue
    search.set(name, Array.isArray(value) ? value.join(',') : String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

/** Not `randomUUID`, which browsers only have on secure pages. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Builds a path from escaped values.
 * Contract: throws a TypeError for an empty value, `.` and `..`, which would select another path.
 */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((before, part, at) => before + segment(values[at - 1]!) + part)
}

function segment(value: string): string {
  if (value === '' || value === '.' || value === '..') {
    throw new TypeError(`${JSON.stringify(value)} is not an id`)
  }
  return encodeURIComponent(value)
}
