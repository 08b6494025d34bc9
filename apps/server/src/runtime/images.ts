import { publicFetch } from '../providers/outbound.ts'
import type { Prompt, PromptMessage, VendorModel } from '../providers/provider.ts'
import type { Turn } from './journal.ts'

type UserPart = PromptMessage<'user'>['content'][number]
type FilePart = Extract<UserPart, { type: 'file' }>

const bytesMax = 10 * 1024 * 1024
const fetchMs = 15_000

/** Images that a turn has fetched, by their address: a prompt is the same at every call. */
const fetched = new WeakMap<Turn, Map<string, Promise<UserPart>>>()

/**
 * A prompt whose images the model can see: those whose address its vendor does not fetch come along as bytes. What cannot
 * be had, or is not for a model without eyes, stands there in words.
 */
export async function withImages(
  turn: Turn,
  model: VendorModel,
  { prompt, sees }: { prompt: Prompt; sees: boolean },
): Promise<Prompt> {
  const whole = sees && readsResults(model) ? prompt : prompt.map(withoutResultImages)
  const hasFiles = whole.some(({ role, content }) => role === 'user' && content.some(isFile))
  if (!hasFiles) return whole
  const supported = Object.entries(await model.supportedUrls)
  const isSupported = (url: string) =>
    supported.some(([type, patterns]) => isImage(type) && patterns.some((one) => one.test(url)))
  const shown = (part: UserPart) => {
    if (!isFile(part)) return part
    if (!sees) return inWords('the model cannot see images')
    const { data } = part
    if (data.type !== 'url' || isSupported(data.url.href)) return part
    return fetchOnce(turn, data.url)
  }
  return Promise.all(
    whole.map(async (message) => {
      if (message.role !== 'user' || !message.content.some(isFile)) return message
      return { ...message, content: await Promise.all(message.content.map(shown)) }
    }),
  )
}

/** Chat Completions have nothing but text in results of tools. */
const readsResults = ({ provider }: VendorModel) => !provider.endsWith('.chat')

type ToolMessage = PromptMessage<'tool'>
type ToolPart = ToolMessage['content'][number]

/** A message of results in which words stand for images. Contract: the same object when there are none. */
function withoutResultImages(message: PromptMessage): PromptMessage {
  if (message.role !== 'tool' || !message.content.some(hasImages)) return message
  return { ...message, content: message.content.map(inText) }
}

const hasImages = (part: ToolPart) =>
  part.type === 'tool-result' && part.output.type === 'content' && part.output.value.some(isFile)

function inText(part: ToolPart): ToolPart {
  if (part.type !== 'tool-result' || part.output.type !== 'content') return part
  const pieces = part.output.value.map((piece) => {
    if (piece.type === 'text') return piece.text
    const type = piece.type === 'file' ? piece.mediaType : piece.type
    return `[image ${type}: you cannot see images in results]`
  })
  return { ...part, output: { type: 'text', value: pieces.join('\n') } }
}

const isFile = (part: { type: string }): part is FilePart => part.type === 'file'
const isImage = (type: string) => type === '*' || type.startsWith('*/') || type.startsWith('image/')

const inWords = (reason: string): UserPart => ({
  type: 'text',
  text: `[An image belongs here: ${reason}.]`,
})

function fetchOnce(turn: Turn, url: URL): Promise<UserPart> {
  const known = fetched.get(turn) ?? new Map<string, Promise<UserPart>>()
  fetched.set(turn, known)
  const part = known.get(url.href) ?? fetchImage(turn, url)
  known.set(url.href, part)
  return part
}

async function fetchImage({ node, signal }: Turn, url: URL): Promise<UserPart> {
  try {
    const fetch = await publicFetch(node.config.PRIVATE_HOSTS_ALLOWED)
    const late = AbortSignal.timeout(fetchMs)
    const response = await fetch(url.href, { signal: AbortSignal.any([signal, late]) })
    const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim() ?? ''
    if (!response.ok || !mediaType.startsWith('image/')) {
      await response.body?.cancel()
      return inWords('its address gives no image')
    }
    const data = await readBytes(response)
    return data
      ? { type: 'file', mediaType, data: { type: 'data', data } }
      : inWords(`it is larger than ${bytesMax} bytes`)
  } catch (error) {
    node.log.debug('an image could not be fetched', { error })
    return inWords('its address cannot be reached')
  }
}

/** Undefined when there is too much of it. */
async function readBytes(response: Response): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of response.body ?? []) {
    length += piece.length
    if (length > bytesMax) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
