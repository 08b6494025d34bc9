import type { Progress, StandardSchemaV1, Transport } from '@modelcontextprotocol/client'
import { McpFailure } from './failure.ts'

/** How a server is reached, its secrets opened. */
export type Reach = {
  url: string
  headers: Record<string, string>
  fetch: typeof fetch
}

export type ConnectionOptions = {
  reach: Reach
  /** What we call ourselves. */
  version: string
  signal: AbortSignal
  /** Called when the server says that it has other tools now. */
  onToolsChanged: () => void
  onError: (error: Error) => void
}

export type CallOptions = {
  signal: AbortSignal
  /** Longest the server may neither answer nor tell of progress. */
  silenceMs: number
  onProgress: (progress: Progress) => void
}

export type ToolCall = {
  name: string
  arguments: Record<string, unknown>
  _meta: Record<string, unknown>
}

/** A session with an MCP server. Contract: throws what `sentenceOf` knows to put in words. */
export type Connection = {
  about: { name?: string; version?: string; protocol_version?: string }
  /** One page of the tools, as the server has it. */
  listTools: (
    cursor: string | undefined,
    signal: AbortSignal,
  ) => Promise<{ tools: unknown[]; next: string | undefined }>
  callTool: (call: ToolCall, options: CallOptions) => Promise<Record<string, unknown>>
  /** Ends the session, at the server too unless it does not know it any more. Never throws. */
  close: (known?: boolean) => Promise<void>
}

const answerBytesMax = 16 * 1024 * 1024
const timeoutMsMax = 2_147_483_647
const partingMs = 2_000
/** Streams that break under a call are taken up again so often in the life of a connection, with a pause between. */
const resumptionsMax = 20
const resumptionMsMin = 500

/** Whatever is an object: what stands in it is looked at where it is used. */
const anyObject: StandardSchemaV1<unknown, Record<string, unknown>> = {
  '~standard': {
    version: 1,
    vendor: 'outlast',
    validate(value: unknown) {
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
      if (isObject) return { value: value as Record<string, unknown> }
      return { issues: [{ message: 'The result is no object.' }] }
    },
  },
}

/** Schemas of strangers are compiled nowhere in this process. */
const nothingCompiled = {
  getValidator: () => () => ({
    valid: true as const,
    data: undefined as never,
    errorMessage: undefined,
  }),
}

