import type { FileInfo } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Bus } from '../bus/bus.ts'
import type { Database, Db } from '../database.ts'
import { checkAtOnce } from './at-once.ts'
import { changeFiles, type FileTarget, type FileWork, keepBytes } from './file-changes.ts'
import {
  type ContentRef,
  createDirectory,
  removeKnown,
  removePath,
  writeFile,
} from './file-tree.ts'
import { asInfo, checkDirectory, findEntry, listEntries, readBlob, rootInfo } from './files.ts'
import type { Grep } from './grep.ts'
import { normalizePath, writablePath } from './paths.ts'
import type { FileChange, SessionFiles } from './tool-access.ts'

export type FilesOptions = FileTarget & {
  db: Database
  bus: Bus
  grep: Grep
  /** Contract: throws when the organization's storage quota is exhausted. */
  checkRoom: (bytes: number) => Promise<void> | undefined
}

/** An edit that waits for its function, for which the caller has a time limit. */
export type LimitedEdit = (
  path: string,
  change: (bytes: Buffer | undefined) => Promise<string | Buffer | undefined>,
  isLimited: true,
) => Promise<void>

/** Opens the files of a session for a tool call. */
export function openFiles({ db, bus, grep, checkRoom, ...target }: FilesOptions): SessionFiles {
  const { orgId, sessionId, limits } = target
  async function keep(content: string | Buffer, on: Db = db) {
    const bytes = Buffer.from(content)
    await checkRoom(bytes.length)
    return keepBytes(on, orgId, { bytes, limits })
  }
  const change = async <T>(work: FileWork<T>): Promise<T> => {
    const { result, publish } = await changeFiles(db, target, work)
    publish(bus)
    return result
  }

  return {
    async list(text, { recursive = false } = {}) {
      const directory = normalizePath(text)
      await checkDirectory(db, target, directory)
      const found: FileInfo[] = []
      for await (const rows of listEntries(db, sessionId, { directory, recursive })) {
        for (const row of rows) found.push(asInfo(sessionId, row))
      }
      return found
    },
    async find(text) {
      const path = normalizePath(text)
      const found = await findEntry(db, target, path)
      if (path === '/') return rootInfo(sessionId)
      return found && asInfo(sessionId, found)
    },
    async read(text) {
      const path = normalizePath(text)
      const found = await findEntry(db, target, path)
      if (found?.is_directory || path === '/') throw new ApiError('not_a_file', path)
      const bytes = found && (await readBlob(db, orgId, found.hash))
      if (!bytes) throw new ApiError('file_not_found', path)
      return { file: asInfo(sessionId, found), bytes }
    },
    async write(text, content) {
      const path = writablePath(text)
      const kept = await keep(content)
      const written = await change(async ({ tree, load }) => {
        await load([path])
        return writeFile(tree, path, kept)
      })
      return asInfo(sessionId, written)
    },
    async edit(text, decide, isLimited?: true) {
      const path = writablePath(text)
      await change(async ({ tree, load }, db) => {
        await load([path])
        const found = tree.entries.get(path)
        if (found?.is_directory) throw new ApiError('path_is_directory', path)
        const decided: unknown = decide(found && (await readBlob(db, orgId, found.hash)))
        if (!isLimited) checkAtOnce(decided)
        const content = (await decided) as ReturnType<typeof decide>
        if (content !== undefined) writeFile(tree, path, await keep(content, db))
      })
    },
    remove(text, { recursive = false } = {}) {
      const path = normalizePath(text)
      return change(async ({ tree, load, loadBelow }) => {
        await load([path])
        await loadBelow(path)
        return removePath(tree, path, recursive)
      })
    },
    async apply(changes) {
      const all = changes.map((one) => ({ ...one, path: writablePath(one.path) }))
      const kept = new Map<string, ContentRef>()
      for (const one of all) if (one.kind === 'write') kept.set(one.path, await keep(one.bytes))
      await change(applyAll(all, kept))
    },
    grep: (pattern, pathPattern) => grep({ orgId, sessionId, pattern, pathPattern }),
  }
}

const applyAll =
  (all: readonly FileChange[], kept: ReadonlyMap<string, ContentRef>): FileWork<void> =>
  async ({ tree, load, loadBelow }) => {
    await load(all.map(({ path }) => path))
    for (const { kind, path } of all) if (kind === 'remove') await loadBelow(path)
    for (const one of all) {
      if (one.kind === 'write') writeFile(tree, one.path, kept.get(one.path)!)
      if (one.kind === 'directory') createDirectory(tree, one.path)
      if (one.kind === 'remove') removeKnown(tree, one.path, one.known)
    }
  }
