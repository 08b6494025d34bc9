import type { ImageInfo, ImageQuery, ImageUploadResponse } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { readBlob } from '../http/limited.ts'

/** The name of an image, if it is not a `File`, and the session that it is for. */
export type ImageOptions = CallOptions & { filename?: string; sessionId?: string }

export function images(http: Http) {
  const { call } = http
  const blob = (at: string, options: CallOptions | undefined) =>
    http.request('GET', at, { request: { accept: '*/*' }, options, read: readBlob })
  return {
    /**
     * Uploads a PNG, JPEG, GIF or WebP image for messages: `not_an_image`, `image_too_large`. Send
     * it as a part `{ type: 'image_file', image_id: image.id }`.
     */
    create: (file: Blob, { filename, sessionId, ...options }: ImageOptions = {}) => {
      const form = new FormData()
      const name = filename ?? (file as Partial<File>).name ?? 'image'
      form.append('file', file, name)
      const query = { session_id: sessionId }
      return call<ImageUploadResponse>('POST', '/v1/images', { form, query }, options)
    },
    /** Lists images, newest first, 50 at once by default. */
    list: (query?: ImageQuery, options?: CallOptions) =>
      call<ImageInfo[]>('GET', '/v1/images', { ...(query && { query }) }, options),
    /** Downloads an image. Its `type` is the media type. `not_found`. */
    get: (id: string, options?: CallOptions) => blob(path`/v1/images/${id}`, options),
    /** Downloads a thumbnail. `not_found`: this server has none. */
    thumbnail: (id: string, options?: CallOptions) =>
      blob(path`/v1/images/${id}/thumbnail`, options),
    /** Deletes an image. Messages keep their reference to it. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/images/${id}`, {}, options),
  }
}
