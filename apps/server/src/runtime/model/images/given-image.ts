import { type ImageStructure, readStructure } from '../../../capabilities/image-size.ts'
import { type FetchedImage, unreadable } from './image-fetch.ts'

/** An image in base64 of a message or a result. */
type GivenImage = { type: 'data'; data: unknown }

/** `isPlain`: its base64 is the one form that all vendors accept. */
type CheckedImage = ImageStructure & { isPlain: boolean }

/** Cache: an image is sent with every call, and its check decodes all of it. */
const checked = new WeakMap<GivenImage, CheckedImage | typeof unreadable>()

/**
 * Returns an image with the type of its bytes, which vendors require, or the reason for its
 * absence. Other forms of base64 are encoded again.
 */
export function givenImage(image: GivenImage): FetchedImage {
  const { data } = image
  if (typeof data !== 'string') return unreadable
  const known = checked.get(image) ?? checkData(data)
  checked.set(image, known)
  if (known === unreadable) return known
  const { isPlain, ...structure } = known
  return { ...structure, base64: isPlain ? data : Buffer.from(data, 'base64').toString('base64') }
}

/** Base64 with blanks, of either alphabet, and with or without padding. */
const base64Form = /^[\w+/\s-]*(?:=\s*){0,2}$/

function checkData(data: string): CheckedImage | typeof unreadable {
  const bytes = Buffer.from(data, 'base64')
  const isPlain = bytes.toString('base64') === data
  // Node skips characters that are not base64.
  const structure = isPlain || base64Form.test(data) ? readStructure(bytes) : undefined
  return structure ? { ...structure, isPlain } : unreadable
}
