import { Readable } from 'node:stream'
import {
  ErrorResponse,
  ImageList,
  ImageQuery,
  ImageUploadQuery,
  ImageUploadResponse,
} from '@outlast/contract'
import { ApiError } from '../../../errors.ts'
import { newId, parseId } from '../../../ids.ts'
import {
  deleteImage,
  getImage,
  imagePieces,
  imageRowBytes,
  insertImage,
  listImages,
} from '../../../store/files/images.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import type { Api } from '../../core/api.ts'
import { type FormFile, parseFormBodies } from './images/form.ts'
import { readImageHeader } from './images/header.ts'

const mebibyte = 1024 * 1024
const imageBytesMax = 20 * mebibyte
/** Room for the other parts of a form. */
const formBytes = 64 * 1024
const listDefault = 50
const listMax = 100

/** Images for messages. Await it: the parser for forms applies to one route. */
export async function imageRoutes(api: Api): Promise<void> {
  storedRoutes(api)
  byteRoutes(api)
  await api.app.register(async (scope) => {
    parseFormBodies(scope)
    uploadRoute({ ...api, app: scope })
  })
}

function uploadRoute({ app, node }: Api): void {
  app.route<{ Body: FormFile | undefined; Querystring: ImageUploadQuery }>({
    method: 'POST',
    url: '/v1/images',
    bodyLimit: imageBytesMax + formBytes,
    schema: {
      operationId: 'upload_image',
      consumes: ['multipart/form-data'],
      querystring: ImageUploadQuery,
      response: { 201: ImageUploadResponse, '4xx': ErrorResponse },
    },
    async handler({ body, query, principal: { orgId }, db }, reply) {
      if (!body) throw new ApiError('unsupported_media_type', 'multipart/form-data')
      const { filename, bytes } = body
      if (bytes.length > imageBytesMax) {
        throw new ApiError('image_too_large', `${imageBytesMax} bytes`)
      }
      const { contentType, width, height } = readImageHeader(bytes)
      await node.quotas.checkStorage(db, orgId, bytes.length + imageRowBytes)
      const sessionId = query.session_id ?? null
      if (sessionId !== null) await getSequence(db, orgId, sessionId)
      const id = newId('image')
      const about = { filename, contentType, width, height }
      const created_at = await insertImage(db, { orgId, id, sessionId, bytes, ...about })
      const size_bytes = bytes.length
      return reply
        .code(201)
        .send({ id, filename, content_type: contentType, size_bytes, created_at })
    },
  })
}

type Params = { image_id: string }

function storedRoutes({ app }: Api): void {
  app.route<{ Querystring: ImageQuery }>({
    method: 'GET',
    url: '/v1/images',
    schema: {
      operationId: 'list_images',
      querystring: ImageQuery,
      response: { 200: ImageList, '4xx': ErrorResponse },
    },
    handler({ query: { limit = listDefault, offset = 0 }, principal, db }) {
      return listImages(db, principal.orgId, { limit: Math.min(limit, listMax), offset })
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/images/:image_id',
    schema: { operationId: 'delete_image', response: { '4xx': ErrorResponse } },
    async handler({ params, principal, db }, reply) {
      await deleteImage(db, principal.orgId, parseId('image', params.image_id))
      return reply.code(204).send()
    },
  })
}

/** The bytes never change, and a page that opens them directly can neither run scripts nor load. */
const imageHeaders = {
  'cache-control': 'private, max-age=31536000, immutable',
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
}

function byteRoutes({ app }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/images/:image_id',
    exposeHeadRoute: false,
    schema: {
      operationId: 'get_image',
      produces: ['image/png', 'image/jpeg', 'image/gif', 'image/webp'],
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }, reply) {
      const image = await getImage(db, orgId, parseId('image', params.image_id))
      const { hash, size_bytes: sizeBytes, content_type, filename } = image
      const pieces = imagePieces(db, { orgId, hash, sizeBytes })
      const first = await pieces.next()
      async function* bytes() {
        if (first.value) yield first.value
        yield* pieces
      }
      return reply
        .headers(imageHeaders)
        .header('content-type', content_type)
        .header('content-length', sizeBytes)
        .header('content-disposition', inlineDisposition(filename))
        .send(Readable.from(bytes(), { objectMode: false }))
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/images/:image_id/thumbnail',
    schema: {
      operationId: 'get_thumbnail',
      produces: ['image/jpeg'],
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      await getImage(db, orgId, parseId('image', params.image_id))
      throw new ApiError('not_found', 'Thumbnail')
    },
  })
}

/** `inline` with the name of the upload, in ASCII and in UTF-8. */
function inlineDisposition(filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const exact = encodeURIComponent(filename).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  )
  return `inline; filename="${ascii}"; filename*=UTF-8''${exact}`
}
