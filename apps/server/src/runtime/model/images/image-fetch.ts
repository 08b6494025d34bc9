import { type ImageStructure, readStructure } from '../../../capabilities/image-size.ts'
import { fetchBudgetCode } from '../../../outbound/fetch-budget.ts'
import type { Turn } from '../../journal/attempt.ts'
import { logOf } from '../../journal/metrics.ts'

const mebibyte = 1024 * 1024
/** Limit of one image in bytes. */
const bytesMax = 10 * mebibyte
const fetchMs = 15_000

export type ImageBytes = ImageStructure & { base64: string }

/** An image, or the reason for its absence as the rest of a sentence. */
export type FetchedImage = ImageBytes | string

/** A vendor that refuses one image would refuse every later turn of the session. */
export const unreadable = 'it is not a complete PNG, JPEG, GIF or WebP image'

export const tooOld = 'only newer images fit into one request'

/** Base64 characters of the largest image. */
export const base64LengthMax = Math.ceil(bytesMax / 3) * 4

const bytesIn = (base64Length: number) => Math.floor(base64Length / 4) * 3

/** Images of a turn, by address or id: each is fetched and encoded once for all calls. */
const known = new WeakMap<Turn, Map<string, Promise<FetchedImage>>>()

export type ImageRequest = {
  fetch: typeof fetch
  /** Remaining room in base64 characters. */
  lengthMax: number
  /** Aborts at the time limit of all images, and with the turn. */
  signal: AbortSignal
}

/**
 * Gets an image once per turn. A failure that throws is not kept, nor is an image for which a
 * request had no time or no fetch left: the next call tries again.
 */
export function fetchOnce(
  turn: Turn,
  name: string,
  get: () => Promise<FetchedImage>,
): Promise<FetchedImage> {
  const images = known.get(turn) ?? new Map<string, Promise<FetchedImage>>()
  known.set(turn, images)
  const image = images.get(name) ?? get()
  images.set(name, image)
  const drop = () => images.delete(name)
  image.then((got) => (got === tooLate || got === noFetch) && drop(), drop)
  return image
}

/** Fetches an image. Contract: never throws; the result has the error. */
export async function fetchImage(
  turn: Turn,
  url: string,
  { fetch, lengthMax, signal }: ImageRequest,
): Promise<FetchedImage> {
  try {
    const late = AbortSignal.timeout(fetchMs)
    const response = await fetch(url, { signal: AbortSignal.any([signal, late]) })
    const contentType = response.headers.get('content-type')?.trim() ?? ''
    if (!response.ok || !contentType.startsWith('image/')) {
      await response.body?.cancel()
      return 'its URL does not return an image'
    }
    const bytes = await readBytes(response, Math.min(bytesMax, bytesIn(lengthMax)))
    if (!bytes) return lengthMax < base64LengthMax ? tooOld : `it is larger than ${bytesMax} bytes`
    const structure = readStructure(bytes)
    if (!structure) return unreadable
    return keep(turn, { ...structure, base64: bytes.toString('base64') })
  } catch (error) {
    logOf(turn).debug('could not fetch an image', { error })
    if (signal.aborted) return tooLate
    const isBudget = (error as { code?: string }).code === fetchBudgetCode
    return isBudget ? noFetch : 'its URL cannot be reached'
  }
}

export const noRoom = 'too many bytes are being fetched; try again later'

const noFetch = 'too much else is being fetched; try again later'
const tooLate = 'the images of the request took too long to fetch'

const keep = (turn: Turn, image: ImageBytes): FetchedImage =>
  turn.fetchBudget.account.take(image.base64.length) ? image : noRoom

/** Reads a body; undefined when it exceeds `max` bytes. */
async function readBytes(response: Response, max: number): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of response.body ?? []) {
    length += piece.length
    if (length > max) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
