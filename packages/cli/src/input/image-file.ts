import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type { ImageUploadResponse, InputContentPart } from '@outlast/sdk'
import type { Context } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { whyOf } from './input-file.ts'

/** Uploads an image file. Contract: throws a UsageError for a file that cannot be read. */
export async function uploadImage(
  { outlast, signal }: Pick<Context, 'outlast' | 'signal'>,
  file: string,
): Promise<ImageUploadResponse> {
  const stats = await stat(file).catch((error) => {
    throw new UsageError(`${file} cannot be read: ${whyOf(error)}.`)
  })
  if (!stats.isFile()) throw new UsageError(`${file} cannot be read: it is not a file.`)
  const blob = await openAsBlob(file)
  return outlast.images.create(blob, { filename: path.basename(file), signal })
}

/** The part of a message that refers to an uploaded image. */
export const imagePartOf = ({ id, filename }: ImageUploadResponse): InputContentPart => ({
  type: 'image_file',
  image_id: id,
  filename,
})
