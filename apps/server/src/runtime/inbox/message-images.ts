import type { EventDataOf, EventMessage } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { findImages, type ImageUse, recordImageUse } from '../../store/files/images.ts'
import { findInputsWith } from '../../store/log/events.ts'

type Content = EventMessage['content']

/**
 * `ownOnly`: the caller can use only images that were uploaded for this session, and those that its
 * log has, such as the images of the messages before a fork.
 */
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
  const usable = ownOnly ? await ofSession(db, use.sessionId!, images) : images
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

type UploadedImage = Awaited<ReturnType<typeof findImages>>[number]

/** The images that were uploaded for a session, or are in messages of its log. */
async function ofSession(
  db: Db,
  sessionId: string,
  images: readonly UploadedImage[],
): Promise<UploadedImage[]> {
  const others = images.filter(({ session_id }) => session_id !== sessionId)
  const used = others.length > 0 ? await usedIn(db, sessionId, others) : new Set()
  return images.filter(({ id, session_id }) => session_id === sessionId || used.has(id))
}

const messagesMax = 10_000

async function usedIn(
  db: Db,
  sessionId: string,
  images: readonly UploadedImage[],
): Promise<Set<string>> {
  const used = new Set<string>()
  const fields = images.map(({ id: image_id }) => ({ image_id }))
  for await (const { data } of findInputsWith(db, sessionId, { fields, latest: messagesMax })) {
    // The text of the row may have the id elsewhere, such as in `metadata`.
    const { message } = JSON.parse(data) as EventDataOf<'input.message'>
    for (const part of message.content) if (part.type === 'image_file') used.add(part.image_id)
    if (images.every(({ id }) => used.has(id))) break
  }
  return used
}
