import type {
  Client,
  Implementation,
  Progress,
  StandardSchemaV1,
  StreamableHTTPClientTransport,
  Transport,
} from '@modelcontextprotocol/client'
import { isJsonObject } from '../../json.ts'
import type { ByteAccount } from '../../outbound/byte-account.ts'
import { createEventBytes } from '../../outbound/event-bytes.ts'
import { metered } from '../../outbound/fetch-budget.ts'
import { createLineEnds } from '../../outbound/line-ends.ts'
import { type Redact, redacting, secretsIn } from '../secrets/redact.ts'
import { McpFailure, mcpFailureSentence, quoted } from './failure.ts'

/** The connection data of a server, with decrypted secrets. */
export type Reach = {
  url: string
  headers: Record<string, string>
  fetch: typeof fetch
  /** Counts response bytes while they are read. */
  account: ByteAccount
}

export type ConnectionOptions = {
  reach: Reach
  /** Version of this client. */
  version: string
  signal: AbortSignal
  /** Called when the server announces a changed list of tools. */
  onToolsChanged: () => void
  /** Called with each fault of the connection: a sentence without the server's name. */
  onFault: (sentence: string) => void
}

export type McpCallOptions = {
  signal: AbortSignal
  /** Limit of the time without a response or progress, in ms. */
  silenceMs: number
  onProgress: (progress: Progress) => void
}

export type ToolCall = {
  name: string
  arguments: Record<string, unknown>
  _meta: Record<string, unknown>
}

/** A session with an MCP server. Contract: throws errors that `mcpFailureSentence` describes. */
export type McpConnection = {
  about: { name?: string; version?: string; protocol_version?: string }
  /** Reads one page of the tools, unchanged. */
  listTools: (
    cursor: string | undefined,
    signal: AbortSignal,
  ) => Promise<{ tools: unknown[]; next: string | undefined }>
  callTool: (call: ToolCall, options: McpCallOptions) => Promise<Record<string, unknown>>
  /** Ends the session, at the server too unless the server has dropped it. Never throws. */
  close: (known?: boolean) => Promise<void>
}

const answerBytesMax = 16 * 1024 * 1024
const timeoutMsMax = 2_147_483_647
const partingMs = 2_000
/** Limit of a message that no call waits for. */
const messageMs = 30_000
/** Answers to requests of the server under way per connection. Those above it are not sent. */
const answersMax = 16
/** Broken streams of open calls are resumed after this pause. */
const resumptionMsMin = 500

/** Accepts any object: fields are validated where they are used. */
const anyObject: StandardSchemaV1<unknown, Record<string, unknown>> = {
  '~standard': {
    version: 1,
    vendor: 'outlast',
    validate(value: unknown) {
      if (isJsonObject(value)) return { value }
      return { issues: [{ message: 'The result is not an object.' }] }
    },
  },
}

/** Third-party schemas are never compiled in this process. */
const nothingCompiled = {
  getValidator: () => () => ({
    valid: true as const,
    data: undefined as never,
    errorMessage: undefined,
  }),
}

/** Starts a session with a server. The first one loads the SDK. */
export async function connect(options: ConnectionOptions): Promise<McpConnection> {
  const { reach, version, signal } = options
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
  const about: Session['about'] = { underWay: 0 }
  const transport = new StreamableHTTPClientTransport(new URL(reach.url), {
    fetch: bounded(reach, about),
    requestInit: { headers: reach.headers },
    redirectPolicy: 'same-origin',
    onInsufficientScope: 'throw',
    reconnectionScheduler: (reconnect, delayMs) => resumeLater(about, reconnect, delayMs),
  })
  const client = new Client({ name: 'outlast', version }, { jsonSchemaValidator: nothingCompiled })
  client.setNotificationHandler('notifications/tools/list_changed', options.onToolsChanged)
  const opening = new AbortController()
  const onRequestStreamEnd = () => opening.abort(unanswered(about))
  const attach = attaching(transport, { onRequestStreamEnd })
  const redact = redacting(secretsIn(reach.headers))
  client.onerror = (error) => options.onFault(mcpFailureSentence(redact.error(error)))
  try {
    const either = AbortSignal.any([signal, opening.signal])
    await client.connect(transport, { signal: either, timeout: timeoutMsMax })
  } catch (error) {
    await client.close().catch(() => {})
    signal.throwIfAborted()
    throw opening.signal.aborted ? opening.signal.reason : redact.error(error)
  }
  return connectionOver({ client, transport, attach, redact, about })
}

type Session = {
  client: Client
  transport: StreamableHTTPClientTransport
  attach: ReturnType<typeof attaching>
  redact: Redact
  /** Open calls, and the last fault below the SDK, which does not report it. */
  about: { underWay: number; overflow?: McpFailure }
}

const unanswered = ({ overflow }: Session['about']) =>
  overflow ?? new McpFailure('closed the connection before the end of its response.')

