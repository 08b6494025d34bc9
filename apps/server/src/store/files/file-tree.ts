import type { PathChange } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newUuid } from '../../ids.ts'
import { ancestorsOf, checkPath, directoryOf, prefixOf } from './paths.ts'

/** A row of `files` without its organization and session. */
export type FileEntry = {
  id: string
  path: string
  is_directory: boolean
  is_readonly: boolean
  hash: string | null
  size_bytes: number
  created_at: string
  updated_at: string
}

/** The content of a file by the hash of its bytes. */
export type ContentRef = { hash: string; size_bytes: number }
const noContent = { hash: null, size_bytes: 0 }

/**
 * The files of a session that a change concerns, under exclusive access, and their new state.
 * Contract: before a path is changed, the entries at it, above it and (where a directory is removed
 * or moved) below it must be loaded. Functions throw ApiErrors that name the path; after an error
 * nothing of the tree may be stored.
 */
export type FileTree = {
  now: string
  entries: Map<string, FileEntry>
  /** The entries when the change began. */
  before: Map<string, FileEntry>
  changes: PathChange[]
}

export function newTree(now: string): FileTree {
  return { now, entries: new Map(), before: new Map(), changes: [] }
}

/** Adds rows of the table to the tree. Entries that are already loaded stay as they are. */
export function addEntries(tree: FileTree, rows: readonly FileEntry[]): void {
  for (const row of rows) {
    if (tree.before.has(row.path)) continue
    tree.before.set(row.path, row)
    tree.entries.set(row.path, row)
  }
}

const entriesBelow = ({ entries }: FileTree, path: string) =>
  [...entries.values()].filter((entry) => entry.path.startsWith(prefixOf(path)))

/** Creates a file. Contract: throws 409 when an entry exists at the path. */
export function createFile(
  tree: FileTree,
  path: string,
  { content, isReadonly = false }: { content: ContentRef | undefined; isReadonly?: boolean },
): FileEntry {
  if (path === '/') throw new ApiError('root_path', 'create at root path, specify a path')
  if (tree.entries.has(path)) throw new ApiError('file_exists', path)
  addParents(tree, path)
  return put(tree, 'created', { ...newEntry(tree, path), ...content, is_readonly: isReadonly })
}

/** Creates a directory unless it exists. Contract: throws 400 when a file is at the path. */
export function createDirectory(tree: FileTree, path: string, isReadonly = false): FileEntry {
  if (path === '/') throw new ApiError('root_path', 'create at root path, specify a path')
  const found = tree.entries.get(path)
  if (found && !found.is_directory) throw new ApiError('path_is_file', path)
  if (found) return found
  addParents(tree, path)
  const made = { ...newEntry(tree, path), is_directory: true, is_readonly: isReadonly }
  return put(tree, 'created', made)
}

/** Replaces the content or the flag of a file. Contract: throws 404 when there is none. */
export function updateFile(
  tree: FileTree,
  path: string,
  { content, isReadonly }: { content?: ContentRef | undefined; isReadonly?: boolean | undefined },
): FileEntry {
  const found = tree.entries.get(path)
  if (!found && path !== '/') throw new ApiError('file_not_found', path)
  if (!found || found.is_directory) throw new ApiError('path_is_directory', path)
  if (content) checkWritable(found)
  const { now: updated_at } = tree
  const is_readonly = isReadonly ?? found.is_readonly
  return put(tree, 'updated', { ...found, ...content, is_readonly, updated_at })
}

/** Creates a file or replaces its content, for tools. Identical content is no change. */
export function writeFile(tree: FileTree, path: string, content: ContentRef): FileEntry {
  const found = tree.entries.get(path)
  if (path === '/') throw new ApiError('path_is_directory', path)
  if (!found) return createFile(tree, path, { content })
  if (found.hash === content.hash && !found.is_readonly) return found
  return updateFile(tree, path, { content })
}

/**
 * Removes an entry. False when there was none.
 * Contract: throws 400 when the entry may not be removed.
 */
export function removePath(tree: FileTree, path: string, recursive: boolean): boolean {
  if (path === '/') throw new ApiError('root_path', 'delete root directory')
  const found = tree.entries.get(path)
  if (!found) return false
  const below = found.is_directory ? entriesBelow(tree, path) : []
  if (below.length > 0 && !recursive) throw new ApiError('directory_not_empty')
  for (const entry of [found, ...below]) checkWritable(entry)
  for (const entry of [found, ...below]) tree.entries.delete(entry.path)
  tree.changes.push({ change: 'deleted', path, is_directory: found.is_directory })
  return true
}

