import path from 'node:path'
import type { FileChange } from '../../store/files/tool-access.ts'
import {
  below,
  bytesOf,
  type FileNode,
  isScratch,
  nodeAt,
  originalBytes,
  type Tree,
  type TreeNode,
} from './tree.ts'

/**
 * Returns a command's changes of the session's files, removals first. Equal bytes are no change.
 */
export async function* fileChanges(tree: Tree): AsyncGenerator<FileChange> {
  yield* removals(tree)
  yield* additions(tree, '/', tree.root)
}

function* removals(tree: Tree): Generator<FileChange> {
  const gone = new Map<string, { kind: 'remove'; path: string; known: string[] }>()
  // A directory comes before its entries.
  for (const { path: at, isDirectory } of tree.entries.values()) {
    if (isScratch(at) || nodeAt(tree, at)?.kind === (isDirectory ? 'directory' : 'file')) continue
    const above = gone.get(path.posix.dirname(at))
    above?.known.push(at)
    gone.set(at, above ?? { kind: 'remove', path: at, known: [] })
  }
  yield* new Set(gone.values())
}

async function* additions(tree: Tree, at: string, node: TreeNode): AsyncGenerator<FileChange> {
  if (isScratch(at)) return
  if (node.kind === 'file') {
    const bytes = await newBytes(tree, at, node)
    if (bytes) yield { kind: 'write', path: at, bytes }
    return
  }
  // A file in a new directory creates the directory too.
  if (node.children.size === 0 && at !== '/' && !tree.entries.get(at)?.isDirectory) {
    yield { kind: 'directory', path: at }
  }
  for (const [name, child] of node.children) {
    const childAt = below(at, name)
    if (!isUntouched(childAt, child)) yield* additions(tree, childAt, child)
  }
}

/** True for an unchanged file. Most are, and a generator for each would be slow. */
const isUntouched = (at: string, node: TreeNode) =>
  node.kind === 'file' && !node.bytes && node.origin?.path === at

async function newBytes(tree: Tree, at: string, node: FileNode): Promise<Buffer | undefined> {
  const bytes = sharedBuffer(await bytesOf(tree, node, at))
  const before = tree.entries.get(at)
  if (!before || before.isDirectory || before.sizeBytes !== bytes.length) return bytes
  const original = await originalBytes(tree, at)
  return original && bytes.equals(original) ? undefined : bytes
}

const sharedBuffer = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
