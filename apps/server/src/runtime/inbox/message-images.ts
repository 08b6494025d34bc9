import type { EventMessage } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { findImages } from '../../store/files/images.ts'

type Content = EventMessage['content']

/** `ownOnly`: the caller can use only images that were uploaded for this session. */
type ImageScope = { orgId: string; sessionId?: string; ownOnly?: boolean }

/**
 * Checks that the images of a message exist, and completes their file names. Reads nothing for a
 * message without `image_file` parts.
 * Contract: throws 400 `image_unknown`, also for an image of another organization.
 */
export async function withImageNames(
  db: Db,
  { orgId, sessionId, ownOnly = false }: ImageScope,
  content: Content,
): Promise<Content> {
  const ids = content.flatMap((part) => (part.type === 'image_file' ? [part.image_id] : []))
  if (ids.length === 0) return content
  const images = await findImages(db, orgId, ids)
  const usable = images.filter(({ session_id }) => !ownOnly || session_id === sessionId)
  const names = new Map(usable.map(({ id, filename }) => [id, filename]))
  return content.map((part) => {
    if (part.type !== 'image_file') return part
    const filename = names.get(part.image_id)
    if (filename === undefined) throw new ApiError('image_unknown', part.image_id)
    return { ...part, filename: part.filename || filename }
  })
}