/** Begins a session with a server. The SDK is loaded by the first one. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { reach, version, signal } = options
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client')
  const calls = { underWay: 0, resumptions: 0 }
  const faults: Faults = {}
  const transport = new StreamableHTTPClientTransport(new URL(reach.url), {
    fetch: bounded(reach.fetch, faults),
    requestInit: { headers: reach.headers },
    redirectPolicy: 'same-origin',
    onInsufficientScope: 'throw',
    reconnectionScheduler: (reconnect, delayMs) => resumeLater(calls, reconnect, delayMs),
  })
  const client = new Client({ name: 'outlast', version }, { jsonSchemaValidator: nothingCompiled })
  client.onerror = options.onError
  client.setNotificationHandler('notifications/tools/list_changed', options.onToolsChanged)
  const opening = new AbortController()
  const attach = attaching(transport, {
    onRequestStreamEnd: () => opening.abort(unanswered(faults)),
  })

  /** Asks something, and hangs up when it is over, however it ends. */
  async function ask(
    request: { method: string; params: Record<string, unknown> },
    {
      signal: outside,
      silenceMs,
      onProgress,
    }: Omit<CallOptions, 'onProgress'> & Partial<CallOptions>,
  ) {
    const ending = new AbortController()
    const either = AbortSignal.any([outside, ending.signal])
    const onRequestStreamEnd = () => ending.abort(unanswered(faults))
    calls.underWay += 1
    try {
      return await attach({ requestSignal: either, onRequestStreamEnd }, () =>
        client.request(request, anyObject, {
          signal: either,
          timeout: Math.min(silenceMs, timeoutMsMax),
          ...(onProgress && { onprogress: onProgress, resetTimeoutOnProgress: true }),
        }),
      )
    } catch (error) {
      throw ending.signal.reason instanceof McpFailure ? ending.signal.reason : error
    } finally {
      calls.underWay -= 1
      ending.abort()
    }
  }

  const connection: Connection = {
    about: {},
    async listTools(cursor, signal) {
      const params = cursor === undefined ? {} : { cursor }
      const page = await ask({ method: 'tools/list', params }, { signal, silenceMs: timeoutMsMax })
      if (!Array.isArray(page.tools)) throw new McpFailure('gives no list of tools.')
      const next = typeof page.nextCursor === 'string' ? page.nextCursor : undefined
      return { tools: page.tools, next }
    },
    callTool: (call, callOptions) => ask({ method: 'tools/call', params: call }, callOptions),
    async close(known = true) {
      const late = new Promise((resolve) => setTimeout(resolve, partingMs).unref())
      if (known) await Promise.race([transport.terminateSession().catch(() => {}), late])
      await client.close().catch(() => {})
    },
  }
  try {
    await client.connect(transport, {
      signal: AbortSignal.any([signal, opening.signal]),
      timeout: timeoutMsMax,
    })
  } catch (error) {
    await client.close().catch(() => {})
    signal.throwIfAborted()
    throw opening.signal.aborted ? opening.signal.reason : error
  }
  const { name, version: theirs } = client.getServerVersion() ?? {}
  connection.about = {
    ...(name !== undefined && { name: name.slice(0, 255) }),
    ...(theirs !== undefined && { version: theirs.slice(0, 255) }),
    ...(transport.protocolVersion !== undefined && { protocol_version: transport.protocolVersion }),
  }
  return connection
}

/** What went wrong below the SDK, which keeps it to itself. */
type Faults = { overflow?: McpFailure }

const unanswered = ({ overflow }: Faults) =>
  overflow ?? new McpFailure('ended its answer before it was whole.')

type SendOptions = NonNullable<Parameters<Transport['send']>[1]>

/**
 * Gives the message that `work` sends at once what the SDK gives its transport for newer servers only: a signal that ends
 * its stream, and word of a stream that ended; `first` is for the message that begins the session.
 */
function attaching(transport: Pick<Transport, 'send'>, first: SendOptions) {
  const send = transport.send.bind(transport)
  let mine: SendOptions | undefined
  transport.send = (message, options) => {
    const own = 'method' in message && message.method === 'initialize' ? first : mine
    mine = undefined
    return send(message, own ? { ...options, ...own } : options)
  }
  return <T>(own: SendOptions, work: () => Promise<T>): Promise<T> => {
    mine = own
    const asked = work()
    mine = undefined
    return asked
  }
}

/** A stream without a call under way is not worth an own request: the list of tools ages by itself. */
function resumeLater(
  calls: { underWay: number; resumptions: number },
  reconnect: () => void,
  delayMs: number,
) {
  calls.resumptions += 1
  if (calls.underWay === 0 || calls.resumptions > resumptionsMax) return
  const timer = setTimeout(reconnect, Math.max(resumptionMsMin, delayMs))
  return () => clearTimeout(timer)
}

const bodiless = new Set([204, 205, 304])

/** The same, but no answer has more bytes than it may, unpacked. */
function bounded(fetch: Reach['fetch'], faults: Faults): Reach['fetch'] {
  return async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers))
    const response = await fetch(String(input), { ...init, headers })
    const { status, statusText, body } = response
    const about = { status, statusText, headers: [...response.headers] }
    if (!body || bodiless.has(status)) return new Response(null, about)
    return new Response(body.pipeThrough(counting(faults)), about)
  }
}

function counting(faults: Faults) {
  let bytes = 0
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      bytes += piece.length
      if (bytes <= answerBytesMax) return controller.enqueue(piece)
      faults.overflow = new McpFailure(`sends more than ${answerBytesMax} bytes in one answer.`)
      controller.error(faults.overflow)
    },
  })
}
