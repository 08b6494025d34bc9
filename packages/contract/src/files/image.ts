import { type Static, Type } from 'typebox'
import { ImageId, SessionId, Timestamp } from '../core/id.ts'
import { AnyObject, count, described, integerMax } from '../core/shape.ts'

const facts = {
  id: described(ImageId, 'Id of the image, for parts of the type `image_file`.'),
  filename: Type.String({
    description: 'File name of the upload, without its folder; `image` if it had none.',
    examples: ['chart.png'],
  }),
  content_type: Type.String({
    description:
      'Media type by the first bytes: `image/png`, `image/jpeg`, `image/gif` or `image/webp`.',
    examples: ['image/png'],
  }),
  size_bytes: count('Size of the image in bytes, at most 20 MiB.'),
  created_at: described(Timestamp, 'Time of the upload.'),
}

const example = {
  id: 'img_01933b5a000070008000000000000001',
  filename: 'chart.png',
  content_type: 'image/png',
  size_bytes: 48_213,
  created_at: '2026-11-25T09:30:00.000Z',
}

export const ImageUploadResponse = Type.Object(facts, {
  title: 'ImageUploadResponse',
  description: 'A stored image.',
  examples: [example],
})
export type ImageUploadResponse = Static<typeof ImageUploadResponse>

export const ImageInfo = Type.Object(
  {
    ...facts,
    metadata: described(
      AnyObject,
      '`width` and `height` in pixels, and `session_id` if the upload named a session.',
    ),
  },
  {
    title: 'ImageInfo',
    description: 'An image of the organization, without its bytes.',
    examples: [{ ...example, metadata: { width: 1200, height: 800 } }],
  },
)
export type ImageInfo = Static<typeof ImageInfo>

/** Lists of images are bare arrays. */
export const ImageList = Type.Array(ImageInfo, {
  title: 'ImageList',
  description: 'Images, newest first.',
})

export const ImageQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: integerMax,
      default: 50,
      description:
        'Maximum number of images to return, from 1. Values above 100 are treated as 100. Default: 50.',
    }),
  ),
  offset: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: integerMax,
      default: 0,
      description: 'Number of images to skip before the first returned one. Default: 0.',
    }),
  ),
})
export type ImageQuery = Static<typeof ImageQuery>

export const ImageUploadQuery = Type.Object({
  session_id: Type.Optional(
    described(
      SessionId,
      'Session that the image is for. It is stored with the image. Session tokens can send only images of their own session.',
    ),
  ),
})
export type ImageUploadQuery = Static<typeof ImageUploadQuery>

/** Form of an upload. */
export const ImageUpload = Type.Object(
  {
    file: Type.Unsafe<Blob>({
      type: 'string',
      format: 'binary',
      description: 'The image: PNG, JPEG, GIF or WebP, at most 20 MiB and 40 million pixels.',
    }),
  },
  { title: 'ImageUpload', description: 'An image to store, as `multipart/form-data`.' },
)
