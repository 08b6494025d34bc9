import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { invalidAt } from '../../../../errors.ts'

/** The file of a form. Its JSON identifies it, for idempotency keys. */
export type FormFile = {
  filename: string
  bytes: Buffer
  toJSON: () => { filename: string; hash: string }
}

const partsMax = 20
const headBytesMax = 8 * 1024
const nameLengthMax = 255

/** Parses forms (`multipart/form-data`) to their part `file`, for the routes of `scope`. */
export function parseFormBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser<Buffer>(
    'multipart/form-data',
    { parseAs: 'buffer' },
    async ({ headers }: { headers: { 'content-type'?: string } }, body: Buffer) =>
      fileOf(body, headers['content-type'] ?? ''),
  )
}

/**
 * Finds the part `file` of a form (RFC 7578) without copying its bytes.
 * Contract: throws 400 for a body without one; reads the heads of at most 20 parts.
 */
export function fileOf(body: Buffer, contentType: string): FormFile {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) throw invalidAt('file', 'is missing: the form has no boundary')
  const separator = Buffer.from(`\r\n--${boundary}`)
  // The first one may lack its line break.
  let head = body.indexOf(separator.subarray(2)) + separator.length - 2
  for (let count = 0; count < partsMax; count += 1) {
    const data = body.indexOf('\r\n\r\n', head)
    const end = body.indexOf(separator, head)
    const isPart = body.toString('latin1', head, head + 2) === '\r\n' && data >= head
    if (!isPart || end < data + 2 || data - head > headBytesMax) break
    const { name, filename } = dispositionIn(body.toString('utf8', head, data))
    if (name === 'file') return formFile(filename, body.subarray(Math.min(data + 4, end), end))
    head = end + separator.length
  }
  throw invalidAt('file', 'is missing: send the image as the part `file` of a form')
}

function formFile(filename: string | undefined, bytes: Buffer): FormFile {
  const name = safeName(filename ?? '')
  const toJSON = () => ({
    filename: name,
    hash: createHash('sha256').update(bytes).digest('hex'),
  })
  return { filename: name, bytes, toJSON }
}

const boundaryOf = (type: string): string | undefined => {
  const found = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i.exec(type)
  return found?.[1] ?? found?.[2]
}

/** Name and file name of a part. Browsers escape quotes and line breaks with `%`. */
function dispositionIn(head: string): { name?: string; filename?: string } {
  const line = head.split('\r\n').find((one) => /^content-disposition:/i.test(one)) ?? ''
  const parameterOf = (key: string) => {
    const found = new RegExp(`;\\s*${key}=(?:"([^"]*)"|([^\\s;]+))`, 'i').exec(line)
    return (found?.[1] ?? found?.[2])?.replace(/%22/g, '"').replace(/%0[da]/gi, ' ')
  }
  const name = parameterOf('name')
  const filename = extended(line) ?? parameterOf('filename')
  return { ...(name !== undefined && { name }), ...(filename !== undefined && { filename }) }
}

/** The form of RFC 5987, which some clients send for names outside of ASCII. */
function extended(line: string): string | undefined {
  const found = /;\s*filename\*=utf-8''([^\s;]+)/i.exec(line)
  try {
    return found ? decodeURIComponent(found[1]!) : undefined
  } catch {
    return undefined
  }
}

/** A file name of one line without folders, with at most 255 characters. */
function safeName(name: string): string {
  const last = name.split(/[/\\]/).at(-1)!
  const plain = last.toWellFormed().replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '')
  return [...plain.trim()].slice(0, nameLengthMax).join('') || 'image'
}
