import { readStructure } from '../../../capabilities/image-size.ts'
import { ApiError } from '../../../errors.ts'
import { findImages, imagePieces } from '../../../store/files/images.ts'
import { throughOutages } from '../../journal/append.ts'
import type { Turn } from '../../journal/attempt.ts'
import { takeRoom } from '../../journal/image-room.ts'
import { type FetchedImage, fetchOnce, noRoom } from './image-fetch.ts'

/** An uploaded image that a prompt refers to. */
export type StoredImage = { id: string; hash: string; type: string; sizeBytes: number }

/** The reason for the absence of a deleted image. */
export const deleted = 'it was deleted'

/** Finds the uploaded images of a prompt by id. Deleted ones are missing. */
export async function findStored(turn: Turn, ids: readonly string[]) {
  if (ids.length === 0) return new Map<string, StoredImage>()
  const rows = await throughOutages(turn, turn.signal, () =>
    findImages(turn.node.db, turn.run.orgId, ids),
  )
  return new Map(
    rows.map(({ id, hash, content_type: type, size_bytes: sizeBytes }) => [
      id,
      { id, hash, type, sizeBytes },
    ]),
  )
}

/** Length of an image in base64. */
export const base64LengthOf = (bytes: number) => Math.ceil(bytes / 3) * 4

/**
 * Reads an uploaded image once per turn. Its bytes count in the budget of the turn, its
 * organization and the node, and stay until the turn ends.
 * Contract: waits up to 60 s while other turns use the room; the result has the reason if there is
 * none.
 */
export const readStored = (turn: Turn, image: StoredImage): Promise<FetchedImage> =>
  fetchOnce(turn, image.id, () => read(turn, image))

async function read(turn: Turn, { hash, type, sizeBytes }: StoredImage): Promise<FetchedImage> {
  const { account } = turn.fetchBudget
  const length = base64LengthOf(sizeBytes)
  if (!(await takeRoom(account, length, turn.signal))) return noRoom
  try {
    const stored = { orgId: turn.run.orgId, hash, sizeBytes }
    const bytes = await throughOutages(turn, turn.signal, async () => {
      const bytes = Buffer.allocUnsafe(sizeBytes)
      let at = 0
      for await (const piece of imagePieces(turn.node.db, stored)) at += piece.copy(bytes, at)
      return bytes
    })
    const longestSide = readStructure(bytes)?.longestSide ?? 0
    return { base64: bytes.toString('base64'), mediaType: type, longestSide }
  } catch (error) {
    account.give(length)
    if (error instanceof ApiError) return deleted
    throw error
  }
}
