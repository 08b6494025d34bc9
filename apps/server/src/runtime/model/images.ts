import type { Prompt, PromptMessage, VendorModel } from '../../providers/provider.ts'
import type { Turn } from '../journal/attempt.ts'
import { base64LengthMax, type Fetched, fetchOnce, tooOld } from './image-fetch.ts'

type FilePart = Extract<PromptMessage<'user'>['content'][number], { type: 'file' }>
type ImageData = FilePart['data']
type ToolPart = PromptMessage<'tool'>['content'][number]

/** Limits of one request: images, and base64 characters of all images. */
const imagesMax = 100
const lengthMax = 32 * 1024 * 1024
const fetchesMax = 4
const allMs = 60_000

/**
 * Returns a prompt with images that the model supports. Images whose URL the vendor does not fetch
 * are sent as bytes. Text replaces images that cannot be fetched, that the model cannot read, or
 * that exceed the limit, oldest first.
 */
export async function promptWithImages(
  turn: Turn,
  model: VendorModel,
  { prompt, sees }: { prompt: Prompt; sees: boolean },
): Promise<Prompt> {
  const readable = sees && readsResults(model) ? prompt : prompt.map(withoutResultImages)
  const images = readable.flatMap(imagesOf)
  if (images.length === 0) return readable
  const shown = sees ? await choose(turn, model, images) : blind(images)
  return readable.map((message) => withShown(message, shown))
}

/** Tool results of Chat Completions are text only. */
const readsResults = ({ provider }: VendorModel) => !provider.endsWith('.chat')

/** The replacement of each image: the image itself, or the reason for its absence. */
type Shown = ReadonlyMap<ImageData, ImageData | Fetched>

const blind = (images: readonly ImageData[]): Shown =>
  new Map(images.map((data) => [data, 'the model does not support images']))

/**
 * Selects images from the newest to the oldest until the request is full, and fetches them.
 * Contract: room is reserved during a fetch, so that an older image never takes the room of a newer
 * one.
 */
async function choose(turn: Turn, model: VendorModel, images: readonly ImageData[]) {
  const isSupported = await supportOf(model)
  const { node, run, signal: ended, budget } = turn
  const caller = { orgId: run.orgId, purpose: 'image' as const }
  const scope = budget.scope(node.outbound.reach(caller))
  const signal = AbortSignal.any([ended, AbortSignal.timeout(allMs)])
  const shown = new Map<ImageData, ImageData | Fetched>()
  const running = new Set<Promise<void>>()
  let left = lengthMax
  /** Set when one image had no room: older ones are dropped too. */
  let isFull = false
  const drop = (data: ImageData) => {
    isFull = true
    shown.set(data, tooOld)
  }
  const makeRoom = async (length: number) => {
    const mustWait = () => running.size >= fetchesMax || (left < length && running.size > 0)
    while (mustWait()) await Promise.race(running)
    return Math.min(left, length)
  }
  const show = async (data: ImageData) => {
    if (data.type === 'url' && isSupported(data.url.href)) return void shown.set(data, data)
    const length = data.type === 'url' ? base64LengthMax : inlineLength(data)
    const reserved = await makeRoom(length)
    if (isFull || (data.type !== 'url' && reserved < length)) return drop(data)
    left -= reserved
    if (data.type !== 'url') return void shown.set(data, data)
    const request = { fetch: scope.fetch, lengthMax: reserved, signal }
    const fetching = fetchOnce(turn, data.url.href, request).then((image) => {
      const taken = typeof image === 'string' ? 0 : image.base64.length
      running.delete(fetching)
      if (image === tooOld || taken > reserved) return drop(data)
      left += reserved - taken
      shown.set(data, image)
    })
    running.add(fetching)
  }
  const newest = images.toReversed()
  for (const data of newest.slice(0, imagesMax)) await show(data)
  for (const data of newest.slice(imagesMax)) shown.set(data, tooOld)
  await Promise.all(running)
  scope.end()
  return shown
}

async function supportOf(model: VendorModel): Promise<(url: string) => boolean> {
  const supported = Object.entries(await model.supportedUrls)
  return (url) =>
    supported.some(([type, patterns]) => isImage(type) && patterns.some((one) => one.test(url)))
}

const isImage = (type: string) => type === '*' || type.startsWith('*/') || type.startsWith('image/')

const inlineLength = (data: ImageData) => (data.type === 'data' ? data.data.length : 0)

const isFile = <Part extends { type: string }>(part: Part): part is Extract<Part, FilePart> =>
  part.type === 'file'

type ResultPart = Extract<ToolPart, { type: 'tool-result' }>
type ContentOutput = Extract<ResultPart['output'], { type: 'content' }>

const hasContent = (part: ToolPart): part is ResultPart & { output: ContentOutput } =>
  part.type === 'tool-result' && part.output.type === 'content'

/** The images of a message, oldest first. */
function imagesOf(message: PromptMessage): ImageData[] {
  if (message.role === 'user') return message.content.filter(isFile).map(({ data }) => data)
  if (message.role !== 'tool') return []
  const pieces = message.content.flatMap((part) => (hasContent(part) ? part.output.value : []))
  return pieces.flatMap((piece) => (piece.type === 'file' ? [piece.data] : []))
}

function withShown(message: PromptMessage, shown: Shown): PromptMessage {
  if (imagesOf(message).length === 0) return message
  if (message.role === 'user') {
    return { ...message, content: message.content.map((part) => shownPart(part, shown)) }
  }
  if (message.role !== 'tool') return message
  const content = message.content.map((part) => {
    if (!hasContent(part)) return part
    const value = part.output.value.map((piece) => shownPart(piece, shown))
    return { ...part, output: { ...part.output, value } }
  })
  return { ...message, content }
}

function shownPart<Part extends { type: string }>(part: Part, shown: Shown) {
  if (!isFile(part)) return part
  const image = shown.get(part.data)
  if (image === undefined || image === part.data) return part
  if (typeof image === 'string') return inWords(image)
  if (!('base64' in image)) return part
  const { base64, mediaType } = image
  return { ...part, mediaType, data: { type: 'data' as const, data: base64 } }
}

const inWords = (reason: string) => ({
  type: 'text' as const,
  text: `[Image omitted: ${reason}.]`,
})

/** Replaces images in tool results by text. Contract: returns the same object without images. */
function withoutResultImages(message: PromptMessage): PromptMessage {
  if (message.role !== 'tool' || imagesOf(message).length === 0) return message
  return { ...message, content: message.content.map(inText) }
}

function inText(part: ToolPart): ToolPart {
  if (!hasContent(part)) return part
  const pieces = part.output.value.map((piece) => {
    if (piece.type === 'text') return piece.text
    const type = piece.type === 'file' ? piece.mediaType : piece.type
    return `[image ${type}: the model does not support images in tool results]`
  })
  return { ...part, output: { type: 'text', value: pieces.join('\n') } }
}
