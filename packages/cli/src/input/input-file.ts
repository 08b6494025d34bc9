import { readFile, writeFile } from 'node:fs/promises'
import type { Context } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { readInput } from './prompt.ts'

/** The text of a file, `-` for stdin. Contract: throws a UsageError when it cannot be read. */
export async function readText(context: Pick<Context, 'io' | 'signal'>, file: string) {
  if (file === '-') return readInput(context)
  return readFile(file, 'utf8').catch((error) => {
    throw new UsageError(`${file} cannot be read: ${whyOf(error)}.`)
  })
}

/** Contract: throws a UsageError when it cannot be written. */
export async function writeText(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error) => {
    throw new UsageError(`${file} cannot be written: ${whyOf(error)}.`)
  })
}

const reasons: Record<string, string> = {
  ENOENT: 'it is not there',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is a file',
  EACCES: 'this is not allowed',
  EPERM: 'this is not allowed',
  EROFS: 'nothing can be written there',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  ENAMETOOLONG: 'its name is too long',
}

/** What a file system refuses, in words. */
export const whyOf = ({ code, message }: NodeJS.ErrnoException) => reasons[code ?? ''] ?? message
