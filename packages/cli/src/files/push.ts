import { constants } from 'node:fs'
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { OutlastError } from '@outlast/sdk'
import type { Context } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { oneLine } from '../output/width.ts'
import { bytesOf, contentOf, findPath, type Remote, remotePath, within } from './remote.ts'
import { reasonOf, type TransferResult, transfer, type Work } from './transfer.ts'

/** Size limit of a request. The server's own limit may be lower; it then returns an error. */
const sizeBytesMax = 12 * 1024 * 1024
const entriesMax = 100_000

/** A local file or empty directory, and its target. */
type Source = { local: string; remote: string; isDirectory: boolean }

/** Uploads files and directories. The last word is the target, or its parent if it ends in `/`. */
export async function push(
  context: Context,
  {
    sessionId,
    words,
    isDryRun,
  }: { sessionId: string; words: readonly string[]; isDryRun: boolean },
): Promise<TransferResult> {
  const { outlast, signal, out } = context
  const remote: Remote = { outlast, sessionId, signal }
  const locals = words.length > 1 ? words.slice(0, -1) : words
  const target = words.length > 1 ? words.at(-1)! : '/'
  const isMany = locals.length > 1 || target.endsWith('/')
  const isKnown = isMany || (await isFolder(remote, target))
  const sources: Source[] = []
  const leave = (file: string, why: string) => out.note(`Skipped ${oneLine(file)}: ${why}.`)
  for (const local of locals) {
    const name = path.basename(path.resolve(local))
    const source = await sourceOf(local)
    const isContent = /(^|[/\\])\.$/.test(local)
    // A directory becomes the target, so that a repeated command has the same result.
    const isInside = source.isDirectory ? isMany && !isContent : isKnown
    await collect(
      sources,
      { ...source, remote: remotePath(isInside ? within(target, name) : target) },
      leave,
    )
  }
  const known = await existing(remote)
  const works = sources.map((source) => workOf(remote, source, { known, isDryRun }))
  return transfer(context, works)
}

async function isFolder(remote: Remote, target: string): Promise<boolean> {
  const place = remotePath(target)
  return place === '/' || ((await findPath(remote, place))?.is_directory ?? false)
}

/** Follows a link that is named on the command line, but no links below it. */
async function sourceOf(local: string): Promise<Omit<Source, 'remote'>> {
  try {
    const real = await realpath(local)
    return { local: real, isDirectory: (await stat(real)).isDirectory() }
  } catch (error) {
    throw new UsageError(`${local} cannot be read: ${reasonOf(error)}.`)
  }
}

async function collect(
  sources: Source[],
  { local, remote, isDirectory }: Source,
  leave: (file: string, why: string) => void,
): Promise<void> {
  if (sources.length >= entriesMax)
    throw new UsageError(`More than ${entriesMax} files cannot be uploaded at once.`)
  if (!isDirectory) {
    sources.push({ local, remote, isDirectory })
    return
  }
  const entries = await readdir(local, { withFileTypes: true })
  if (entries.length === 0 && remote !== '/') sources.push({ local, remote, isDirectory })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(local, entry.name)
    if (entry.isFile() || entry.isDirectory()) {
      const next = { local: file, remote: within(remote, entry.name) }
      await collect(sources, { ...next, isDirectory: entry.isDirectory() }, leave)
    } else leave(file, entry.isSymbolicLink() ? 'it is a link' : 'it is not a file')
  }
}

type Known = ReadonlyMap<string, { isDirectory: boolean; sizeBytes: number }>

async function existing({ outlast, sessionId, signal }: Remote): Promise<Known> {
  const { data } = await outlast.files.list(sessionId, '/', { recursive: true }, { signal })
  return new Map(
    data.map(({ path, is_directory, size_bytes }) => [
      path,
      { isDirectory: is_directory, sizeBytes: size_bytes },
    ]),
  )
}

function workOf(
  remote: Remote,
  source: Source,
  { known, isDryRun }: { known: Known; isDryRun: boolean },
): Work {
  const there = known.get(source.remote)
  const run = source.isDirectory
    ? () => sendDirectory(remote, source, { isThere: there?.isDirectory ?? false, isDryRun })
    : () => sendFile(remote, source, { sizeBytes: there?.sizeBytes, isDryRun })
  return { path: source.remote, run }
}

async function sendDirectory(
  { outlast, sessionId, signal }: Remote,
  { remote }: Source,
  { isThere, isDryRun }: { isThere: boolean; isDryRun: boolean },
) {
  if (isThere) return 'same' as const
  if (!isDryRun) await outlast.files.create(sessionId, remote, { is_directory: true }, { signal })
  return 'done' as const
}

async function sendFile(
  { outlast, sessionId, signal }: Remote,
  { local, remote }: Source,
  { sizeBytes, isDryRun }: { sizeBytes: number | undefined; isDryRun: boolean },
) {
  const bytes = await readLocal(local)
  if (sizeBytes === bytes.length) {
    const there = await outlast.files.read(sessionId, remote, { signal })
    if (!there.is_directory && bytesOf(there).equals(bytes)) return 'same' as const
  }
  if (isDryRun) return 'done' as const
  const body = contentOf(bytes)
  const update = () => outlast.files.update(sessionId, remote, body, { signal })
  if (sizeBytes !== undefined) await update()
  else {
    await outlast.files.create(sessionId, remote, body, { signal }).catch((error) => {
      if (error instanceof OutlastError && error.code === 'file_exists') return update()
      throw error
    })
  }
  return 'done' as const
}

async function readLocal(file: string): Promise<Buffer> {
  const { size } = await lstat(file)
  if (size > sizeBytesMax) {
    throw new Error(`it is too large: ${(size / 1024 / 1024).toFixed(1)} MiB, the limit is 12 MiB`)
  }
  // It may have become a link meanwhile.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  try {
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
