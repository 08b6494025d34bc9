import path from 'node:path'
import type { SessionEntry } from './messages.ts'

type NodeBase = { id: number; mode: number; mtime: Date; origin: SessionEntry | undefined }
export type FileNode = NodeBase & {
  kind: 'file'
  /** Undefined: the session's content of `origin`. May have more capacity than `size` bytes. */
  bytes: Uint8Array | undefined
  size: number
  /** Bytes that count towards the limit of a command. */
  weight: number
}
export type DirectoryNode = NodeBase & { kind: 'directory'; children: Map<string, TreeNode> }
export type TreeNode = FileNode | DirectoryNode

/**
 * The session's files as seen and changed by one command. Content is fetched on first read.
 * Contract: changes nothing in the session; `fileChanges` returns the changes of the command.
 */
export type Tree = {
  root: DirectoryNode
  /** The session's files before the command, by path. */
  entries: ReadonlyMap<string, SessionEntry>
  /** Reads the content of a session file; undefined when it was deleted. */
  read: (path: string) => Promise<Uint8Array | undefined>
  cache: Map<string, Uint8Array>
  cachedBytes: number
  heldBytes: number
  nodes: number
  nodesMax: number
  /** Reasons of refusals for people: bash often reports only the failure. */
  refusals: Set<string>
}

const heldBytesMax = 64 * 1024 * 1024
const cachedBytesMax = 32 * 1024 * 1024
const nodesMadeMax = 20_000
const pathBytesMax = 1024
const depthMax = 64
const refusalsMax = 20
const directoryMode = 0o755
/** Permissions are not stored, so every file is executable. */
const fileMode = 0o755
const readonlyMode = 0o555

/** Directories of every shell. Their content ends with the command. */
const scratchNames = new Set(['bin', 'dev', 'proc', 'tmp', 'usr'])
export const isScratch = (at: string) => scratchNames.has(at.split('/', 2)[1]!)

export const isDevice = (at: string) => /^\/dev\/(null|zero|stdin|stdout|stderr)$/.test(at)

export function openTree(entries: readonly SessionEntry[], read: Tree['read']): Tree {
  const tree: Tree = {
    root: newDirectory(0, undefined),
    entries: new Map(entries.map((entry) => [entry.path, entry])),
    read,
    cache: new Map(),
    cachedBytes: 0,
    heldBytes: 0,
    nodes: 0,
    nodesMax: Number.POSITIVE_INFINITY,
    refusals: new Set(),
  }
  addSessionEntries(tree)
  makeDirectories(tree, '/tmp')
  tree.nodesMax = tree.nodes + nodesMadeMax
  return tree
}

function addSessionEntries(tree: Tree): void {
  let at = '/'
  let parent = tree.root
  for (const entry of tree.entries.values()) {
    // Entries are ordered by path: most share the parent of the one before.
    const above = path.posix.dirname(entry.path)
    if (above !== at) parent = makeDirectories(tree, above)
    at = above
    const name = path.posix.basename(entry.path)
    if (!entry.isDirectory) parent.children.set(name, newFile(tree, entry))
    else if (!parent.children.has(name)) {
      parent.children.set(name, newDirectory(nextNodeId(tree), entry))
    }
  }
}

function nextNodeId(tree: Tree): number {
  if (tree.nodes >= tree.nodesMax) {
    throw refusal(tree, 'ENOSPC', `one command can create ${nodesMadeMax} files and directories`)
  }
  return ++tree.nodes
}

function newDirectory(id: number, origin: SessionEntry | undefined): DirectoryNode {
  const mtime = new Date(origin?.changedAtMs ?? Date.now())
  return { kind: 'directory', id, mode: directoryMode, mtime, origin, children: new Map() }
}

/** Creates a file with the session's content of `origin`, or an empty one. */
export function newFile(tree: Tree, origin?: SessionEntry): FileNode {
  return {
    kind: 'file',
    id: nextNodeId(tree),
    mode: origin?.isReadonly ? readonlyMode : fileMode,
    mtime: new Date(origin?.changedAtMs ?? Date.now()),
    origin,
    bytes: origin ? undefined : new Uint8Array(0),
    size: origin?.sizeBytes ?? 0,
    weight: 0,
  }
}

/** Creates an error in the form of file systems. */
export const fault = (code: string, what: string, at: string) =>
  new Error(`${code}: ${what} '${at}'`)

