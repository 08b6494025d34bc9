import { useMemo, useState } from 'react'
import { outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { type Attachment, nameOfCopy } from './content.ts'

const imageTypes = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
const mib = 1024 * 1024
/** A message may have 8 MiB, and base64 turns 3 bytes into 4. Further images are uploaded. */
const imagesBytesMax = 5 * mib
const uploadBytesMax = 20 * mib
const fileBytesMax = 10 * mib
const attachmentsMax = 20

let keys = 0

/** Returns the content of a file in base64. */
export const base64Of = (file: Blob): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).split(',')[1] ?? '')
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(file)
  })

/** Uploads a file to the session. Appends a number when its name is taken. */
export async function upload(sessionId: string, folder: string, file: File): Promise<string> {
  if (file.size > fileBytesMax) throw new Error(`${file.name} is larger than 10 MiB.`)
  const content = await base64Of(file)
  for (let copy = 1; ; copy++) {
    const path = `${folder}/${nameOfCopy(file.name, copy)}`
    try {
      await outlast.files.create(sessionId, path, { content, encoding: 'base64' })
      return path
    } catch (error) {
      if ((error as { status?: number }).status !== 409 || copy === 50) throw error
    }
  }
}

/** Attachments of the next message of a session, until one is sent or removed. */
export const handedOver = new Map<string, readonly Attachment[]>()

/** Manages files that were pasted, dropped or chosen for the next message. */
export function useAttachments(sessionId: string) {
  const [all, setAll] = useState(() => handedOver.get(sessionId) ?? [])
  const change = (key: number, part: Partial<Attachment>) =>
    setAll((before) => before.map((one) => (one.key === key ? { ...one, ...part } : one)))

  async function read(key: number, file: File, isInside: boolean) {
    try {
      if (imageTypes.has(file.type) && !isInside) {
        const { id, filename } = await outlast.images.create(file)
        change(key, { state: 'ready', upload: { image_id: id, filename } })
        return
      }
      if (!imageTypes.has(file.type)) {
        change(key, { state: 'ready', path: await upload(sessionId, '/attachments', file) })
        return
      }
      const base64 = await base64Of(file)
      change(key, { state: 'ready', image: { base64, media_type: file.type } })
    } catch (error) {
      change(key, { state: 'failed', problem: sentenceOf(error) })
    }
  }

  function add(files: readonly File[]) {
    let insideBytes = all.reduce((sum, { image, sizeBytes }) => sum + (image ? sizeBytes : 0), 0)
    const taken = files.slice(0, Math.max(0, attachmentsMax - all.length))
    for (const file of taken) {
      keys += 1
      const one = { key: keys, name: file.name || 'Pasted', sizeBytes: file.size }
      const isImage = imageTypes.has(file.type)
      if (isImage && file.size > uploadBytesMax) {
        const problem = 'An image can have at most 20 MiB.'
        setAll((before) => [...before, { ...one, state: 'failed', problem }])
        continue
      }
      const isInside = isImage && insideBytes + file.size <= imagesBytesMax
      if (isInside) insideBytes += file.size
      setAll((before) => [...before, { ...one, state: 'reading' }])
      read(one.key, file, isInside)
    }
    if (taken.length < files.length) {
      keys += 1
      const problem = `A message can have at most ${attachmentsMax} attachments.`
      const left = { key: keys, name: `${files.length - taken.length} more`, sizeBytes: 0 }
      setAll((before) => [...before, { ...left, state: 'failed', problem }])
    }
  }

  function remove(key: number) {
    handedOver.delete(sessionId)
    setAll((before) => before.filter((one) => one.key !== key))
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: the functions depend only on these
  return useMemo(() => ({ all, add, remove, clear: () => setAll([]) }), [all, sessionId])
}

export type Attachments = ReturnType<typeof useAttachments>
