import { APICallError } from '@ai-sdk/provider'
import { privateHostCode } from '../outbound/outbound.ts'
import { failureOf, KnownFailure } from './failure.ts'
import { createItemReader } from './item-reader.ts'
import type { DiscoveredModel, ModelList, ProviderConnection } from './provider.ts'

/** Limits of a list: more models than any vendor offers for selection. */
const modelsMax = 5_000
const pagesMax = 100
const pageBytesMax = 32 * 1024 * 1024
const nameLengthMax = 255
const saidMax = 20_000

type ListedModel = { id: unknown; name?: unknown }

/** A request for a vendor's list. */
export type ListRequest = {
  connection: ProviderConnection
  signal: AbortSignal
  headers: Record<string, string | undefined>
  /** Builds the URL of a page; `after` is the result of `next` for the page before. */
  url: (after: string | undefined) => string
  /** Reads an item of the list; undefined for one that is not a chat model. */
  pick: (item: Record<string, unknown>) => ListedModel | undefined
  /** Returns the cursor of the next page, if there is one. */
  next?: (page: Record<string, unknown>) => unknown
}

/**
 * Reads a vendor's list of models page by page, and keeps only ids and names.
 * Contract: throws KnownFailure with a sentence that holds no secret; stops at 5,000 models.
 */
export async function readModelList(request: ListRequest): Promise<ModelList> {
  const found = new Map<string, DiscoveredModel>()
  let after: string | undefined
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const page = await readModelPage(request, after, found)
    if (page === undefined) break
    const next = request.next?.(page)
    if (typeof next !== 'string' || next === after) {
      return { models: [...found.values()], truncated: false }
    }
    after = next
  }
  return { models: [...found.values()], truncated: true }
}

/** Reads a page without its models, which go to `found`; undefined if there are too many. */
async function readModelPage(
  request: ListRequest,
  after: string | undefined,
  found: Map<string, DiscoveredModel>,
): Promise<Record<string, unknown> | undefined> {
  const response = await open(request, after)
  let full = false
  const reader = createItemReader((item) => {
    const model = discoveredModel(request.pick(item))
    if (model && found.size < modelsMax) found.set(model.model_id, model)
    else if (model) full = !found.has(model.model_id)
  })
  let bytes = 0
  const decoder = new TextDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > pageBytesMax) throw nonsense('The list of models is too large.')
      reader.read(decoder.decode(chunk, { stream: true }))
      if (full) return undefined
    }
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason
    if (error instanceof KnownFailure) throw error
    throw new KnownFailure('broken_stream', 'The connection broke during the list of models.')
  }
  return reader.end()
}

async function open({ connection, signal, headers, url }: ListRequest, after: string | undefined) {
  const ask = connection.fetch ?? fetch
  const given = Object.entries(headers).filter((pair): pair is [string, string] => !!pair[1])
  let response: Response
  try {
    // A redirect would send the key to another address.
    response = await ask(url(after), {
      headers: { accept: 'application/json', ...Object.fromEntries(given) },
      redirect: 'manual',
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw new KnownFailure(
      'network',
      `The provider's server could not be reached${because(error)}.`,
    )
  }
  if (!response.ok) throw await responseFailure(response)
  return response
}

/** The system's error code, such as ECONNREFUSED, or the sentence about a private address. */
function because(error: unknown): string {
  const { code, message } = ((error as Error).cause ?? {}) as { code?: string; message?: string }
  const why = typeof code === 'string' && code !== privateHostCode ? code : message
  return why ? `: ${why.replace(/\.$/, '')}` : ''
}

/** A failure with an HTTP status. */
class VendorRefusal extends KnownFailure {
  readonly statusCode: number

  constructor(kind: KnownFailure['kind'], message: string, statusCode: number) {
    super(kind, message)
    this.statusCode = statusCode
  }
}

async function responseFailure(response: Response): Promise<KnownFailure> {
  const { status } = response
  const responseBody = await beginningOf(response)
  if (status === 404 || status === 405) {
    const hint = 'There is no list of models at this address. Does the base_url lack a /v1?'
    return new VendorRefusal('bad_response', `${hint} (${status})`, status)
  }
  if (status < 400) return nonsense(`The server redirects the request. (${status})`)
  const said = new APICallError({
    message: '',
    url: '',
    requestBodyValues: {},
    statusCode: status,
    responseBody,
  })
  const { kind, sentence } = failureOf(said)
  return new VendorRefusal(kind, `${sentence} (${status})`, status)
}

async function beginningOf(response: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length >= saidMax) break
    }
  } catch {}
  return text
}

const nonsense = (message: string) => new KnownFailure('bad_response', message)

/** Converts a listed model for storage; undefined for a name that is not a valid id. */
function discoveredModel(found: ListedModel | undefined): DiscoveredModel | undefined {
  if (typeof found?.id !== 'string') return undefined
  const { id, name } = found
  if (id === '' || id.length > nameLengthMax || /\p{C}/u.test(id)) return undefined
  const shown = typeof name === 'string' ? name.replace(/\p{C}/gu, '').trim() : ''
  return { model_id: id, display_name: shown.slice(0, nameLengthMax).toWellFormed() || id }
}
