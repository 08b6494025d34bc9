import type { InputContentPart } from '@outlast/contract'
import { fileText } from '@outlast/contract/folds/text-file'
import { ApiError } from '../../errors.ts'

/** A file of a message of another protocol. */
export type GivenFile = {
  /** Place in the request, for errors. */
  path: string
  /** Address, or data URL. */
  url?: unknown
  base64?: unknown
  mediaType?: unknown
  filename?: unknown
  /** The protocol says that it is an image. Its media type may be absent. */
  isImage?: boolean
}

type FilePart = Extract<InputContentPart, { type: 'text' | 'image' }>

const textBytesMax = 256 * 1024
const filenameMax = 255

const textTypes =
  /^(text\/.+|application\/((.+\+)?(json|xml|yaml)|x-(yaml|ndjson|sh)|(java|ecma|type)script|sql|toml))$/
/** Browsers give these to files whose type they lack, such as Markdown. */
const unnamedTypes = new Set(['', 'application/octet-stream'])

/**
 * Converts a file: an image, or a text file, which becomes text with its name. Only images may be
 * addresses.
 * Contract: throws 400 for other files, and 413 for a large text file.
 */
export function filePart(file: GivenFile): FilePart {
  const { path, url, isImage = false } = file
  const data = dataOf(file)
  const mediaType = textOf(file.mediaType) ?? data?.mediaType
  const type = (mediaType ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (data && !isImage && (textTypes.test(type) || unnamedTypes.has(type))) {
    const filename = textOf(file.filename)
      ?.slice(0, filenameMax)
      .replace(/[\r\n\0]/g, ' ')
      .toWellFormed()
    const about = { ...(filename && { filename }), mediaType: type || 'text/plain' }
    return { type: 'text', text: fileText({ ...about, text: textIn(data, path, type) }) }
  }
  const media = mediaType ? { media_type: mediaType } : {}
  const isShown = isImage || type.startsWith('image/')
  if (isShown && data?.isBase64) return { type: 'image', base64: data.text, ...media }
  if (isShown && !data && typeof url === 'string') return { type: 'image', url, ...media }
  throw unsupported(path, `${type || 'a file without a type'} ${data ? '' : 'by address'}`.trim())
}

type Data = { text: string; isBase64: boolean; mediaType?: string }

const base64End = ';base64'

/** What the request has of the file; undefined for an address. */
function dataOf({ url, base64 }: GivenFile): Data | undefined {
  if (typeof base64 === 'string') return { text: base64, isBase64: true }
  if (typeof url !== 'string' || !url.startsWith('data:')) return undefined
  const comma = url.indexOf(',')
  if (comma < 0) return undefined
  const head = url.slice('data:'.length, comma)
  const isBase64 = head.endsWith(base64End)
  const mediaType = isBase64 ? head.slice(0, -base64End.length) : head
  return { text: url.slice(comma + 1), isBase64, mediaType }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes a text file. Contract: throws for bytes that are no text. */
function textIn({ text, isBase64 }: Data, path: string, type: string): string {
  if (text.length > 3 * textBytesMax) throw tooLarge(path)
  let decoded: string
  try {
    decoded = isBase64 ? decoder.decode(Buffer.from(text, 'base64')) : decodeURIComponent(text)
  } catch {
    throw unsupported(path, `${type || 'a file'} that is not UTF-8`)
  }
  if (Buffer.byteLength(decoded) > textBytesMax) throw tooLarge(path)
  if (decoded.includes('\0')) throw unsupported(path, `${type || 'a file'} that is not text`)
  return decoded
}

const tooLarge = (path: string) =>
  new ApiError('file_too_large', String(textBytesMax), [
    { path, message: `must have at most ${textBytesMax} bytes` },
  ])

const unsupported = (path: string, about: string) =>
  new ApiError('file_unsupported', about.slice(0, 100), [
    { path, message: 'must be an image or a text file' },
  ])

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)
