import { type InitialFile, initialFilesLengthMax } from '@outlast/contract'
import { ApiError, invalidAt } from '../../errors.ts'
import { decodeContent } from './content.ts'
import { ancestorsOf, normalizePath, writablePath } from './paths.ts'

/** A file that a new session gets. */
export type FirstFile = { path: string; content: string | Buffer; isReadonly: boolean }

/**
 * Converts the initial files of a request.
 * Contract: throws 400 whose details name the file, for a path, content or size that no session
 * could have.
 */
export function readInitialFiles(
  files: readonly InitialFile[],
  { fileBytesMax }: { fileBytesMax: number },
): FirstFile[] {
  const length = files.reduce((sum, { content }) => sum + content.length, 0)
  if (length > initialFilesLengthMax) {
    throw invalidAt(
      'initial_files',
      `must have at most ${initialFilesLengthMax} characters together`,
    )
  }
  const read = files.map((file, index) => explained(index, () => firstFile(file)))
  const paths = new Set(read.map(({ path }) => path))
  for (const [index, { path, content }] of read.entries()) {
    if (content.length > fileBytesMax) {
      throw invalidAt(`initial_files/${index}/content`, `has more than ${fileBytesMax} bytes`)
    }
    const above = ancestorsOf(path).find((one) => paths.has(one))
    if (above !== undefined)
      throw invalidAt(`initial_files/${index}/path`, `is below the file ${above}`)
  }
  return read
}

function firstFile({ path: given, content, encoding, is_readonly }: InitialFile) {
  const path = writablePath(given)
  if (path === '/') throw new ApiError('root_path', 'create at root path, specify a path')
  return { path, content: decodeContent(content, encoding), isReadonly: is_readonly ?? false }
}

function explained<T>(index: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const field = error.code === 'invalid_base64' ? 'content' : 'path'
    const message = error.message.replace(/\.$/, '')
    throw new ApiError('invalid_request', `\`initial_files/${index}/${field}\`: ${error.message}`, [
      { path: `initial_files/${index}/${field}`, message },
    ])
  }
}

/** Joins lists of files: of several at one path the last applies. */
export function joinedFiles(...lists: readonly (readonly FirstFile[])[]): FirstFile[] {
  const byPath = new Map(lists.flat().map((file) => [normalizePath(file.path), file]))
  return [...byPath].map(([path, file]) => ({ ...file, path }))
}
