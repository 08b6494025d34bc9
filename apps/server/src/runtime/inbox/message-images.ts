import type { EventMessage } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { findImages, type ImageUse, recordImageUse } from '../../store/files/images.ts'

type Content = EventMessage['content']

/** `ownOnly`: the caller can use only images that were uploaded for this session. */
type ImageScope = ImageUse & { ownOnly?: boolean }

/**
 * Checks that the images of a message exist, completes their file names, and records their use.
 * Reads nothing for a message without `image_file` parts.
 * Contract: throws 400 `image_unknown`, also for an image of another organization.
 */
export async function withImageNames(
  db: Db,
  { ownOnly = false, ...use }: ImageScope,
  content: Content,
): Promise<Content> {
  const ids = content.flatMap((part) => (part.type === 'image_file' ? [part.image_id] : []))
  if (ids.length === 0) return content
  const images = await findImages(db, use.orgId, ids)
  const usable = images.filter(({ session_id }) => !ownOnly || session_id === use.sessionId)
  const names = new Map(usable.map(({ id, filename }) => [id, filename]))
  const named = content.map((part) => {
    if (part.type !== 'image_file') return part
    const filename = names.get(part.image_id)
    if (filename === undefined) throw new ApiError('image_unknown', part.image_id)
    return { ...part, filename: part.filename || filename }
  })
  await recordImageUse(db, use, usable)
  return named
}
