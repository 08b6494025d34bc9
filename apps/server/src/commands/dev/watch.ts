/** Watches the files of a project. */
import { type FSWatcher, readdirSync, watch } from 'node:fs'
import path from 'node:path'

/** Silence after which a group of changes counts as complete, in ms. */
const quietMs = 40
/** Limit for a group of changes that has no end, in ms. */
const groupMs = 400

const leftOutFolders = new Set(['node_modules', 'dist', 'build', 'coverage', 'test-results'])
const endings = /\.(?:[cm]?[jt]s|md|ya?ml)$/
const manifests = new Set(['package.json', 'tsconfig.json'])
const isTest = (name: string) => /\.(?:test|spec|eval)\.[^.]+$/.test(name)

/** True for files whose change can change the project. */
const isWatchedFile = (name: string) =>
  manifests.has(name) || (endings.test(name) && !isTest(name) && !name.startsWith('.'))

type Watching = {
  folder: string
  /** Folders that are left out, such as the data of the server. */
  leftOut: () => readonly string[]
  /** Called with the changed files, relative to the folder. */
  changed: (files: readonly string[]) => void
  /** Called with the first error of each kind after which changes are not noticed. */
  failed: (message: string) => void
}

/**
 * Watches a folder with its subfolders until the returned function is called.
 * Contract: one watcher per folder, because Node's recursive watchers on Linux open one for every
 * file below, those of node_modules too.
 */
export function watchProject({ folder, leftOut, changed, failed }: Watching): () => void {
  const watchers = new Map<string, FSWatcher>()
  const failures = new Set<string | undefined>()
  const report = grouped(changed)

  function add(directory: string): void {
    if (watchers.has(directory) || leftOut().includes(directory)) return
    try {
      const watcher = watch(directory, (_event, name) => {
        if (name !== null) noticed(directory, name)
      })
      watcher.on('error', (error) => lost(directory, error))
      watchers.set(directory, watcher)
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        if (entry.isDirectory() && isWatchedFolder(entry.name))
          add(path.join(directory, entry.name))
      }
    } catch (error) {
      lost(directory, error as Error)
    }
  }

  /** Leaves out a folder that was removed in the meantime, or that cannot be watched. */
  function lost(directory: string, { code, message }: NodeJS.ErrnoException): void {
    remove(directory)
    if (code === 'ENOENT' || code === 'ENOTDIR' || failures.has(code)) return
    failures.add(code)
    failed(`changes below ${directory} or other folders are not noticed: ${message}`)
  }

  function remove(directory: string): void {
    for (const [one, watcher] of watchers) {
      if (one !== directory && !one.startsWith(directory + path.sep)) continue
      watcher.close()
      watchers.delete(one)
    }
  }

  function noticed(directory: string, name: string): void {
    const left = leftOut().find((one) => `${directory}${path.sep}`.startsWith(one + path.sep))
    const place = path.join(directory, name)
    if (left) remove(left)
    else if (isWatchedFile(name)) report(path.relative(folder, place))
    else if (isWatchedFolder(name)) followFolder(place)
  }

  /** A folder may have been created with files, or removed with them. */
  function followFolder(place: string): void {
    const isKnown = watchers.has(place)
    const isThere = isDirectory(place)
    if (isKnown === isThere || leftOut().includes(place)) return
    if (isThere) add(place)
    else remove(place)
    report(path.relative(folder, place))
  }

  add(folder)
  return () => remove(folder)
}

const isWatchedFolder = (name: string) => !leftOutFolders.has(name) && !name.startsWith('.')

function isDirectory(place: string): boolean {
  try {
    readdirSync(place)
    return true
  } catch {
    return false
  }
}

/** Collects changes, and reports them together after a silence. */
function grouped(changed: (files: readonly string[]) => void) {
  const files = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let deadline = 0
  return (file: string) => {
    const now = performance.now()
    if (files.size === 0) deadline = now + groupMs
    files.add(file)
    clearTimeout(timer)
    timer = setTimeout(
      () => {
        const all = [...files]
        files.clear()
        changed(all)
      },
      Math.max(0, Math.min(quietMs, deadline - now)),
    )
  }
}
