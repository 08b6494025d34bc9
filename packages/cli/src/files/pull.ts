import { link, lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type FileStat, OutlastError } from '@outlast/sdk'
import type { Context } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { makeFolder } from '../core/folder.ts'
import { isInsideGit, nameProblem, repositoriesBelow } from './names.ts'
import { bytesOf, findPath, type Remote, remotePath } from './remote.ts'
import { type TransferResult, transfer, type Work } from './transfer.ts'

type Pulled = Pick<FileStat, 'path' | 'is_directory'> & { size_bytes?: number }

export type Pulling = {
  sessionId: string
  from: string
  to: string
  isDryRun: boolean
  /** Replace existing files. */
  isForced: boolean
}

/** `hidden`: written files whose names begin with a dot, which most listings omit. */
export type PullOutcome = TransferResult & { hidden: string[]; hasConflicts: boolean }

/**
 * Downloads a file, or a directory with its contents. A target with `/` at its end is the parent.
 * Contract: without `isForced` no file is replaced; if one would have to be, nothing is written at
 * all.
 */
export async function pull(context: Context, pulling: Pulling): Promise<PullOutcome> {
  const { outlast, signal } = context
  const { sessionId, isDryRun } = pulling
  if (isInsideGit(pulling.to)) {
    throw new UsageError(`${pulling.to} is inside a Git repository's own files.`)
  }
  const remote: Remote = { outlast, sessionId, signal }
  const items = await itemsOf(remote, pulling)
  const conflicts = new Set<string>()
  const planned = await transfer(
    context,
    items.map(
      (item): Work => ({
        path: item.target,
        run: () => planItem(remote, item, pulling, conflicts),
      }),
    ),
  )
  const isKept = conflicts.size > 0 || isDryRun
  const wanted = new Set(isKept ? [] : planned.done)
  const works = items
    .filter(({ target }) => wanted.has(target))
    .map(
      (item): Work => ({ path: item.target, run: () => fetchOne(remote, item, pulling.isForced) }),
    )
  const fetched = await transfer(context, works)
  const done = conflicts.size > 0 ? [] : isDryRun ? planned.done : fetched.done
  const written = new Set(done)
  const hidden = items.filter((item) => written.has(item.target) && isHidden(item))
  return {
    done,
    same: planned.same,
    failed: [...planned.failed, ...fetched.failed],
    hidden: hidden.map(({ target }) => target),
    hasConflicts: conflicts.size > 0,
  }
}

/** A file or directory of the session and its target: `names` below `folder`. */
type Item = {
  remote: Pulled
  folder: string
  names: readonly string[]
  target: string
  problem: string | undefined
}

const isHidden = ({ remote, names }: Item) =>
  !remote.is_directory && names.some((name) => name.startsWith('.'))

async function itemsOf(remote: Remote, { from, to }: Pulling): Promise<Item[]> {
  const base = remotePath(from)
  const found = base === '/' ? { path: '/', is_directory: true } : await findPath(remote, base)
  if (!found) throw new OutlastError('path_not_found', `${base} does not exist.`, { status: 404 })
  // A directory becomes the target, so that a repeated command has the same result. The root has
  // no name.
  const isParent = to.endsWith('/') || to.endsWith(path.sep)
  const isInside = isParent || (!found.is_directory && (await isFolder(to)))
  const isRenamed = !found.is_directory && !isInside
  const folder = isRenamed ? path.dirname(to) : to
  const own = isRenamed ? path.basename(to) : path.posix.basename(base)
  const inside = isRenamed || (isInside && base !== '/') ? [own] : []
  const all: Pulled[] = found.is_directory ? await below(remote, base) : [found]
  const placed = all.map((one) => ({ one, names: [...inside, ...namesBelow(base, one.path)] }))
  const repositories = repositoriesBelow(
    folder,
    placed.map(({ names }) => names),
  )
  return placed.map(({ one, names }) => ({
    remote: one,
    folder,
    names,
    target: path.join(folder, ...names),
    problem: problemOf(folder, names, repositories),
  }))
}

/** Contract: refuses every name that leads outside of the folder, for any server response. */
function problemOf(folder: string, names: readonly string[], repositories: ReadonlySet<string>) {
  const problems = names.map((name) => nameProblem(name))
  const isInRepository = names.some((_, at) =>
    repositories.has(path.join(folder, ...names.slice(0, at))),
  )
  return (
    problems.find((problem) => problem !== undefined) ??
    (isInRepository ? 'Git would treat its directory as a repository' : undefined)
  )
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

/** Plans the work: none for equal files. Contract: throws if it is impossible or forbidden. */
async function planItem(
  { outlast, sessionId, signal }: Remote,
  { remote, target, problem }: Item,
  { isForced }: Pulling,
  conflicts: Set<string>,
) {
  if (problem) throw new Error(problem)
  const known = await lstat(target).catch(() => undefined)
  if (!known) return 'done' as const
  if (remote.is_directory && known.isDirectory()) return 'same' as const
  if (known.isDirectory()) throw new Error('a directory has its name')
  if (remote.is_directory) throw new Error('a file has its name')
  if (known.isFile() && known.size === remote.size_bytes) {
    const bytes = bytesOf(await outlast.files.read(sessionId, remote.path, { signal }))
    if (bytes.equals(await readFile(target))) return 'same' as const
  }
  if (isForced) return 'done' as const
  conflicts.add(target)
  throw new Error(existsAlready)
}

const existsAlready = 'it already exists (--force replaces it)'

async function fetchOne(
  { outlast, sessionId, signal }: Remote,
  { remote, folder, names, target }: Item,
  isForced: boolean,
) {
  if (remote.is_directory) {
    await makeFolders(folder, names)
    return 'done' as const
  }
  const bytes = bytesOf(await outlast.files.read(sessionId, remote.path, { signal }))
  await makeFolders(folder, names.slice(0, -1))
  await writeWhole({ file: target, bytes, isForced }, signal)
  return 'done' as const
}

const isDirectory = (file: string) =>
  lstat(file).then(
    (known) => known.isDirectory(),
    () => false,
  )

/** Creates nested folders. Contract: follows no link. */
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

type Writing = { file: string; bytes: Buffer; isForced: boolean }

/**
 * Contract: the file is written completely or not at all. A link in its place is replaced, not
 * followed. Without force, no file is replaced, not even one that was created meanwhile.
 */
async function writeWhole({ file, bytes, isForced }: Writing, signal: AbortSignal): Promise<void> {
  if (await isDirectory(file)) throw new Error('a directory has its name')
  const draft = path.join(path.dirname(file), `.outlast-${process.pid}-${++drafts}`)
  try {
    await writeFile(draft, bytes, { flag: 'wx', signal })
    if (isForced) await rename(draft, file)
    else await putInPlace(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Gives a file its name if the name is free. */
async function putInPlace(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file)
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST'
    if (isTaken || (await lstat(file).catch(() => undefined))) throw new Error(existsAlready)
    // File systems such as FAT have no links.
    await rename(draft, file)
  }
}
