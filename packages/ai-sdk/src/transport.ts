import type { UIChunk } from '@outlast/contract/folds/ai-sdk'
import { readChunks, unlessSilent } from './read-chunks.ts'

export type TransportOptions = {
  /** Address of the server. In a page, `/` is the server of the page. */
  url: string
  /** Id or name of the agent. */
  agentId: string
  /** A token of the end user, or a function that is called before each request. */
  apiKey?: string | (() => string | Promise<string>)
  /** Major version of the `ai` package. Default: 7. Only version 7 continues a broken answer. */
  version?: 6 | 7
  /** Headers of every request. */
  headers?: Record<string, string>
  /** Replacement of `fetch`. Default: that of the platform. */
  fetch?: typeof fetch
  /** Number of attempts to continue a broken answer. Default: 10. */
  attemptsMax?: number
  /** Time without a byte, in ms, after which a connection is replaced. Default: 30,000. */
  silenceMs?: number
}

type Message = { id: string; role: string; parts: readonly { type: string }[] }
type Asking = {
  chatId: string
  abortSignal?: AbortSignal | undefined
  headers?: Record<string, string> | Headers | undefined
  body?: object | undefined
}
/** `leave` ends its connection. */
type Leavable = Asking & { abortSignal: AbortSignal; leave: () => void }
type Sending = Asking & {
  trigger: 'submit-message' | 'regenerate-message'
  messageId: string | undefined
  messages: readonly Message[]
}

/** The part of an answer that the chat has. */
type Shown = {
  steps: number
  /** The answer, or the message that is answered. Undefined before a resumed stream names it. */
  messageId?: string
}

const pauseMs = { first: 250, most: 5_000 }

/**
 * A transport of the AI SDK (`ChatTransport`). It sends only the last message, and continues an
 * answer whose connection broke, so that the chat does not notice.
 */
export class OutlastChatTransport {
  readonly #options: TransportOptions
  /** A resumed stream has the whole message. */
  readonly resumeStreamIsReplay = true

  constructor(options: TransportOptions) {
    this.#options = options
  }

  async sendMessages(sending: Sending): Promise<ReadableStream<UIChunk>> {
    const { chatId: id, messages, trigger, messageId, body } = sending
    const last = messages.at(-1)!
    const answered = messages.filter((one) => one === last || one.id === messageId)
    const sent = { ...body, id, messages: answered, trigger, messageId }
    const asking = leavable(sending)
    const response = await this.#request('', asking, { method: 'POST', body: sent })
    const steps = last.role === 'assistant' ? countSteps(last.parts) : 0
    return this.#unbroken(response, asking, { steps, messageId: last.id })
  }

  async reconnectToStream(given: Asking): Promise<ReadableStream<UIChunk> | null> {
    const asking = leavable(given)
    const response = await this.#resume(asking)
    return response.status === 204 ? null : this.#unbroken(response, asking, { steps: 0 })
  }

  /** Cancels the running turn of a chat. `user`: the end user, if the caller names one. */
  async stop(chatId: string, { user }: { user?: string } = {}): Promise<void> {
    const query = user === undefined ? '' : `?${new URLSearchParams({ user })}`
    const path = `/${encodeURIComponent(chatId)}/stop${query}`
    await this.#request(path, { chatId }, { method: 'POST' })
  }