function connectionOver(session: Session): McpConnection {
  const { client, transport, redact } = session
  const { name, version } = redact.json(client.getServerVersion() ?? ({} as Implementation))
  const { protocolVersion: protocol } = transport
  return {
    about: {
      ...(name !== undefined && { name: quoted(name) }),
      ...(version !== undefined && { version: quoted(version) }),
      ...(protocol !== undefined && { protocol_version: quoted(protocol) }),
    },
    async listTools(cursor, signal) {
      const params = cursor === undefined ? {} : { cursor }
      const request = { method: 'tools/list', params }
      const page = await ask(session, request, { signal, silenceMs: timeoutMsMax })
      if (!Array.isArray(page.tools)) throw new McpFailure('returned no list of tools.')
      const next = typeof page.nextCursor === 'string' ? page.nextCursor : undefined
      return { tools: page.tools, next }
    },
    callTool: (call, options) => ask(session, { method: 'tools/call', params: call }, options),
    async close(known = true) {
      const late = new Promise((resolve) => setTimeout(resolve, partingMs).unref())
      if (known) await Promise.race([transport.terminateSession().catch(() => {}), late])
      await client.close().catch(() => {})
    },
  }
}

type Question = { method: string; params: Record<string, unknown> }
type McpRequestOptions = Omit<McpCallOptions, 'onProgress'> & Partial<McpCallOptions>

/** Sends a request, and closes its stream at the end in every case. */
async function ask(
  { client, attach, redact, about }: Session,
  question: Question,
  { signal: outside, silenceMs, onProgress }: McpRequestOptions,
): Promise<Record<string, unknown>> {
  const ending = new AbortController()
  const signal = AbortSignal.any([outside, ending.signal])
  const onRequestStreamEnd = () => ending.abort(unanswered(about))
  about.underWay += 1
  try {
    const answer = await attach({ requestSignal: signal, onRequestStreamEnd }, () =>
      client.request(question, anyObject, {
        signal,
        timeout: Math.min(silenceMs, timeoutMsMax),
        ...(onProgress && {
          onprogress: (progress: Progress) => onProgress(redact.json(progress)),
          resetTimeoutOnProgress: true,
        }),
      }),
    )
    return redact.json(answer)
  } catch (error) {
    const { reason } = ending.signal
    throw reason instanceof McpFailure ? reason : redact.error(error)
  } finally {
    about.underWay -= 1
    ending.abort()
  }
}

type SendOptions = NonNullable<Parameters<Transport['send']>[1]>

/**
 * Adds options to the message that `work` sends at once, which the SDK sets for newer servers only:
 * a signal that ends its stream, and a notification of a stream that ended. `first` is for the
 * message that starts the session. All others have a time limit, and answers to the server a limit
 * of their number: the SDK answers each request with a connection of its own.
 */
function attaching(transport: Pick<Transport, 'send'>, first: SendOptions) {
  const send = transport.send.bind(transport)
  let mine: SendOptions | undefined
  let answers = 0
  transport.send = async (message, options) => {
    const own = 'method' in message && message.method === 'initialize' ? first : mine
    mine = undefined
    if (own) return send(message, { ...options, ...own })
    const limited = { ...options, requestSignal: AbortSignal.timeout(messageMs) }
    if ('method' in message) return send(message, limited)
    if (answers === answersMax) throw new McpFailure('sends too many requests at once.')
    answers += 1
    await send(message, limited).finally(() => {
      answers -= 1
    })
  }
  return <T>(own: SendOptions, work: () => Promise<T>): Promise<T> => {
    mine = own
    const asked = work()
    mine = undefined
    return asked
  }
}

/** A stream without an open call is not resumed: the cached list of tools expires by itself. */
function resumeLater(about: Session['about'], reconnect: () => void, delayMs: number) {
  if (about.underWay === 0) return
  const timer = setTimeout(reconnect, Math.max(resumptionMsMin, delayMs))
  return () => clearTimeout(timer)
}

const bodiless = new Set([204, 205, 304])

/** Wraps `fetch`: counts response bytes, and limits the size of decompressed responses. */
function bounded({ fetch, account }: Reach, about: Session['about']): Reach['fetch'] {
  return async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers))
    const found = await fetch(String(input), { ...init, headers })
    const isStream = found.headers.get('content-type')?.startsWith('text/event-stream')
    const keeps = isStream && { keeps: createEventBytes() }
    const meter = { account, signal: init?.signal ?? undefined, onEnd() {}, ...keeps }
    const response = metered(found, meter)
    const { status, statusText, body } = response
    const head = { status, statusText, headers: [...response.headers] }
    if (!body || bodiless.has(status)) return new Response(null, head)
    return new Response(body.pipeThrough(counting(about, isStream)), head)
  }
}

function counting(about: Session['about'], isStream = false) {
  let bytes = 0
  const lines = isStream ? createLineEnds() : (piece: Uint8Array) => piece
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      bytes += piece.length
      if (bytes <= answerBytesMax) return controller.enqueue(lines(piece))
      about.overflow = new McpFailure(`sent more than ${answerBytesMax} bytes in one response.`)
      controller.error(about.overflow)
    },
  })
}
