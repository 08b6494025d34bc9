import type { OmittedImage } from '@outlast/contract'
import type { ImageSides, Prompt, PromptMessage, VendorModel } from '../../../providers/provider.ts'
import type { Turn } from '../../journal/attempt.ts'
import { leftOut, sentLengthMax } from '../../journal/image-room.ts'
import { uploaded } from '../prompt.ts'
import { givenImage } from './given-image.ts'
import { base64LengthMax, type FetchedImage, fetchImage, fetchOnce, tooOld } from './image-fetch.ts'
import {
  base64LengthOf,
  deleted,
  findStored,
  readStored,
  type StoredImage,
} from './stored-image.ts'

type FilePart = Extract<PromptMessage<'user'>['content'][number], { type: 'file' }>
type ImageData = FilePart['data']
type ToolPart = PromptMessage<'tool'>['content'][number]

/** Images of one request. */
const imagesMax = 100
const fetchesMax = 4
const allMs = 60_000

/** `imageLengthMax`: largest image of the provider in base64 characters. */
type ImageLimits = { imageLengthMax?: number | undefined; imageSides?: ImageSides | undefined }
type PromptImages = ImageLimits & { prompt: Prompt; sees: boolean }

/**
 * Returns a prompt with images that the model supports. Images whose URL the vendor does not fetch
 * are sent as bytes. Text replaces images that cannot be fetched, that the model cannot read, or
 * that exceed the limit, oldest first.
 */
export async function promptWithImages(
  turn: Turn,
  model: VendorModel,
  { prompt, sees, ...limits }: PromptImages,
): Promise<{ prompt: Prompt; omitted: OmittedImage[] }> {
  const readable = sees && readsResults(model) ? prompt : prompt.map(withoutResultImages)
  const images = readable.flatMap(imagesOf)
  if (images.length === 0) return { prompt: readable, omitted: [] }
  const refused = refusedImages(turn, readable)
  const shown = sees ? await choose(turn, model, { images, refused, ...limits }) : blind(images)
  return {
    prompt: readable.map((message) => withShown(message, shown)),
    omitted: omittedOf(readable, shown),
  }
}

const refusedByVendor = 'the provider of the model refused a request with images'

/** The images that are omitted because the vendor refused the request with them. */
function refusedImages({ forms }: Turn, prompt: Prompt): Set<ImageData> {
  if (forms.has('no_images')) return new Set(prompt.flatMap(imagesOf))
  if (!forms.has('newest_images')) return new Set()
  const newest = prompt.findLastIndex(hasImage)
  return new Set(prompt.slice(0, newest).flatMap(imagesOf))
}

const omittedMax = 20

/** Images that text replaces, newest first. */
function omittedOf(prompt: Prompt, shown: Shown): OmittedImage[] {
  const omitted = prompt.flatMap(filesOf).flatMap(({ data, filename }) => {
    const reason = shown.get(data)
    const image_id = uploadedId(data)
    if (typeof reason !== 'string') return []
    return { ...(image_id && { image_id }), ...(filename && { filename }), reason }
  })
  return omitted.reverse().slice(0, omittedMax)
}

/** The id of an uploaded image. */
const uploadedId = (data: ImageData): string | undefined =>
  data.type === 'reference' ? data.reference[uploaded] : undefined

/** Tool results of Chat Completions are text only. */
const readsResults = ({ provider }: VendorModel) => !provider.endsWith('.chat')

/** The replacement of each image: the image itself, or the reason for its absence. */
type Shown = ReadonlyMap<ImageData, ImageData | FetchedImage>

const unseen = 'the model does not support images'

const blind = (images: readonly ImageData[]): Shown => new Map(images.map((data) => [data, unseen]))

/** Room of one request, in base64 characters. */
function createRoom() {
  let left = sentLengthMax
  /** Set when one image had no room: older ones are dropped too. */
  let isFull = false
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  return {
    isFull: () => isFull,
    fill() {
      isFull = true
    },
    give(length: number) {
      left += length
    },
    /** Reserves room for an image of at most `length`, once no running one can free more. */
    async take(length: number): Promise<number> {
      const mustWait = () => running.size >= fetchesMax || (left < length && running.size > 0)
      while (mustWait()) await Promise.race(running)
      const taken = isFull ? 0 : Math.min(left, length)
      left -= taken
      return taken
    },
    run(work: Promise<void>) {
      const one = work
        .catch((error) => {
          failures.push(error)
        })
        .finally(() => running.delete(one))
      running.add(one)
    },
    async ended() {
      await Promise.all(running)
      if (failures.length > 0) throw failures[0]
    },
  }
}

/**
 * Selects images from the newest to the oldest until the request is full, and gets their bytes.
 * Contract: room is reserved meanwhile, so that an older image never takes the room of a newer one.
 */
