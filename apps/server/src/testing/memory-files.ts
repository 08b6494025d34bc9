import { createHash } from 'node:crypto'
import type { FileInfo } from '@outlast/contract'
import { ApiError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { FileLimits } from '../store/files/file-changes.ts'
import {
  addEntries,
  type ContentRef,
  createDirectory,
  createFile,
  differences,
  type FileEntry,
  type FileTree,
  newTree,
  removeKnown,
  removePath,
  writeFile,
} from '../store/files/file-tree.ts'
import { asInfo, isText, rootInfo } from '../store/files/files.ts'
import { directoryOf, normalizePath, prefixOf, writablePath } from '../store/files/paths.ts'
import type { SessionFiles } from '../store/files/tool-access.ts'

type FirstFile = { path: string; content: string | Uint8Array; isReadonly?: boolean }

const megabyte = 1_048_576
/** The defaults of FILE_SIZE_MB, SESSION_FILES_MB and SESSION_FILES_MAX. */
const limits: FileLimits = {
  fileBytesMax: 10 * megabyte,
  sessionBytesMax: 100 * megabyte,
  filesMax: 20_000,
}

/** Session files in memory, with the path rules, limits and errors of a server. */
export function memoryFiles(first: readonly FirstFile[] = []): SessionFiles {
  const sessionId = newId('session')
  const { entries, bytesOf, keep, change } = createFileStore()
  const info = (entry: FileEntry) => asInfo(sessionId, entry)
  change((tree) => {
    for (const { path, content, isReadonly = false } of first) {
      createFile(tree, normalizePath(path), { content: keep(content), isReadonly })
    }
  })

  return {
    async list(text, { recursive = false } = {}) {
      const directory = normalizePath(text)
      const found = entries.get(directory)
      if (!found && directory !== '/') throw new ApiError('path_not_found', directory)
      if (found && !found.is_directory) throw new ApiError('not_a_directory', directory)
      const below = [...entries.values()].filter(({ path }) =>
        recursive ? path.startsWith(prefixOf(directory)) : directoryOf(path) === directory,
      )
      return below.map(info).sort(recursive ? byPath : byKind)
    },
    async find(text) {
      const path = normalizePath(text)
      if (path === '/') return rootInfo(sessionId)
      const found = entries.get(path)
      return found && info(found)
    },
    async read(text) {
      const path = normalizePath(text)
      const found = entries.get(path)
      if (found?.is_directory || path === '/') throw new ApiError('not_a_file', path)
      if (!found) throw new ApiError('file_not_found', path)
      return { file: info(found), bytes: Buffer.from(bytesOf(found)) }
    },
    async write(text, content) {
      const path = writablePath(text)
      const kept = keep(content)
      return info(change((tree) => writeFile(tree, path, kept)))
    },
    async edit(text, decide) {
      const path = writablePath(text)
      change((tree) => {
        const found = tree.entries.get(path)
        if (found?.is_directory) throw new ApiError('path_is_directory', path)
        const content = decide(found && Buffer.from(bytesOf(found)))
        if (content !== undefined) writeFile(tree, path, keep(content))
      })
    },
    async remove(text, { recursive = false } = {}) {
      const path = normalizePath(text)
      return change((tree) => removePath(tree, path, recursive))
    },
    async apply(changes) {
      const all = changes.map((one) => ({ ...one, path: writablePath(one.path) }))
      change((tree) => {
        for (const one of all) {
          if (one.kind === 'write') writeFile(tree, one.path, keep(one.bytes))
          if (one.kind === 'directory') createDirectory(tree, one.path)
          if (one.kind === 'remove') removeKnown(tree, one.path, one.known)
        }
      })
    },
    grep: (pattern, pathPattern) => {
      const files = [...entries.values()].filter(({ is_directory }) => !is_directory)
      const texts = files.map((file) => ({ path: file.path, bytes: bytesOf(file) }))
      return search(texts.sort(byPath), pattern, pathPattern)
    },
  }
}

/** The entries by path, and their contents. */
function createFileStore() {
  const entries = new Map<string, FileEntry>()
  const contents = new Map<string, Buffer>()
  const bytesOf = ({ hash }: FileEntry) => (hash === null ? Buffer.alloc(0) : contents.get(hash)!)

  function keep(content: string | Uint8Array): ContentRef {
    const bytes = Buffer.from(content as string)
    if (bytes.length > limits.fileBytesMax) {
      throw new ApiError('file_too_large', String(limits.fileBytesMax))
    }
    const hash = createHash('sha256').update(bytes).digest('hex')
    contents.set(hash, bytes)
    return { hash, size_bytes: bytes.length }
  }

  /** Applies a change to a copy of the entries, which replaces them if the change fits. */
  function change<T>(work: (tree: FileTree) => T): T {
    const tree = newTree(new Date().toISOString())
    addEntries(tree, [...entries.values()])
    const result = work(tree)
    checkLimits(entries, differences(tree))
    entries.clear()
    for (const [path, entry] of tree.entries) entries.set(path, entry)
    return result
  }

  return { entries, bytesOf, keep, change }
}

type Differences = ReturnType<typeof differences>

function checkLimits(entries: Map<string, FileEntry>, { bytes, count }: Differences) {
  const before = [...entries.values()].reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  if (bytes > 0 && before + bytes > limits.sessionBytesMax) {
    throw new ApiError('session_files_full', `${limits.sessionBytesMax} bytes`)
  }
  if (count > 0 && entries.size + count > limits.filesMax) {
    throw new ApiError('session_files_full', `${limits.filesMax} files and directories`)
  }
}

type WithPath = Pick<FileInfo, 'path'>

const byPath = (one: WithPath, other: WithPath) =>
  Buffer.compare(Buffer.from(one.path), Buffer.from(other.path))

/** Directories first. */
const byKind = (one: FileInfo, other: FileInfo) =>
  Number(other.is_directory) - Number(one.is_directory) || byPath(one, other)

type PathAndBytes = { path: string; bytes: Buffer }

async function search(files: readonly PathAndBytes[], pattern: string, pathPattern?: string) {
  const { addMatches, compileGlob, compilePattern, newGrepProgress } = await import(
    '../store/files/grep-matches.ts'
  )
  const compiled = compilePattern(pattern)
  if ('invalid' in compiled) throw new ApiError('invalid_regex', compiled.invalid)
  const glob = pathPattern ? compileGlob(pathPattern) : undefined
  const found = newGrepProgress()
  for (const { path, bytes } of files) {
    if (found.truncated) break
    const isWanted = (glob?.test(path) ?? true) && isText(bytes)
    if (isWanted) addMatches(found, compiled, { path, text: bytes.toString() })
  }
  return { results: found.results, truncated: found.truncated }
}
