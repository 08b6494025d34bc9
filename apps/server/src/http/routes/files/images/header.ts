import { hasSize, type Size, sizesIn } from '../../../../capabilities/image-size.ts'
import { imageTypeOf } from '../../../../capabilities/image-type.ts'
import { ApiError } from '../../../../errors.ts'

export type ImageHeader = Size & { contentType: string }

/** Decoding needs 4 bytes per pixel. */
const pixelsMax = 40_000_000

/**
 * Reads type and size of an image from its structure, without decoding it.
 * Contract: throws `not_an_image` for other types, for truncated files and for files without a
 * size, and `image_too_large` when any frame has too many pixels.
 */
export function readImageHeader(bytes: Buffer): ImageHeader {
  if (bytes.length === 0) throw new ApiError('not_an_image', 'it is empty')
  const contentType = imageTypeOf(bytes)
  if (!contentType) {
    throw new ApiError('not_an_image', 'its first bytes are those of another type')
  }
  const sizes = sizesIn(bytes)
  if (!sizes) throw new ApiError('not_an_image', 'it is truncated or damaged')
  const [first] = sizes
  if (!first || !hasSize(sizes)) throw new ApiError('not_an_image', 'its header has no size')
  if (sizes.some(({ width, height }) => width * height > pixelsMax)) {
    throw new ApiError('image_too_large', `${pixelsMax} pixels`)
  }
  return { ...first, contentType }
}