async function choose(
  turn: Turn,
  model: VendorModel,
  {
    images,
    refused,
    imageLengthMax = sentLengthMax,
    imageSides,
  }: ImageLimits & { images: readonly ImageData[]; refused: ReadonlySet<ImageData> },
) {
  const fetches = turn.forms.has('fetched_images')
  const isSupported = fetches ? () => false : await supportOf(model)
  const { node, run, signal: ended, fetchBudget } = turn
  const caller = { orgId: run.orgId, purpose: 'image' as const }
  const scope = fetchBudget.scope(node.outbound.reach(caller))
  const signal = AbortSignal.any([ended, AbortSignal.timeout(allMs)])
  const newest = images.toReversed()
  const stored = await findStored(turn, newest.slice(0, imagesMax).flatMap(idsOf))
  const shown = new Map<ImageData, ImageData | FetchedImage>()
  const room = createRoom()
  const drop = (data: ImageData) => {
    room.fill()
    shown.set(data, tooOld)
  }
  const show = async (data: ImageData) => {
    if (refused.has(data)) return void shown.set(data, refusedByVendor)
    if (data.type === 'data' && data.data === leftOut) return void shown.set(data, tooOld)
    if (data.type === 'url' && isSupported(data.url.href)) return void shown.set(data, data)
    const image = stored.get(uploadedId(data) ?? '')
    if (data.type === 'reference' && !image) return void shown.set(data, deleted)
    const given = data.type === 'data' && !room.isFull() ? givenImage(data) : undefined
    if (typeof given === 'string') return void shown.set(data, given)
    const length = given?.base64.length ?? lengthOf(data, image)
    if (data.type !== 'url' && length > imageLengthMax) return void shown.set(data, tooLarge)
    const reserved = await room.take(length)
    if (room.isFull() || (data.type !== 'url' && reserved < length)) return drop(data)
    if (given) return void shown.set(data, given)
    const get = image
      ? readStored(turn, image)
      : fetchOnce(turn, hrefOf(data), () =>
          fetchImage(turn, hrefOf(data), { fetch: scope.fetch, lengthMax: reserved, signal }),
        )
    const settle = (image: FetchedImage) => {
      const taken = typeof image === 'string' ? 0 : image.base64.length
      if (image === tooOld || taken > reserved) return drop(data)
      room.give(reserved - taken)
      shown.set(data, taken > imageLengthMax ? tooLarge : image)
    }
    room.run(get.then(settle))
  }
  try {
    for (const data of newest.slice(0, imagesMax)) await show(data)
    for (const data of newest.slice(imagesMax)) shown.set(data, tooOld)
    await room.ended()
  } finally {
    scope.end()
  }
  if (imageSides) dropLarge(shown, newest, imageSides)
  return shown
}

const tooWide = 'one of its sides is longer than the provider of the model accepts'

/** Drops images whose sides are too long, and old ones that make others too large. */
function dropLarge(
  shown: Map<ImageData, ImageData | FetchedImage>,
  newest: readonly ImageData[],
  { max, few, maxOfMany }: ImageSides,
) {
  const sideOf = (data: ImageData) => {
    const image = shown.get(data)
    return typeof image === 'object' && 'base64' in image ? image.longestSide : 0
  }
  for (const data of newest) if (sideOf(data) > max) shown.set(data, tooWide)
  const left = newest.filter((data) => typeof shown.get(data) === 'object')
  const isLarge = (data: ImageData) => sideOf(data) > maxOfMany
  const hasFew = left.slice(0, few).some(isLarge)
  for (const data of left.slice(few)) if (hasFew || isLarge(data)) shown.set(data, tooOld)
}

const tooLarge = 'it is larger than the provider of the model accepts'

const idsOf = (data: ImageData) => uploadedId(data) ?? []

const hrefOf = (data: ImageData) => (data.type === 'url' ? data.url.href : '')

/** Length in base64: exact, or for an image by address the most that it can have. */
function lengthOf(data: ImageData, image: StoredImage | undefined): number {
  if (image) return base64LengthOf(image.sizeBytes)
  return data.type === 'data' ? data.data.length : base64LengthMax
}

async function supportOf(model: VendorModel): Promise<(url: string) => boolean> {
  const supported = Object.entries(await model.supportedUrls)
  return (url) =>
    supported.some(([type, patterns]) => isImage(type) && patterns.some((one) => one.test(url)))
}

const isImage = (type: string) => type === '*' || type.startsWith('*/') || type.startsWith('image/')

const isFile = <Part extends { type: string }>(part: Part): part is Extract<Part, FilePart> =>
  part.type === 'file'

type ResultPart = Extract<ToolPart, { type: 'tool-result' }>
type ContentOutput = Extract<ResultPart['output'], { type: 'content' }>

const hasContent = (part: ToolPart): part is ResultPart & { output: ContentOutput } =>
  part.type === 'tool-result' && part.output.type === 'content'

/** The parts of a message that are images, oldest first. */
function filesOf(message: PromptMessage): Pick<FilePart, 'data' | 'filename'>[] {
  if (message.role === 'user') return message.content.filter(isFile)
  if (message.role !== 'tool') return []
  const pieces = message.content.flatMap((part) => (hasContent(part) ? part.output.value : []))
  return pieces.filter((piece) => piece.type === 'file')
}

const imagesOf = (message: PromptMessage): ImageData[] => filesOf(message).map(({ data }) => data)

export const hasImage = (message: PromptMessage): boolean => imagesOf(message).length > 0

export const hasAddress = (message: PromptMessage): boolean =>
  imagesOf(message).some(({ type }) => type === 'url')

function withShown(message: PromptMessage, shown: Shown): PromptMessage {
  if (!hasImage(message)) return message
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
  if (typeof image === 'string') return textForImage(image, part)
  if (!('base64' in image)) return part
  const { base64, mediaType } = image
  return { ...part, mediaType, data: { type: 'data' as const, data: base64 } }
}

/** The text in place of an image: an uploaded one has a name. */
function textForImage(reason: string, { data, filename }: FilePart) {
  const named = reason === unseen ? `[image: ${filename}]` : `[image: ${filename}, ${reason}]`
  const text = data.type === 'reference' ? named : `[Image omitted: ${reason}.]`
  return { type: 'text' as const, text }
}

/** Replaces images in tool results by text. Contract: returns the same object without images. */
function withoutResultImages(message: PromptMessage): PromptMessage {
  if (message.role !== 'tool' || !hasImage(message)) return message
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
