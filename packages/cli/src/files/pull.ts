import { lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type FileStat, OutlastError } from '@outlast/sdk'
import type { Context } from '../command.ts'
import { makeFolder } from '../folder.ts'
import { bytesOf, findPath, type Remote, remotePath } from './remote.ts'
import { type Outcome, transfer, type Work } from './transfer.ts'

type Pulled = Pick<FileStat, 'path' | 'is_directory'>

/** Fetches a file, or a directory with all that is in it. `/` at the end of where to: into it. */
export async function pull(
  context: Context,
  {
    sessionId,
    from,
    to,
    isDryRun,
  }: { sessionId: string; from: string; to: string; isDryRun: boolean },
): Promise<Outcome> {
  const { outlast, signal } = context
  const remote: Remote = { outlast, sessionId, signal }
  const base = remotePath(from)
  const found = base === '/' ? { path: '/', is_directory: true } : await findPath(remote, base)
  if (!found) throw new OutlastError('path_not_found', `${base} is not there.`, { status: 404 })
  // A directory becomes the one that is named, so that the same command again does the same; the root has no name.
  const isInside = to.endsWith('/') || (!found.is_directory && (await isFolder(to)))
  const inside = isInside && base !== '/' ? [path.posix.basename(base)] : []
  const all: Pulled[] = found.is_directory ? await below(remote, base) : [found]
  const works = all.map((one): Work => {
    const names = [...inside, ...namesBelow(base, one.path)]
    return {
      path: path.join(to, ...names),
      run: () => fetchOne(remote, one, { folder: to, names, isDryRun }),
    }
  })
  return transfer(context, works)
}

const isFolder = (file: string) =>
  stat(file).then(
    (known) => known.isDirectory(),
    () => false,
  )

async function below({ outlast, sessionId, signal }: Remote, base: string): Promise<Pulled[]> {
  const { data } = await outlast.files.list(sessionId, base, { recursive: true }, { signal })
  return data
}

const namesBelow = (base: string, file: string) =>
  file
    .slice(base === '/' ? 1 : base.length + 1)
    .split('/')
    .filter((name) => name !== '')

type Place = { folder: string; names: readonly string[]; isDryRun: boolean }

async function fetchOne({ outlast, sessionId, signal }: Remote, one: Pulled, place: Place) {
  const { folder, names, isDryRun } = place
  for (const name of names) checkName(name)
  const target = path.join(folder, ...names)
  if (one.is_directory) {
    if (await isDirectory(target)) return 'same' as const
    if (!isDryRun) await makeFolders(folder, names)
    return 'done' as const
  }
  const bytes = bytesOf(await outlast.files.read(sessionId, one.path, { signal }))
  if (await isSame(target, bytes)) return 'same' as const
  if (isDryRun) return 'done' as const
  await makeFolders(folder, names.slice(0, -1))
  await writeWhole(target, bytes, signal)
  return 'done' as const
}

/** Contract: throws for a name that would lead elsewhere, whatever the server says. */
function checkName(name: string): void {
  const isElsewhere = name === '.' || name === '..' || /[/\\\0]/.test(name)
  const isOfWindows = process.platform === 'win32' && /[<>:"|?*]|[. ]$/.test(name)
  if (isElsewhere || isOfWindows) throw new Error('its name is not possible here')
}

const isDirectory = (file: string) =>
  lstat(file).then(
    (known) => known.isDirectory(),
    () => false,
  )

async function isSame(file: string, bytes: Buffer): Promise<boolean> {
  const known = await lstat(file).catch(() => undefined)
  if (!known?.isFile() || known.size !== bytes.length) return false
  return (await readFile(file)).equals(bytes)
}

/** Makes folders one below the other. Contract: goes through no link. */
async function makeFolders(folder: string, names: readonly string[]): Promise<void> {
  makeFolder(folder)
  let at = folder
  for (const name of names) {
    at = path.join(at, name)
    await mkdir(at).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
    const known = await lstat(at)
    if (known.isSymbolicLink()) throw new Error(`${at} is a link`)
    if (!known.isDirectory()) throw new Error(`${at} is a file`)
  }
}

let drafts = 0

/** Contract: the file is there whole or not at all. A link in its place is replaced, not followed. */
async function writeWhole(file: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (await isDirectory(file)) throw new Error('there is a directory of its name')
  makeFolder(path.dirname(file))
  const draft = path.join(path.dirname(file), `.outlast-${process.pid}-${++drafts}`)
  try {
    await writeFile(draft, bytes, { flag: 'wx', signal })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
