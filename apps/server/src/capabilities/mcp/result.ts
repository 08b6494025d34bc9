import { isJsonObject } from '../../json.ts'
import { notKeptReason } from '../../store/files/not-kept.ts'
import type { SessionFiles } from '../../store/files/tool-access.ts'
import { textHash } from '../../store/stored-texts.ts'
import { type Image, imageLimits, ToolError, withImages } from '../capability.ts'
import { imageTypeOf } from '../image-type.ts'
import { quoted } from './failure.ts'

const itemsMax = 200
const errorLengthMax = 20_000

type Item = Record<string, unknown>
type ResultFiles = { files: Pick<SessionFiles, 'write'>; directory: string; callId: string }

/** A part of a result for the model. */
type ResultPart = string | Item

/**
 * Converts a server's response to a tool result.
 * Contract: throws ToolError for a response that is an error. Images accompany the JSON; other
 * binary content is stored in the session's files, with its path in the result.
 */
export async function resultOf(
  answer: Record<string, unknown>,
  kept: ResultFiles,
): Promise<unknown> {
  const content = Array.isArray(answer.content) ? answer.content : []
  if (answer.isError === true) throw new ToolError(errorOf(content, answer.structuredContent))
  const images: Image[] = []
  const converted: ResultPart[] = []
  for (const [at, item] of content.slice(0, itemsMax).entries()) {
    converted.push(await convertItem(isJsonObject(item) ? item : {}, { ...kept, images, at }))
  }
  if (content.length > itemsMax) converted.push({ left_out: content.length - itemsMax })
  return withImages(wholeOf(converted, answer.structuredContent), images)
}

/** A single text is the result; several parts have their types. */
function wholeOf(converted: readonly ResultPart[], structured: unknown): unknown {
  if (converted.length === 0) return { result: structured ?? null }
  if (converted.length === 1 && typeof converted[0] === 'string') return { result: converted[0] }
  return {
    content: converted.map((piece) =>
      typeof piece === 'string' ? { type: 'text', text: piece } : piece,
    ),
  }
}

function errorOf(content: readonly unknown[], structured: unknown): string {
  const texts = content.flatMap((item) =>
    isJsonObject(item) && typeof item.text === 'string' ? [item.text] : [],
  )
  const text = texts.join('\n').trim()
  if (text !== '') return text.slice(0, errorLengthMax).toWellFormed()
  if (structured !== undefined)
    return JSON.stringify(structured).slice(0, errorLengthMax).toWellFormed()
  return 'The tool failed without an error message.'
}

type ResultContext = ResultFiles & { images: Image[]; at: number }

async function convertItem(item: Item, context: ResultContext): Promise<ResultPart> {
  const { type, text, data, mimeType } = item
  if (type === 'text' && typeof text === 'string') return text
  if ((type === 'image' || type === 'audio') && typeof data === 'string') {
    return convertBytes({ type, data, mediaType: textOf(mimeType) }, context)
  }
  if (type === 'resource' && isJsonObject(item.resource))
    return convertResource(item.resource, context)
  if (type === 'resource_link') return linkOf(item)
  return {
    type: quoted(String(type ?? 'unknown')),
    not_given: 'This type of content is not supported.',
  }
}

const textOf = (value: unknown) => (typeof value === 'string' ? quoted(value) : undefined)

const linkOf = ({ uri, name, title, description, mimeType }: Item) => ({
  type: 'resource_link',
  uri: textOf(uri) ?? '',
  ...(textOf(name) && { name: textOf(name) }),
  ...(textOf(title) && { title: textOf(title) }),
  ...(textOf(description) && { description: textOf(description) }),
  ...(textOf(mimeType) && { media_type: textOf(mimeType) }),
})

async function convertResource(resource: Item, context: ResultContext): Promise<ResultPart> {
  const { uri, text, blob, mimeType } = resource
  const about = {
    uri: textOf(uri) ?? '',
    ...(textOf(mimeType) && { media_type: textOf(mimeType) }),
  }
  if (typeof text === 'string') return { type: 'resource', ...about, text }
  if (typeof blob !== 'string')
    return { type: 'resource', ...about, not_given: 'It has no content.' }
  const converted = await convertBytes(
    { type: 'resource', data: blob, mediaType: textOf(mimeType) },
    context,
  )
  return { ...converted, uri: about.uri }
}

type Bytes = { type: string; data: string; mediaType: string | undefined }

/** Linear in the length of hostile data: blanks match in one place only. */
const base64 = /^[A-Za-z0-9+/\s]*(?:=\s*){0,2}$/

/** Passes an image that models support to the model; stores other bytes in a file. */
async function convertBytes(
  { type, data, mediaType }: Bytes,
  context: ResultContext,
): Promise<Item> {
  if (!base64.test(data)) return { type, not_given: 'It is not base64.' }
  const bytes = Buffer.from(data, 'base64')
  const seen = imageTypeOf(bytes)
  const about = {
    media_type: seen ?? mediaType ?? 'application/octet-stream',
    size_bytes: bytes.length,
  }
  const { images } = context
  const already = images.reduce((sum, image) => sum + image.sizeBytes, 0)
  const isSmall =
    bytes.length <= imageLimits.bytes && already + bytes.length <= imageLimits.allBytes
  const fits = isSmall && images.length < imageLimits.count
  if (seen !== undefined && type !== 'audio' && fits) {
    images.push({ mediaType: seen, base64: bytes.toString('base64'), sizeBytes: bytes.length })
    return { type: 'image', ...about }
  }
  return { type, ...about, ...(await keepFile(bytes, about.media_type, context)) }
}

const endings: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/svg+xml': 'svg',
  'audio/wav': 'wav',
  'audio/mpeg': 'mp3',
  'audio/ogg': 'ogg',
  'application/pdf': 'pdf',
  'application/zip': 'zip',
  'application/gzip': 'gz',
  'text/plain': 'txt',
}

async function keepFile(bytes: Buffer, mediaType: string, context: ResultContext) {
  const { files, directory, callId, at } = context
  const ending = endings[mediaType.split(';')[0]!.trim().toLowerCase()] ?? 'bin'
  const path = `${directory}/${textHash(callId).slice(0, 12)}-${at + 1}.${ending}`
  try {
    await files.write(path, bytes)
    return { path }
  } catch (error) {
    const reason = notKeptReason(error)
    if (reason === undefined) throw error
    return { not_kept: reason }
  }
}
