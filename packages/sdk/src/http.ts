import { errorOf, OutlastError } from './error.ts'

/** Where the server is, and how it is called. */
export type ClientOptions = {
  /** Default: `http://localhost:9000`. A path before `/v1` is kept, so a server behind a prefix works. */
  url?: string
  /** An API key, or an access token. As a function it is asked before every request. */
  apiKey?: string | (() => string | Promise<string>)
  /** The organization to work in; default: the one that the key belongs to. */
  organization?: string
  /** Headers of every request. */
  headers?: Record<string, string>
  /** Default: the platform's. */
  fetch?: typeof fetch
  /** How long one attempt may take. Default: 30,000. Streams have a limit of their own. */
  timeoutMs?: number
  /** How often a call is made again when the connection or the server fails. Default: 3. */
  retriesMax?: number
}

/** What can be said with any call. */
export type CallOptions = {
  signal?: AbortSignal
  timeoutMs?: number
  retriesMax?: number
  headers?: Record<string, string>
  /** Of a POST: the same key twice is one effect. Default: a new one a call, the same for all of its attempts. */
  idempotencyKey?: string
}

export type Query = Record<string, string | number | boolean | readonly string[] | undefined | null>

export type Request = {
  query?: Query
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, instead of `body`. */
  text?: { type: string; content: string }
  accept?: string
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Calls of one server. */
export type Http = ReturnType<typeof createHttp>

const backoffMs = { first: 250, most: 8_000 }
const retryAfterMsMax = 60_000
/** Answers after which the same request may well succeed. */
const temporary = new Set([408, 429, 502, 503, 504])

export function createHttp(client: ClientOptions) {
  const base = (client.url ?? 'http://localhost:9000').replace(/\/+$/, '')
  const fetching = client.fetch ?? ((input, init) => fetch(input, init))

  /**
   * Makes a call, as often as it takes, and reads its answer.
   * Contract: rejects with an OutlastError, or with the reason of the caller's signal.
   */
  async function request<T>(
    method: Method,
    path: string,
    { request: sent = {}, options = {}, read }: Sending<T>,
  ): Promise<T> {
    const url = base + path + queryOf(sent.query)
    const headers = await headersOf(method, sent, options)
    const retriesMax = retriesOf(method, path, options)
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await once({ url, init: { method, headers, body: bodyOf(sent) }, options, read })
      } catch (error) {
        options.signal?.throwIfAborted()
        if (method === 'DELETE' && attempt > 0 && isGone(error)) return undefined as T
        if (attempt >= retriesMax || !isTemporary(error)) throw error
        await pause(waitOf(attempt, error), options.signal)
      }
    }
  }

  async function once<T>({ url, init, options, read }: Attempt<T>): Promise<T> {
    const limitMs = options.timeoutMs ?? client.timeoutMs ?? 30_000
    const limit = new AbortController()
    const late = new OutlastError('timeout', `No answer within ${limitMs} ms.`)
    const timer = setTimeout(() => limit.abort(late), limitMs)
    const follow = () => limit.abort(options.signal?.reason)
    options.signal?.throwIfAborted()
    options.signal?.addEventListener('abort', follow)
    try {
      const response = await fetching(url, { ...init, signal: limit.signal })
      if (!response.ok) throw await errorOf(response)
      return await read(response)
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : asOutlastError(error, url)
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', follow)
    }
  }

  async function headersOf(method: Method, { body, text, accept }: Request, options: CallOptions) {
    const key = typeof client.apiKey === 'function' ? await client.apiKey() : client.apiKey
    return {
      accept: accept ?? 'application/json',
      ...(key && { authorization: `Bearer ${key}` }),
      ...(client.organization && { 'x-org-id': client.organization }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(text && { 'content-type': text.type }),
      ...(method === 'POST' && { 'idempotency-key': options.idempotencyKey ?? newKey() }),
      ...client.headers,
      ...options.headers,
    }
  }

  /** A sign-in is remembered by no key: what may have happened is not asked for again. */
  function retriesOf(method: Method, path: string, options: CallOptions) {
    if (method === 'POST' && path.startsWith('/v1/auth/')) return 0
    return options.retriesMax ?? client.retriesMax ?? 3
  }

  return {
    base,
    request,
    /** The answer's JSON; undefined where there is none. */
    call: <T>(method: Method, path: string, sent?: Request, options?: CallOptions) =>
      request<T>(method, path, { request: sent, options, read: json }),
    /** The answer's text. */
    text: (method: Method, path: string, sent?: Request, options?: CallOptions) =>
      request<string>(method, path, { request: sent, options, read: (answer) => answer.text() }),
    /** The answer itself, its body unread and without a time limit. */
    open: (method: Method, path: string, sent?: Request, options?: CallOptions) =>
      request<Response>(method, path, { request: sent, options, read: async (answer) => answer }),
  }
}

type Sending<T> = {
  request: Request | undefined
  options: CallOptions | undefined
  read: (response: Response) => Promise<T>
}

type Attempt<T> = {
  url: string
  init: RequestInit
  options: CallOptions
  read: (response: Response) => Promise<T>
}

async function json(response: Response) {
  const text = await response.text()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    const type = response.headers.get('content-type') ?? 'no content type'
    const sentence = `Something else than Outlast answered: ${response.status} with ${type}`
    throw new OutlastError('not_outlast', sentence, { status: response.status, cause })
  }
}

function asOutlastError(error: unknown, url: string): OutlastError {
  if (error instanceof OutlastError) return error
  const { host } = new URL(url)
  const why = reasonOf(error)
  return new OutlastError('connection_failed', `No connection to ${host}${why}`, { cause: error })
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as {
    cause?: { code?: string; message?: string }
    message?: string
  }
  const why = cause?.code ?? cause?.message ?? message
  return why ? `: ${why}` : ''
}

/** Whether the same call may well succeed a moment later. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof OutlastError)) return false
  if (error.status === 0) return error.code === 'connection_failed' || error.code === 'timeout'
  return temporary.has(error.status) || error.code === 'idempotency_in_progress'
}

const isGone = (error: unknown) => error instanceof OutlastError && error.status === 404

function waitOf(attempt: number, error: unknown): number {
  const asked = (error as OutlastError).retryAfterMs
  if (asked !== undefined) {
    if (asked > retryAfterMsMax) throw error
    return asked
  }
  return backoff(attempt, backoffMs)
}

/** Doubles with every attempt, and differs between clients that failed together. */
export const backoff = (attempt: number, { first, most }: { first: number; most: number }) =>
  Math.min(most, first * 2 ** attempt) * (0.5 + Math.random() / 2)

/** Contract: rejects with the signal's reason as soon as it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

const bodyOf = ({ body, text }: Request) =>
  text ? text.content : body === undefined ? null : JSON.stringify(body)

function queryOf(query: Query = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue
    search.set(name, Array.isArray(value) ? value.join(',') : String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

/** A browser has `randomUUID` on secure pages only. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * A path whose values are escaped.
 * Contract: throws a TypeError for a value that would make it another path: an empty one, `.` or `..`.
 */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  return parts.reduce((before, part, at) => before + segment(values[at - 1]!) + part)
}

function segment(value: string): string {
  if (value === '' || value === '.' || value === '..') {
    throw new TypeError(`${JSON.stringify(value)} is no id`)
  }
  return encodeURIComponent(value)
}

/** The body of an answer, as it comes. */
export async function* bytesOf(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body!.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel()
  }
}
