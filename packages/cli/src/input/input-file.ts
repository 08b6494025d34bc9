import { readFile, writeFile } from 'node:fs/promises'
import type { Context } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { readInput } from './prompt.ts'

/**
 * Reads a file, or stdin for `-`, without a byte order mark.
 * Contract: throws a UsageError for an unreadable file.
 */
export async function readText(context: Pick<Context, 'io' | 'signal'>, file: string) {
  const read = () =>
    readFile(file, 'utf8').catch((error) => {
      throw new UsageError(`${file} cannot be read: ${whyOf(error)}.`)
    })
  const text = await (file === '-' ? readInput(context) : read())
  return text.replace(/^\ufeff/, '')
}

/** Reads a JSON file of a flag. Contract: throws a UsageError. */
export async function jsonIn(
  context: Pick<Context, 'io' | 'signal'>,
  flag: string,
  file: string,
): Promise<unknown> {
  const text = await readText(context, file)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`${flag} ${file}: it is not valid JSON: ${(error as Error).message}.`)
  }
}

/** Contract: throws a UsageError for a file that cannot be written. */
export async function writeText(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((error) => {
    throw new UsageError(`${file} cannot be written: ${whyOf(error)}.`)
  })
}

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is a file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  ENAMETOOLONG: 'its name is too long',
}

/** Describes an error of the file system. */
export const whyOf = ({ code, message }: NodeJS.ErrnoException) => reasons[code ?? ''] ?? message