/** Creates an error whose reason is also shown to people. */
export function refusal(tree: Tree, code: string, reason: string): Error {
  if (tree.refusals.size < refusalsMax) tree.refusals.add(reason)
  return new Error(`${code}: ${reason}`)
}

export function nodeAt(tree: Tree, at: string): TreeNode | undefined {
  let node: TreeNode | undefined = tree.root
  for (const name of at.split('/')) {
    if (name === '') continue
    if (node?.kind !== 'directory') return undefined
    node = node.children.get(name)
  }
  return node
}

export function getNode(tree: Tree, at: string): TreeNode {
  const node = nodeAt(tree, at)
  if (!node) throw fault('ENOENT', 'no such file or directory,', at)
  return node
}

export function getFile(tree: Tree, at: string): FileNode {
  const node = getNode(tree, at)
  if (node.kind === 'directory') throw fault('EISDIR', 'illegal operation on a directory,', at)
  return node
}

export function getDirectory(tree: Tree, at: string): DirectoryNode {
  const node = getNode(tree, at)
  if (node.kind === 'file') throw fault('ENOTDIR', 'not a directory,', at)
  return node
}

/** Returns the directory at a path, with missing parts created. */
export function makeDirectories(tree: Tree, at: string): DirectoryNode {
  let directory = tree.root
  for (const name of at.split('/')) {
    if (name === '') continue
    const child = directory.children.get(name)
    if (child?.kind === 'file') throw fault('ENOTDIR', 'not a directory,', at)
    if (!child) directory.children.set(name, newDirectory(nextNodeId(tree), undefined))
    directory = directory.children.get(name) as DirectoryNode
  }
  return directory
}

/** Throws unless a command may create something at a path. */
export function checkPlace(tree: Tree, at: string): void {
  if (at.includes('\0') || !at.isWellFormed()) {
    throw refusal(tree, 'EINVAL', `${JSON.stringify(at)} is not a valid path`)
  }
  if (Buffer.byteLength(at) > pathBytesMax || at.split('/').length > depthMax + 1) {
    throw refusal(tree, 'ENAMETOOLONG', `${at.slice(0, 50)}... is too long or too deep for a path`)
  }
  if (at.includes('/_') && !isScratch(at)) {
    throw refusal(tree, 'EACCES', `${at}: Permission denied: names that begin with _ are reserved`)
  }
  const node = nodeAt(tree, at)
  if (node) checkChangeable(tree, at, node)
}

/** Throws unless a command may change or remove the node at a path. */
export function checkChangeable(tree: Tree, at: string, node: TreeNode): void {
  if (node.kind === 'file' && node.origin?.isReadonly && node.origin.path === at) {
    throw refusal(tree, 'EACCES', `${at}: Permission denied: the file is read-only`)
  }
  if (node.origin?.path === at && isScratch(at)) {
    throw refusal(tree, 'EROFS', `${at}: Read-only: files of the session cannot be changed there`)
  }
}

/** The path of a directory's entry. */
export const below = (at: string, name: string) => (at === '/' ? `/${name}` : `${at}/${name}`)

/** Calls `visit` for a node and all below it. */
export function walk(at: string, node: TreeNode, visit: (at: string, node: TreeNode) => void) {
  visit(at, node)
  if (node.kind === 'file') return
  for (const [name, child] of node.children) walk(below(at, name), child, visit)
}

/** Counts the bytes of a file. Contract: throws when the command would hold too much. */
export function weigh(tree: Tree, node: FileNode, bytes: number): void {
  const held = tree.heldBytes - node.weight + bytes
  if (held > heldBytesMax && bytes > node.weight) {
    throw refusal(tree, 'ENOSPC', `one command can write ${heldBytesMax / 1024 / 1024} MiB`)
  }
  tree.heldBytes = held
  node.weight = bytes
}

export async function bytesOf(tree: Tree, node: FileNode, at: string): Promise<Uint8Array> {
  if (node.bytes) return node.bytes.subarray(0, node.size)
  const bytes = await originalBytes(tree, node.origin!.path)
  if (!bytes) throw fault('ENOENT', 'no such file or directory,', at)
  return bytes
}

/** Reads the session's content at a path; undefined when it was deleted. */
export async function originalBytes(tree: Tree, at: string): Promise<Uint8Array | undefined> {
  const cached = tree.cache.get(at)
  if (cached) return cached
  const bytes = await tree.read(at)
  if (bytes && tree.cachedBytes + bytes.length <= cachedBytesMax) {
    tree.cache.set(at, bytes)
    tree.cachedBytes += bytes.length
  }
  return bytes
}
