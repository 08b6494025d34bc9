import { isUtf8 } from 'node:buffer'
import path from 'node:path'
import {
  type FileStat,
  type NewFile,
  type Outlast,
  OutlastError,
  type SessionFile,
} from '@outlast/sdk'
import { UsageError } from '../core/failure.ts'
import { oneLine } from '../output/width.ts'

/** Files of a session. */
export type Remote = { outlast: Outlast; sessionId: string; signal: AbortSignal }

/**
 * Normalizes a path: absolute, without `.` and a slash at its end.
 * Contract: throws a UsageError for `..`.
 */
export const remotePath = (given: string): string => {
  const names = given.split('/').filter((name) => name !== '' && name !== '.')
  if (names.includes('..')) throw new UsageError(`${oneLine(given)} must not contain "..".`)
  return `/${names.join('/')}`
}

export const within = (folder: string, name: string) => path.posix.join(folder, name)

/** Finds the file or directory of a path. Undefined if there is none. */
export async function findPath(
  { outlast, sessionId, signal }: Remote,
  file: string,
): Promise<FileStat | undefined> {
  try {
    return await outlast.files.stat(sessionId, file, { signal })
  } catch (error) {
    if (error instanceof OutlastError && error.code === 'path_not_found') return undefined
    throw error
  }
}

export const bytesOf = ({ content, encoding }: SessionFile): Buffer =>
  Buffer.from(content ?? '', encoding === 'base64' ? 'base64' : 'utf8')

/** Encodes bytes as text if they are UTF-8, else as base64. */
export function contentOf(bytes: Buffer): Pick<NewFile, 'content' | 'encoding'> {
  const isText = isUtf8(bytes) && !bytes.includes(0)
  return isText
    ? { content: bytes.toString('utf8'), encoding: 'text' }
    : { content: bytes.toString('base64'), encoding: 'base64' }
}
