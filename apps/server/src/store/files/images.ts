import type { ImageInfo } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import { randomShard, shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { keepBytes } from './file-changes.ts'

/** The `agent_id` under which an organization's counters hold the bytes of its images. */
const countedImages = 'images'
/** Size of an image's row for the quota, so that the number of images is limited too. */
export const imageRowBytes = 1_024

export type NewImage = {
  orgId: string
  id: string
  sessionId: string | null
  filename: string
  contentType: string
  width: number
  height: number
  bytes: Buffer
}

const count = (from: string, bytes: string) => `
  insert into counters as c (org_id, agent_id, shard, stored_bytes)
  select :orgId, '${countedImages}', :shard::integer, ${bytes} from ${from}
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes`

const insert = statement(
  'insert-image',
  `
with i as (
  insert into images (org_id, id, session_id, filename, content_type, width, height, hash, size_bytes)
  values (:orgId, :id, :sessionId, :filename, :contentType, :width, :height, :hash, :sizeBytes)
  returning size_bytes, created_at
), c as (${count('i', `i.size_bytes + ${imageRowBytes}`)})
select created_at from i`,
)

/** Stores an image. Equal bytes of the organization are stored once. Returns its time. */
export async function insertImage(db: Db, image: NewImage): Promise<string> {
  const { bytes, ...about } = image
  const limits = { fileBytesMax: bytes.length }
  const { hash, size_bytes: sizeBytes } = await keepBytes(db, image.orgId, { bytes, limits })
  const given = { ...about, hash, sizeBytes, shard: shardOf(image.id) }
  const [row] = await db.run<{ created_at: string }>(insert, valuesOf(insert, given))
  return row!.created_at
}

const remove = statement(
  'delete-image',
  `
with i as (
  delete from images where org_id = :orgId and id = :id returning size_bytes
), c as (${count('i', `-(i.size_bytes + ${imageRowBytes})`)})
select size_bytes from i`,
)

/** Deletes an image. Contract: throws 404. A sweep deletes its bytes. */
export async function deleteImage(db: Db, orgId: string, id: string): Promise<void> {
  const rows = await db.run(remove, valuesOf(remove, { orgId, id, shard: shardOf(id) }))
  if (rows.length === 0) throw new ApiError('not_found', 'Image')
}

const removeThose = (condition: string) => `
with i as (
  delete from images where org_id = :orgId and ${condition} returning size_bytes
), s as (
  select sum(size_bytes + ${imageRowBytes}) as bytes from i having count(*) > 0
), c as (${count('s', '-s.bytes')})
select from s`

const removeOfSessions = statement(
  'delete-images-of-sessions',
  removeThose('session_id = any(:sessionIds::text[])'),
)

/** Deletes the images that were uploaded for sessions. A sweep deletes their bytes. */
export async function deleteImagesOfSessions(
  db: Db,
  orgId: string,
  sessionIds: readonly string[],
): Promise<void> {
  const given = { orgId, sessionIds, shard: randomShard() }
  await db.run(removeOfSessions, valuesOf(removeOfSessions, given))
}

const removeOfEndUser = statement('delete-images-of-end-user', removeThose('used_by = :user'))

/** Deletes the images that were uploaded without a session and used by one end user only. */
export async function deleteImagesOfEndUser(db: Db, orgId: string, user: string): Promise<void> {
  const given = { orgId, user, shard: randomShard() }
  await db.run(removeOfEndUser, valuesOf(removeOfEndUser, given))
}

const use = statement(
  'use-images',
  `
update images i set used_by = case when i.used_by is null then u.user_id else '' end
from (
  select coalesce((select user_id from sessions where org_id = :orgId and id = :sessionId), :user, '') as user_id
) u
where i.org_id = :orgId and i.id = any(:ids::text[]) and i.session_id is null
  and i.used_by is distinct from u.user_id and i.used_by is distinct from ''`,
)

/** The end user of a message, by the session or by name. Neither: of the organization. */
export type ImageUse = {
  orgId: string
  sessionId?: string | undefined
  user?: string | null | undefined
}

/** Records that a message uses images. One that a single end user uses is deleted with them. */
export async function recordImageUse(
  db: Db,
  { orgId, sessionId = undefined, user = null }: ImageUse,
  images: readonly ImageRow[],
): Promise<void> {
  const shared = images.filter(({ session_id, used_by }) => session_id === null && used_by !== '')
  if (shared.length === 0) return
  const ids = shared.map(({ id }) => id)
  await db.run(use, valuesOf(use, { orgId, sessionId: sessionId ?? null, user, ids }))
}

export type ImageRow = Pick<
  ImageInfo,
  'id' | 'filename' | 'content_type' | 'size_bytes' | 'created_at'
> & {
  hash: string
  session_id: string | null
  used_by: string | null
  width: number
  height: number
}

const columns =
  'id, session_id, used_by, filename, content_type, width, height, hash, size_bytes, created_at'

const list: Statement = {
  name: 'list-images',
  text: `select ${columns} from images where org_id = $1 order by id desc limit $2 offset $3`,
}

/** Lists images, newest first. */
export async function listImages(
  db: Db,
  orgId: string,
  { limit, offset }: { limit: number; offset: number },
): Promise<ImageInfo[]> {
  return (await db.run<ImageRow>(list, [orgId, limit, offset])).map(imageInfo)
}

/** An image as it is on the wire. */
export const imageInfo = (row: ImageRow): ImageInfo => {
  const { hash: _, used_by: __, session_id, width, height, ...info } = row
  return { ...info, metadata: { width, height, ...(session_id !== null && { session_id }) } }
}

const imagesAtOnce = 100

const ofEndUser: Statement = {
  name: 'images-of-end-user',
  text: `
select ${columns} from images
where org_id = $1 and id > $3 and id in (
  select id from images where org_id = $1 and used_by = $2
  union
  select i.id from sessions s join images i on i.org_id = s.org_id and i.session_id = s.id
  where s.org_id = $1 and s.user_id = $2
)
order by id limit ${imagesAtOnce}`,
}

/** Lists the images that a deletion of an end user deletes, in batches, oldest first. */
export async function* imagesOfEndUser(
  db: Db,
  orgId: string,
  user: string,
): AsyncGenerator<ImageRow[]> {
  let after = ''
  let rows: ImageRow[]
  do {
    rows = await db.run<ImageRow>(ofEndUser, [orgId, user, after])
    yield rows
    after = rows.at(-1)?.id ?? ''
  } while (rows.length === imagesAtOnce)
}

const byIds: Statement = {
  name: 'find-images',
  text: `select ${columns} from images where org_id = $1 and id = any($2)`,
}

/** Finds the images of an organization by id, in any order. */
export const findImages = (db: Db, orgId: string, ids: readonly string[]): Promise<ImageRow[]> =>
  db.run<ImageRow>(byIds, [orgId, ids])

/** Contract: throws 404 for an unknown image, and for one of another organization. */
export async function getImage(db: Db, orgId: string, id: string): Promise<ImageRow> {
  const [image] = await findImages(db, orgId, [id])
  if (!image) throw new ApiError('not_found', 'Image')
  return image
}

const piece: Statement = {
  name: 'read-image-piece',
  text: 'select substring(bytes from $3 for $4) as bytes from blobs where org_id = $1 and hash = $2',
}

const pieceBytes = 2 * 1024 * 1024

type ImageSource = { orgId: string; hash: string; sizeBytes: number }

/**
 * Reads the bytes of an image in pieces: the driver holds each statement's bytes several times.
 * Contract: throws 404 when the image was deleted and its bytes were swept meanwhile.
 */
export async function* imagePieces(
  db: Db,
  { orgId, hash, sizeBytes }: ImageSource,
): AsyncGenerator<Buffer> {
  for (let at = 0; at < sizeBytes; at += pieceBytes) {
    const [row] = await db.run<{ bytes: Buffer }>(piece, [orgId, hash, at + 1, pieceBytes])
    if (!row) throw new ApiError('not_found', 'Image')
    yield row.bytes
  }
}
