import { type ToolContext, ToolError } from '../capability.ts'
import { type Redact, redacting } from '../secrets/redact.ts'
import { headersFrom, readSecrets, type SecretHeader, secretIn } from '../secrets/secret-refs.ts'
import { type Body, type BodyEnding, readBody } from './body.ts'
import type { Converted } from './convert.ts'
import { convertInThread, warmUp } from './converter.ts'
import { essenceOf, kindOf } from './media-type.ts'
import { type RequestSecrets, request } from './request.ts'
import type { PageFormat, WebFetchSettings } from './settings.ts'

type Input = { url: string; method?: 'GET' | 'HEAD'; as_markdown?: boolean; as_text?: boolean }
type Context = Pick<ToolContext, 'fetch' | 'orgId' | 'signal' | 'storage'>

/** Limit of processor time for a conversion in ms, far above the time of ordinary pages. */
const processorMsMax = 10_000

/** Runs one call of `web_fetch`, from the URL to the result for the model. */
export async function fetchPage(input: Input, settings: WebFetchSettings, context: Context) {
  const { fetch, orgId, signal } = context
  const { method = 'GET' } = input
  const secrets = secretsOf(settings.secret_headers ?? [], context)
  const clock = startClock(settings.timeout_ms)
  const either = AbortSignal.any([signal, clock.late])
  try {
    const asked = { method, rules: settings, fetch, secrets, signal: either }
    const { response, url } = await request(input.url, asked)
    const redact = secrets.redact()
    const facts = redact.json(responseFacts(input.url, url, response))
    const isBinary = kindOf(facts.content_type) === 'binary'
    if (method === 'HEAD' || isBinary) {
      await response.body?.cancel()
      const { filename, size } = unreadFactsOf(response, url, redact)
      if (method === 'HEAD') return { ...facts, size, filename, method }
      const type = essenceOf(facts.content_type)
      const error = `The content type is ${type}, which is not text: its content is omitted.`
      return { ...facts, size, filename, error }
    }
    warmUp()
    const limits = { bytesMax: settings.bytes_max, late: clock.late, signal }
    const body = redactedBody(await readBody(response, limits), redact)
    const format = wantedFormat(input, settings.default_format)
    const wanted = { format, settings, clock, orgId, signal }
    return await presentPage({ facts, body, response, url, redact }, wanted)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ToolError || !clock.late.aborted) throw error
    throw new ToolError(`There was no response within ${clock.networkMs} ms.`)
  }
}

/** Reads the secrets of an origin when a request to it begins. */
function secretsOf(places: readonly SecretHeader[], context: Context): RequestSecrets {
  const sent = new Set<string>()
  let redact = redacting([])
  return {
    async headersFor({ origin }) {
      const mine = places.filter((place) => place.origin === origin)
      if (mine.length === 0) return {}
      const found = await readSecrets(context, mine)
      const headers = headersFrom(found, mine)
      for (const { secret_ref } of mine) sent.add(secretIn(found, secret_ref))
      redact = redacting([...sent])
      return headers
    },
    redact: () => redact,
  }
}

/** Before a conversion, which changes how a secret is written. */
function redactedBody({ bytes, ending }: Body, redact: Redact): Body & { read: number } {
  const redacted = ending === 'whole' ? redact.bytes(bytes) : redact.beginningOfBytes(bytes)
  return { bytes: redacted, ending, read: bytes.length }
}

/** Reserves a part of a call's time for the work after the network. */
function startClock(timeoutMs: number) {
  const end = performance.now() + timeoutMs
  const networkMs = timeoutMs - Math.min(2_000, timeoutMs / 2)
  const leftMs = () => Math.max(1, Math.round(end - performance.now()))
  return { networkMs, late: AbortSignal.timeout(networkMs), leftMs }
}
type Clock = ReturnType<typeof startClock>

function responseFacts(asked: string, url: URL, { status, headers }: Response) {
  const isElsewhere = new URL(asked).href !== url.href
  return {
    url: asked,
    ...(isElsewhere && { redirected_to: url.href }),
    status_code: status,
    content_type: headers.get('content-type'),
    size: null as number | null,
    last_modified: headers.get('last-modified'),
  }
}
type Facts = ReturnType<typeof responseFacts>

