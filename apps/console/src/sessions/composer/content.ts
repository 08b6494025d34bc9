import type { InputContentPart } from '@outlast/sdk'

/** An attachment of a message. */
export type Attachment = {
  key: number
  name: string
  sizeBytes: number
  state: 'reading' | 'ready' | 'failed'
  /** Small images are sent inside the message. */
  image?: { base64: string; media_type: string }
  /** Large images are uploaded. */
  upload?: { image_id: string; filename: string }
  /** A part of an earlier message, sent as it is. */
  part?: InputContentPart
  /** Path of any other file in the session. */
  path?: string
  problem?: string
}

/** Builds the content of a message. Contract: all attachments are ready. */
export function contentOf(text: string, attachments: readonly Attachment[]): InputContentPart[] {
  const files = attachments.flatMap(({ path }) => (path ? [`Attached file: ${path}`] : []))
  const words = [text.trim(), files.join('\n')].filter((part) => part !== '').join('\n\n')
  const images = attachments.flatMap(({ image, upload, part }): InputContentPart[] => {
    if (part) return [part]
    if (upload) return [{ type: 'image_file', ...upload }]
    return image ? [{ type: 'image', ...image }] : []
  })
  return [...(words === '' ? [] : [{ type: 'text' as const, text: words }]), ...images]
}

/** Returns the name under which a copy of a file is stored. The first copy keeps its name. */
export function nameOfCopy(given: string, copy: number): string {
  const name = given.replaceAll('/', '-').replace(/^_+/, '') || 'file'
  const dot = name.lastIndexOf('.')
  const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  return copy === 1 ? name : `${stem}-${copy}${end}`
}
