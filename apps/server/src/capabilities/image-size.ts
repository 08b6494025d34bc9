import { imageTypeOf } from './image-type.ts'

/** Width and height in pixels. */
export type Size = { width: number; height: number }

/**
 * Reads the sizes of the canvas and of all frames of an image from its structure; undefined for
 * other types, and for a truncated file.
 */
export function sizesIn(bytes: Buffer): Size[] | undefined {
  return readers[imageTypeOf(bytes) ?? '']?.(bytes)
}

/** True if there is a size, and none is zero. */
export const hasSize = (sizes: readonly Size[]): boolean =>
  sizes.length > 0 && sizes.every(({ width, height }) => width > 0 && height > 0)

/** Media type of an image, and the longest side of its canvas and frames in pixels. */
export type ImageStructure = { mediaType: string; longestSide: number }

/** Reads the structure of an image; undefined for another type, and for a broken file. */
export function readStructure(bytes: Buffer): ImageStructure | undefined {
  const mediaType = imageTypeOf(bytes)
  const sizes = sizesIn(bytes)
  if (!mediaType || !sizes || !hasSize(sizes)) return undefined
  const longest = (side: number, { width, height }: Size) => Math.max(side, width, height)
  return { mediaType, longestSide: sizes.reduce(longest, 0) }
}

type Reader = (bytes: Buffer) => Size[] | undefined

const readers: Record<string, Reader> = {
  'image/png': pngSizes,
  'image/jpeg': jpegSizes,
  'image/gif': gifSizes,
  'image/webp': webpSizes,
}

/** Frames of an animation beyond this number are refused. */
const framesMax = 10_000

/** Chunks: length, type, data and checksum, up to IEND. One has pixels. */
function pngSizes(bytes: Buffer): Size[] | undefined {
  const sizes: Size[] = []
  let hasPixels = false
  for (let at = 8; at + 12 <= bytes.length && sizes.length <= framesMax; ) {
    const length = bytes.readUInt32BE(at)
    const type = bytes.toString('latin1', at + 4, at + 8)
    if (at + 12 + length > bytes.length) return undefined
    if (at === 8 && (type !== 'IHDR' || length !== 13)) return undefined
    // Both begin with a size; in a frame a number precedes it.
    if (type === 'IHDR') sizes.push(sizeAt(bytes, at + 8))
    if (type === 'fcTL' && length === 26) sizes.push(sizeAt(bytes, at + 12))
    if (type === 'IDAT') hasPixels = true
    if (type === 'IEND') return hasPixels ? sizes : undefined
    at += 12 + length
  }
  return undefined
}

const sizeAt = (bytes: Buffer, at: number): Size => ({
  width: bytes.readUInt32BE(at),
  height: bytes.readUInt32BE(at + 4),
})

/** Start of frame, without tables (C4), extensions (C8) and arithmetic coding (CC). */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
/** Markers without data. */
const isAlone = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)
const endOfImage = Buffer.from([0xff, 0xd9])

/** Segments up to the first scan, whose data ends with the end of the image. */
function jpegSizes(bytes: Buffer): Size[] | undefined {
  const sizes: Size[] = []
  for (let at = 2; at + 4 <= bytes.length && sizes.length <= framesMax; ) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1]!
    if (marker === 0xff || isAlone(marker)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    const length = bytes.readUInt16BE(at + 2)
    if (length < 2 || at + 2 + length > bytes.length) return undefined
    if (isFrame(marker) && length >= 8) {
      sizes.push({ height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) })
    }
    if (marker === 0xda) return bytes.indexOf(endOfImage, at + 2 + length) > 0 ? sizes : undefined
    if (marker === 0xd9) return undefined
    at += 2 + length
  }
  return undefined
}

/** The logical screen, then extensions and frames up to the trailer, which some writers omit. */
function gifSizes(bytes: Buffer): Size[] | undefined {
  if (bytes.length < 13) return undefined
  const sizes = [{ width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }]
  let at = 13 + tableBytes(bytes[10]!)
  while (at < bytes.length && sizes.length <= framesMax) {
    const block = bytes[at]
    if (block === 0x3b) return sizes.length > 1 ? sizes : undefined
    if (block === 0x21) at = afterBlocks(bytes, at + 2)
    else if (block === 0x2c && at + 11 <= bytes.length) {
      sizes.push({ width: bytes.readUInt16LE(at + 5), height: bytes.readUInt16LE(at + 7) })
      at = afterBlocks(bytes, at + 11 + tableBytes(bytes[at + 9]!))
    } else return undefined
  }
  return at === bytes.length && sizes.length > 1 ? sizes : undefined
}

/** Bytes of the color table that the flags announce. */
const tableBytes = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)

function afterBlocks(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1
  return at + 1
}

/** Chunks of the RIFF container: the canvas, then an image or the frames of an animation. */
function webpSizes(bytes: Buffer): Size[] | undefined {
  if (bytes.length < 20) return undefined
  const end = 8 + bytes.readUInt32LE(4)
  if (end > bytes.length) return undefined
  const sizes: Size[] = []
  let hasPixels = false
  for (let at = 12; at + 8 <= end && sizes.length <= framesMax; ) {
    const type = bytes.toString('latin1', at, at + 4)
    const length = bytes.readUInt32LE(at + 4)
    if (at + 8 + length > end) return undefined
    const size = webpSize(type, bytes.subarray(at + 8, at + 8 + length))
    if (size) sizes.push(size)
    if (size && type !== 'VP8X') hasPixels = true
    at += 8 + length + (length % 2)
  }
  return hasPixels && sizes.length <= framesMax ? sizes : undefined
}

function webpSize(type: string, data: Buffer): Size | undefined {
  if (type === 'VP8 ' && data.length >= 10) {
    return { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff }
  }
  if (type === 'VP8L' && data.length >= 5) {
    const bits = data.readUInt32LE(1)
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  // Both store sizes less one in 24 bits; a frame begins with its place.
  const at = type === 'VP8X' ? 4 : type === 'ANMF' ? 6 : undefined
  if (at === undefined || data.length < at + 6) return undefined
  return { width: data.readUIntLE(at, 3) + 1, height: data.readUIntLE(at + 3, 3) + 1 }
}
