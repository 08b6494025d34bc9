import type { DocsTable } from '../../core/docs.ts'

const image = 'img_01933b5a000070008000000000000001'

export const imageDocs = {
  upload_image: {
    tag: 'Images',
    summary: 'Upload an image',
    description:
      'Stores an image for parts `{"type": "image_file", "image_id": …}` of messages. The body is a form (`multipart/form-data`) with the image in its part `file`: PNG, JPEG, GIF or WebP by its first bytes, at most 20 MiB and 40 million pixels. SVG is refused. Size and structure are checked without decoding the image. It counts in the storage quota of the organization and stays until it is deleted.',
    errors: ['not_an_image', 'image_too_large', 'quota_exceeded', 'not_found'],
    sample: `// The file of a form of your page, or any Blob.\nconst file = new File([new Uint8Array()], 'chart.png')\nconst image = await outlast.images.create(file)`,
  },
  list_images: {
    tag: 'Images',
    summary: 'List images',
    description:
      'Returns the images of the organization as an array, newest first, without their bytes.',
    sample: 'const images = await outlast.images.list({ limit: 20 })',
  },
  get_image: {
    tag: 'Images',
    summary: 'Download an image',
    description:
      'Returns the bytes of an image with its media type. Browsers may cache them without asking again, and neither scripts nor other types can run from them.',
    sample: `const blob = await outlast.images.get('${image}')`,
  },
  get_thumbnail: {
    tag: 'Images',
    summary: 'Download a thumbnail',
    description:
      'Always 404: this server decodes no images, so it has no thumbnails. The operation exists for clients that ask for one before they load the image.',
    sample: `const blob = await outlast.images.thumbnail('${image}').catch(() => undefined)`,
  },
  delete_image: {
    tag: 'Images',
    summary: 'Delete an image',
    description:
      'Deletes an image. Messages that refer to it keep the part, and models receive its name as text from the next call on. Its bytes are deleted within an hour or two, unless a file or another image has the same.',
    sample: `await outlast.images.delete('${image}')`,
  },
} as const satisfies DocsTable