/** Removes an entry with all below it. With `known`, a directory keeps other entries. */
export function removeKnown(tree: FileTree, path: string, known?: readonly string[]): void {
  const all = tree.entries.get(path)?.is_directory && known ? new Set(known) : undefined
  const others = all ? entriesBelow(tree, path).filter((entry) => !all.has(entry.path)) : []
  if (others.length === 0) return void removePath(tree, path, true)
  const kept = new Set(others.flatMap((entry) => ancestorsOf(entry.path)))
  const removed = new Set<string>()
  for (const one of all!) {
    const entry = tree.entries.get(one)
    if (!entry || kept.has(one)) continue
    checkWritable(entry)
    tree.entries.delete(one)
    removed.add(one)
    if (removed.has(directoryOf(one))) continue
    tree.changes.push({ change: 'deleted', path: one, is_directory: entry.is_directory })
  }
}

/** Moves a file, or a directory with its contents. */
export function movePath(tree: FileTree, from: string, to: string): FileEntry {
  const found = tree.entries.get(from)
  if (from === '/') throw new ApiError('root_path', 'move root directory')
  if (!found) throw new ApiError('source_not_found', from)
  if (to === '/' || tree.entries.has(to)) throw new ApiError('destination_exists', to)
  if (to.startsWith(prefixOf(from))) throw new ApiError('path_in_itself', from)
  const below = found.is_directory ? entriesBelow(tree, from) : []
  for (const entry of [found, ...below]) checkWritable(entry)
  addParents(tree, to)
  const { now: updated_at } = tree
  for (const entry of [found, ...below]) {
    tree.entries.delete(entry.path)
    const path = to + entry.path.slice(from.length)
    checkPath(path)
    tree.entries.set(path, { ...entry, path, updated_at })
  }
  const { is_directory, size_bytes } = found
  tree.changes.push({ change: 'moved', path: to, is_directory, size_bytes, from_path: from })
  return tree.entries.get(to)!
}

/** Copies a file and its flag. */
export function copyFile(tree: FileTree, from: string, to: string): FileEntry {
  const found = tree.entries.get(from)
  if (!found && from !== '/') throw new ApiError('source_not_found', from)
  if (!found || found.is_directory) throw new ApiError('directory_not_copied', from)
  if (to === '/' || tree.entries.has(to)) throw new ApiError('destination_exists', to)
  addParents(tree, to)
  const { hash, size_bytes, is_readonly } = found
  return put(tree, 'created', { ...newEntry(tree, to), hash, size_bytes, is_readonly })
}

function newEntry({ now }: FileTree, path: string): FileEntry {
  const times = { created_at: now, updated_at: now }
  return { id: newUuid(), path, is_directory: false, is_readonly: false, ...noContent, ...times }
}

function put(tree: FileTree, change: 'created' | 'updated', entry: FileEntry): FileEntry {
  const { path, is_directory, size_bytes } = entry
  tree.entries.set(path, entry)
  tree.changes.push({ change, path, is_directory, size_bytes })
  return entry
}

function addParents(tree: FileTree, path: string): void {
  for (const above of ancestorsOf(path)) {
    const found = tree.entries.get(above)
    if (found && !found.is_directory) throw new ApiError('path_is_file', above)
    if (!found) tree.entries.set(above, { ...newEntry(tree, above), is_directory: true })
  }
}

/**
 * Refuses to change a readonly file. On a directory the flag has no effect: it could never be
 * removed.
 */
function checkWritable({ path, is_directory, is_readonly }: FileEntry): void {
  if (is_readonly && !is_directory) throw new ApiError('file_readonly', path)
}

/** Computes the rows that a change of the tree writes to the table. Contract: pure. */
export function differences({ entries, before }: FileTree) {
  const written = [...entries.values()].filter((entry) => before.get(entry.path) !== entry)
  const removed = [...before.keys()].filter((path) => !entries.has(path))
  const sum = (all: Iterable<FileEntry>) => {
    let bytes = 0
    for (const { size_bytes } of all) bytes += size_bytes
    return bytes
  }
  return {
    written,
    removed,
    bytes: sum(entries.values()) - sum(before.values()),
    count: entries.size - before.size,
  }
}
