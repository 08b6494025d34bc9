import type { InputContentPart, UIMessage } from '@outlast/contract'
import { invalidAt } from '../../../errors.ts'
import { filePart } from '../../adapters/file-part.ts'

/**
 * Converts the parts of a user's message. Parts of unknown types have no effect.
 * Contract: throws as `filePart`, and 400 for a message without content.
 */
export function contentOf({ parts }: UIMessage): InputContentPart[] {
  const content = parts.flatMap((part, index): InputContentPart[] => {
    const { type, text, url, mediaType, filename } = part
    if (type === 'text' && typeof text === 'string' && text !== '') return [{ type, text }]
    if (type !== 'file' || typeof url !== 'string') return []
    return [filePart({ path: `messages/parts/${index}`, url, mediaType, filename })]
  })
  if (content.length > 0) return content
  throw invalidAt('messages', 'must end with a message that has text or a file')
}
