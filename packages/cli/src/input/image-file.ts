import { openAsBlob } from 'node:fs'
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
  try {
    const blob = await openAsBlob(file)
    return await outlast.images.create(blob, { filename: path.basename(file), signal })
  } catch (error) {
    const isOfFile = typeof (error as NodeJS.ErrnoException).syscall === 'string'
    const { code } = error as NodeJS.ErrnoException
    if (!isOfFile && code !== 'ERR_INVALID_ARG_VALUE') throw error
    const why = isOfFile ? whyOf(error as Error) : 'it is not a file'
    throw new UsageError(`${file} cannot be read: ${why}.`)
  }
}

/** The part of a message that refers to an uploaded image. */
export const imagePartOf = ({ id, filename }: ImageUploadResponse): InputContentPart => ({
  type: 'image_file',
  image_id: id,
  filename,
})