/** The headers of an unread body. The length of a compressed one does not apply. */
function unreadFactsOf({ headers }: Response, url: URL, redact: Redact) {
  const length = headers.get('content-length') ?? ''
  const isPlain = !headers.has('content-encoding') && /^\d{1,15}$/.test(length)
  return {
    size: isPlain ? Number(length) : null,
    filename: filenameOf(headers, url, redact),
  }
}

function filenameOf(headers: Headers, { pathname }: URL, redact: Redact): string | null {
  const disposition = headers.get('content-disposition') ?? ''
  const encoded = /filename\*\s*=\s*utf-8''([^\s;]+)/i.exec(disposition)?.[1]
  const plain = /filename\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(disposition)
  const name = encoded ?? plain?.[1] ?? plain?.[2] ?? pathname
  return redact.text(decoded(name)).split(/[/\\]/).at(-1)?.slice(0, 255) || null
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function wantedFormat({ as_markdown, as_text }: Input, otherwise: PageFormat): PageFormat {
  if (as_markdown) return 'markdown'
  if (as_text) return 'text'
  const isRefused = { raw: false, markdown: as_markdown === false, text: as_text === false }
  return isRefused[otherwise] ? 'raw' : otherwise
}

type FetchedPage = {
  facts: Facts
  body: Body & { read: number }
  response: Response
  url: URL
  redact: Redact
}
type Wanted = {
  format: PageFormat
  settings: WebFetchSettings
  clock: Clock
  orgId: string
  signal: AbortSignal
}

async function presentPage({ facts, body, response, url, redact }: FetchedPage, wanted: Wanted) {
  const unread = unreadFactsOf(response, url, redact)
  const { read } = body
  const size = body.ending === 'whole' ? read : unread.size
  const converted = await convertBody({ facts, body, url }, wanted)
  if (converted.isBinary) {
    const named = facts.content_type
      ? `, although its type is ${essenceOf(facts.content_type)}`
      : ''
    const error = `The content is not text${named}: it is omitted.`
    return { ...facts, size, filename: unread.filename, error }
  }
  const { format, length } = converted
  const isCut = converted.content.length < length
  const content = isCut ? redact.beginning(converted.content) : redact.text(converted.content)
  const notice = noticeOf({ ...converted, content }, { ending: body.ending, read })
  const truncated = body.ending !== 'whole' || isCut
  return { ...facts, size, format, content, truncated, ...(notice && { notice }) }
}

type Page = Pick<FetchedPage, 'facts' | 'body' | 'url'>

async function convertBody({ facts, body, url }: Page, wanted: Wanted): Promise<Converted> {
  const late = AbortSignal.timeout(wanted.clock.leftMs())
  const page = {
    bytes: body.bytes,
    url: url.href,
    contentType: facts.content_type,
    isWhole: body.ending === 'whole',
    format: wanted.format,
    lengthMax: wanted.settings.content_length_max,
  }
  try {
    const signal = AbortSignal.any([wanted.signal, late])
    return await convertInThread(page, { orgId: wanted.orgId, signal, processorMsMax })
  } catch (error) {
    wanted.signal.throwIfAborted()
    if (error instanceof ToolError || !late.aborted) throw error
    // A thread may have been free too late: the page is not at fault.
    const other = wanted.format === 'markdown' ? 'Request it raw or as text, or try' : 'Try'
    throw new ToolError(`There was no time left to convert the page. ${other} again later.`)
  }
}

const endings: Record<Exclude<BodyEnding, 'whole'>, string> = {
  limit: 'The page exceeds the limit of bytes',
  late: 'The page did not end in time',
  broken: 'The connection broke before the page ended',
}

function noticeOf(
  { content, length, refused }: Extract<Converted, { isBinary: false }>,
  { ending, read }: { ending: BodyEnding; read: number },
): string | undefined {
  const notices = [
    refused && 'The page is too large or too deeply nested for Markdown: this is its text.',
    ending !== 'whole' && `${endings[ending]}: this is the result of its first ${read} bytes.`,
    content.length < length &&
      `Only the first ${content.length} of ${length} characters are included.`,
  ]
  return notices.filter(Boolean).join(' ') || undefined
}