  /**
   * `messageId`: the answer, or the message that is answered. Default: what runs now.
   * Contract: throws if no response begins within `silenceMs`.
   */
  async #resume(asking: Asking, messageId?: string) {
    const { user } = (asking.body ?? {}) as { user?: unknown }
    const query = new URLSearchParams({
      ...(typeof user === 'string' && { user }),
      ...(messageId !== undefined && { message_id: messageId }),
    })
    const path = `/${encodeURIComponent(asking.chatId)}/stream`
    const about = leavable(asking)
    try {
      return await this.#request(query.size > 0 ? `${path}?${query}` : path, about, {
        method: 'GET',
        silenceMs: this.#silenceMs(),
      })
    } catch (error) {
      about.leave()
      throw error
    }
  }

  async #request(
    path: string,
    { abortSignal, headers }: Asking,
    { method, body, silenceMs }: { method: string; body?: object; silenceMs?: number },
  ): Promise<Response> {
    const { url, agentId, apiKey, version = 7, fetch: send = fetch } = this.#options
    const token = typeof apiKey === 'function' ? await apiKey() : apiKey
    const all = new Headers(this.#options.headers)
    for (const [name, value] of new Headers(headers)) all.set(name, value)
    if (token !== undefined) all.set('authorization', `Bearer ${token}`)
    if (body) all.set('content-type', 'application/json')
    const base = `${url.replace(/\/$/, '')}/v1/ai-sdk${version === 6 ? '/v6' : ''}`
    const sending = send(`${base}/agents/${encodeURIComponent(agentId)}/chat${path}`, {
      method,
      headers: all,
      credentials: 'same-origin',
      ...(body && { body: JSON.stringify(body) }),
      ...(abortSignal && { signal: abortSignal }),
    })
    const response = await (silenceMs ? unlessSilent(sending, silenceMs) : sending)
    if (response.ok) return response
    throw Object.assign(new Error(await response.text()), { status: response.status })
  }

  /** The chunks of an answer, across its connections. */
  #unbroken(first: Response, asking: Leavable, shown: Shown): ReadableStream<UIChunk> {
    const chunks =
      this.#version() === 7 ? this.#continued(first, asking, shown) : this.#chunksOf(first)
    return new ReadableStream<UIChunk>({
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        // A read that waits for the server ends only with the connection.
        asking.leave()
        await chunks.return(undefined)
      },
    })
  }

  #version() {
    return this.#options.version ?? 7
  }

  #silenceMs() {
    return this.#options.silenceMs ?? 30_000
  }

  #chunksOf(response: Response): AsyncGenerator<UIChunk> {
    return readChunks(response, this.#silenceMs())
  }

  /**
   * A resumed stream repeats the message from its beginning. The steps that are complete are
   * skipped, and the current one is discarded and shown again.
   * Contract: throws if the answer cannot be continued; it never ends before the answer does.
   */
  async *#continued(first: Response, asking: Asking, shown: Shown): AsyncGenerator<UIChunk> {
    const { attemptsMax = 10 } = this.#options
    let response: Response | undefined = first
    let { steps, messageId } = shown
    let skipped = 0
    for (let attempt = 0; ; ) {
      let error: unknown
      try {
        response ??= await this.#resume(asking, messageId)
        let toSkip = skipped
        for await (const chunk of this.#chunksOf(response)) {
          if (toSkip > 0) {
            if (chunk.type === 'start-step') toSkip -= 1
            if (chunk.type === 'start-step' && toSkip === 0) yield { type: 'reset-step' }
            continue
          }
          attempt = 0
          if (chunk.type === 'start') messageId = chunk.messageId
          if (chunk.type === 'start-step') steps += 1
          if (isInterrupted(chunk)) break
          yield chunk
          if (isEnd(chunk)) return
        }
      } catch (cause) {
        if (asking.abortSignal?.aborted || isFinal(cause)) throw cause
        error = cause
      }
      if (response?.status === 204) throw brokenOff()
      attempt += 1
      if (attempt > attemptsMax) throw error ?? brokenOff()
      response = undefined
      skipped = steps
      await pause(Math.min(pauseMs.first * 2 ** (attempt - 1), pauseMs.most), asking.abortSignal)
    }
  }
}

function leavable(asking: Asking): Leavable {
  const { abortSignal } = asking
  const leaving = new AbortController()
  const leave = () => leaving.abort(abortSignal?.reason)
  if (abortSignal?.aborted) leave()
  else abortSignal?.addEventListener('abort', leave)
  return { ...asking, abortSignal: leaving.signal, leave }
}

const brokenOff = () => new Error('The stream of the answer broke off.')

const countSteps = (parts: Message['parts']) =>
  parts.filter(({ type }) => type === 'step-start').length

const isEnd = ({ type }: UIChunk) => type === 'finish' || type === 'abort'

/** The server ended the stream, and the turn continues. */
const isInterrupted = (chunk: UIChunk) => chunk.type === 'error' && chunk.interrupted === true

/** A refusal that a retry does not change. */
function isFinal(error: unknown): boolean {
  const { status = 0 } = error as { status?: number }
  return status >= 400 && status < 500 && status !== 408 && status !== 429
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

/**
 * Ends the turn of a chat on the server. `stop()` of a chat only closes its connection, which this
 * does too, also if the server refuses to end the turn.
 */
export async function stopChat(
  transport: Pick<OutlastChatTransport, 'stop'>,
  chat: { id: string; stop?: () => Promise<void> },
  options: { user?: string } = {},
): Promise<void> {
  try {
    await transport.stop(chat.id, options)
  } finally {
    await chat.stop?.()
  }
}
