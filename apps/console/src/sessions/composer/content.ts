import type { InputContentPart } from '@outlast/sdk'

/** What goes along with a message. */
export type Attachment = {
  key: number
  name: string
  sizeBytes: number
  state: 'reading' | 'ready' | 'failed'
  /** An image goes in the message itself. */
  image?: { base64: string; media_type: string }
  /** Any other file goes to the session, here. */
  path?: string
  problem?: string
}

/** The message that text and attachments are. Contract: all attachments are ready. */
export function contentOf(text: string, attachments: readonly Attachment[]): InputContentPart[] {
  const files = attachments.flatMap(({ path }) => (path ? [`Attached file: ${path}`] : []))
  const words = [text.trim(), files.join('\n')].filter((part) => part !== '').join('\n\n')
  const images = attachments.flatMap(({ image }) =>
    image ? [{ type: 'image' as const, ...image }] : [],
  )
  return [...(words === '' ? [] : [{ type: 'text' as const, text: words }]), ...images]
}

/** The name under which a file is stored; where it is taken, that of a further copy. */
export function nameOfCopy(given: string, copy: number): string {
  const name = given.replaceAll('/', '-').replace(/^_+/, '') || 'file'
  const dot = name.lastIndexOf('.')
  const [stem, end] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  return copy === 1 ? name : `${stem}-${copy}${end}`
}
