import type { ServerResponse } from 'node:http'
import path from 'node:path'
import { parseAnthropicRequest } from './anthropic-wire.ts'
import { differenceOf, type Exchange, readCassette, writeCassette } from './cassette-file.ts'
import { type ModelRequest, parseRequest } from './chat-wire.ts'
import { createModelServer, type ModelHttpRequest, refuse, refuseTest } from './model-server.ts'
import { createOrder } from './request-order.ts'
import type { TestModel } from './test-model.ts'

export type CassetteOptions = {
  /** `auto`: replays the file if it exists, otherwise records it. Default: `auto`. */
  mode?: 'record' | 'replay' | 'auto'
  /** The vendor's name of the model. */
  model: string
  /** API of the model. Default: `openai_completions`, of OpenAI and compatible servers. */
  provider?: 'openai_completions' | 'anthropic'
  /** Base URL of the API, to record. Default: that of OpenAI or Anthropic. */
  target?: string
  /** Key to record with. It is not stored. */
  apiKey?: string
}

const wires = {
  openai_completions: {
    target: 'https://api.openai.com/v1',
    parse: parseRequest,
    keyHeader: (key: string) => ({ authorization: `Bearer ${key}` }),
  },
  anthropic: {
    target: 'https://api.anthropic.com/v1',
    parse: parseAnthropicRequest,
    keyHeader: (key: string) => ({ 'x-api-key': key }),
  },
}

/** Headers of a request that a vendor needs. Keys are not among them. */
const forwarded = ['content-type', 'accept', 'anthropic-version', 'anthropic-beta']
const basePath = '/v1'

/**
 * A real model whose exchanges are recorded in a file and replayed from it without network.
 * Contract: exchanges are replayed in order; a request that differs from the recorded one fails.
 */
export function cassette(file: string, options: CassetteOptions): TestModel {
  const { model, provider = 'openai_completions', mode = 'auto' } = options
  const requests: ModelRequest[] = []
  const order = createOrder()
  const recorder = createRecorder(file, options)
  let recorded: Exchange[] | undefined
  let problem: string | undefined

  const server = createModelServer(async (asked, response) => {
    // Servers ask for the list of models.
    if (asked.method !== 'POST') return refuse(response, 404, 'A cassette has no list of models.')
    // Pages in a browser reach this address too, and must not use the key.
    if (asked.headers.origin !== undefined || !asked.path.startsWith(`${basePath}/`)) {
      return refuse(response, 403, 'A cassette answers test servers only.')
    }
    const request = wires[provider].parse(asked.body)
    requests.push(request)
    const index = order.take(request)
    if (!recorded) return recorder.record(asked, index, response)
    const why = whyDifferent(recorded, { provider, request, index })
    if (why === undefined) return replay(recorded[index]!, response)
    problem = `Request ${index + 1} differs from ${file}: ${why}. ${again(file)}`
    refuseTest(response, problem)
  })

  return {
    requests,
    wire: {
      providerType: provider,
      modelName: model,
      async open() {
        recorded = mode === 'record' ? undefined : readCassette(path.resolve(file))
        if (mode === 'replay' && !recorded) {
          throw new Error(`There is no recording in ${file}. ${again(file)}`)
        }
        return (await server.open()) + basePath
      },
      close: server.close,
      interrupted: order.interrupted,
      problem: () => problem,
    },
  }
}

const again = (file: string) => `Record ${file} again with the mode "record".`

type Asked = {
  provider: keyof typeof wires
  request: ModelRequest
  index: number
}

function whyDifferent(recorded: readonly Exchange[], { provider, request, index }: Asked) {
  const exchange = recorded[index]
  if (!exchange) return `the recording has ${recorded.length} exchanges`
  return differenceOf(request, wires[provider].parse(JSON.stringify(exchange.request.body)))
}

function replay({ response: recorded }: Exchange, response: ServerResponse) {
  const { status, contentType, chunks } = recorded
  response.writeHead(status, { 'content-type': contentType, 'retry-after-ms': '0' })
  for (const chunk of chunks) response.write(chunk)
  response.end()
}

/** Forwards requests to the vendor and writes the file after each of them. */
function createRecorder(file: string, options: CassetteOptions) {
  const { provider = 'openai_completions', apiKey } = options
  const wire = wires[provider]
  const target = (options.target ?? wire.target).replace(/\/+$/, '')
  const exchanges: Exchange[] = []

  async function record(asked: ModelHttpRequest, index: number, response: ServerResponse) {
    const part = asked.path.slice(basePath.length)
    const answer = await fetch(target + part, {
      method: 'POST',
      headers: { ...kept(asked.headers), ...(apiKey !== undefined && wire.keyHeader(apiKey)) },
      body: asked.body,
    }).catch((error: Error) => {
      throw new Error(`${target} could not be reached: ${error.message}`)
    })
    const contentType = answer.headers.get('content-type') ?? 'text/plain'
    const wait = answer.headers.get('retry-after')
    const headers = { 'content-type': contentType, ...(wait && { 'retry-after': wait }) }
    response.writeHead(answer.status, headers)
    const text = await passOn(answer, response)
    // The file is complete before the server can ask again, or the test can end.
    exchanges[index] = {
      request: { path: part, body: JSON.parse(asked.body) },
      response: { status: answer.status, contentType, chunks: text.split(/(?<=\n\n)/) },
    }
    writeCassette(path.resolve(file), { target, exchanges, ...(apiKey && { apiKey }) })
    response.end()
  }

  return { record }
}

/** Sends the body of a response as it arrives, and returns it. */
async function passOn(answer: Response, response: ServerResponse): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of answer.body ?? []) {
    text += decoder.decode(bytes, { stream: true })
    response.write(bytes)
  }
  return text
}

const kept = (headers: ModelHttpRequest['headers']) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => forwarded.includes(name)),
  ) as Record<string, string>
