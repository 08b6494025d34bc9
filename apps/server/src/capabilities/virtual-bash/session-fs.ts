import path from 'node:path'
import type { FsStat, IFileSystem } from 'just-bash'
import {
  below,
  bytesOf,
  checkChangeable,
  checkPlace,
  type DirectoryNode,
  type FileNode,
  fault,
  getDirectory,
  getFile,
  getNode,
  isDevice,
  makeDirectories,
  newFile,
  nodeAt,
  refusal,
  type Tree,
  type TreeNode,
  walk,
  weigh,
} from './tree.ts'

type Content = string | Uint8Array
type Encoding = { encoding?: BufferEncoding | null } | BufferEncoding | null | undefined

/** The shell calls the last two directly, to set up `/bin`, `/dev` and `/proc`. */
type SessionFs = IFileSystem & {
  writeFileSync: (at: string, content: Content) => void
  mkdirSync: (at: string, options?: { recursive?: boolean }) => void
}

/** Wraps a tree as the file system of a shell. */
export function asFileSystem(tree: Tree): SessionFs {
  const read = async (at: string) => {
    const clean = resolve(at)
    return bufferView(await bytesOf(tree, getFile(tree, clean), clean))
  }
  const stat = async (at: string) => statOf(getNode(tree, resolve(at)))
  const refuseLink = async (_target: string, at: string) => {
    throw refusal(tree, 'EPERM', `${at}: files of a session cannot be links; copy instead`)
  }
  return {
    readFile: async (at, options) => (await read(at)).toString(encodingOf(options)),
    readFileBytes: async (at) => (await read(at)).toString('latin1') as never,
    readFileBuffer: read,
    writeFile: async (at, content, options) => write(tree, resolve(at), asBytes(content, options)),
    appendFile: (at, content, options) => appendBytes(tree, resolve(at), asBytes(content, options)),
    exists: async (at) => nodeAt(tree, resolve(at)) !== undefined,
    stat,
    lstat: stat,
    mkdir: async (at, options) => makeDirectory(tree, resolve(at), options?.recursive),
    readdir: async (at) => [...getDirectory(tree, resolve(at)).children.keys()].sort(),
    readdirWithFileTypes: async (at) => listing(getDirectory(tree, resolve(at))),
    rm: async (at, options) => remove(tree, resolve(at), options),
    cp: (from, to, options) => copy(tree, resolve(from), { to: resolve(to), ...options }),
    mv: async (from, to) => move(tree, resolve(from), resolve(to)),
    resolvePath: (base, at) => path.posix.resolve('/', base, at),
    getAllPaths: () => allPaths(tree),
    chmod: async (at, mode) => {
      getNode(tree, resolve(at)).mode = mode & 0o777
    },
    symlink: refuseLink,
    link: refuseLink,
    readlink: async (at) => {
      throw fault('EINVAL', 'invalid argument, readlink', at)
    },
    realpath: async (at) => {
      getNode(tree, resolve(at))
      return resolve(at)
    },
    utimes: async (at, _atime, mtime) => {
      getNode(tree, resolve(at)).mtime = mtime
    },
    writeFileSync: (at, content) => lay(tree, at, asBytes(content, undefined)),
    mkdirSync: (at) => void makeDirectories(tree, at),
  }
}

const resolve = (at: string) => path.posix.resolve('/', at).replace(/^\/\//, '/')

const encodingOf = (options: Encoding): BufferEncoding =>
  (typeof options === 'string' ? options : options?.encoding) ?? 'utf8'

const bufferView = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const asBytes = (content: Content, options: Encoding): Uint8Array =>
  typeof content === 'string' ? Buffer.from(content, encodingOf(options)) : new Uint8Array(content)

function statOf(node: TreeNode): FsStat {
  return {
    isFile: node.kind === 'file',
    isDirectory: node.kind === 'directory',
    isSymbolicLink: false,
    mode: node.mode,
    size: node.kind === 'file' ? node.size : 0,
    mtime: node.mtime,
    identity: String(node.id),
  }
}

function listing({ children }: DirectoryNode) {
  return [...children.keys()].sort().map((name) => {
    const isFile = children.get(name)!.kind === 'file'
    return { name, isFile, isDirectory: !isFile, isSymbolicLink: false }
  })
}

function allPaths(tree: Tree): string[] {
  const paths: string[] = []
  walk('/', tree.root, (at) => paths.push(at))
  return paths
}

/** Adds a file of the shell's own layout where the session has none. */
function lay(tree: Tree, at: string, bytes: Uint8Array): void {
  const directory = makeDirectories(tree, path.posix.dirname(at))
  const name = path.posix.basename(at)
  if (directory.children.has(name)) return
  directory.children.set(name, { ...newFile(tree), bytes, size: bytes.length })
}

/** Returns the file at a path for writing, created if missing. */
function fileToWrite(tree: Tree, at: string): FileNode {
  checkPlace(tree, at)
  const found = nodeAt(tree, at)
  if (found?.kind === 'directory') throw fault('EISDIR', 'illegal operation on a directory,', at)
  if (found) return found
  const made = newFile(tree)
  makeDirectories(tree, path.posix.dirname(at)).children.set(path.posix.basename(at), made)
  return made
}

function write(tree: Tree, at: string, bytes: Uint8Array): void {
  if (isDevice(at)) return
  const file = fileToWrite(tree, at)
  weigh(tree, file, bytes.length)
  Object.assign(file, { bytes, size: bytes.length, mtime: new Date() })
}

async function appendBytes(tree: Tree, at: string, bytes: Uint8Array): Promise<void> {
  if (isDevice(at)) return
  const file = fileToWrite(tree, at)
  const before = file.bytes ?? (await bytesOf(tree, file, at))
  const used = file.bytes ? file.size : before.length
  const size = used + bytes.length
  weigh(tree, file, size)
  // Doubles the capacity, so that repeated appends do not copy the whole each time.
  const room = file.bytes && before.length >= size ? before : new Uint8Array(size * 2)
  if (room !== before) room.set(before.subarray(0, used))
  room.set(bytes, used)
  Object.assign(file, { bytes: room, size, mtime: new Date() })
}

function makeDirectory(tree: Tree, at: string, recursive = false): void {
  const found = nodeAt(tree, at)
  if (found && !(recursive && found.kind === 'directory')) {
    throw fault('EEXIST', 'file already exists, mkdir', at)
  }
  if (found) return
  checkPlace(tree, at)
  if (!recursive) getDirectory(tree, path.posix.dirname(at))
  makeDirectories(tree, at)
}

type RemoveOptions = { recursive?: boolean; force?: boolean }

function remove(tree: Tree, at: string, { recursive, force }: RemoveOptions = {}): void {
  const node = nodeAt(tree, at)
  if (!node && force) return
  checkRemovable(tree, at, getNode(tree, at))
  if (node?.kind === 'directory' && node.children.size > 0 && !recursive) {
    throw fault('ENOTEMPTY', 'directory not empty, rm', at)
  }
  walk(at, node!, (_, found) => found.kind === 'file' && weigh(tree, found, 0))
  detach(tree, at)
}

function checkRemovable(tree: Tree, at: string, node: TreeNode): void {
  if (at === '/') throw refusal(tree, 'EPERM', '/: Permission denied: it cannot be removed')
  walk(at, node, (each, found) => {
    checkPlace(tree, each)
    checkChangeable(tree, each, found)
  })
}

function detach(tree: Tree, at: string): void {
  getDirectory(tree, path.posix.dirname(at)).children.delete(path.posix.basename(at))
}

const isWithin = (at: string, directory: string) => `${at}/`.startsWith(`${directory}/`)

async function copy(
  tree: Tree,
  from: string,
  { to, recursive }: { to: string; recursive?: boolean },
): Promise<void> {
  const node = getNode(tree, from)
  if (node.kind === 'file') return copyFileNode(tree, node, to)
  if (!recursive) throw fault('EISDIR', 'is a directory, cp', from)
  if (isWithin(to, from)) throw fault('EINVAL', 'cannot copy into itself,', from)
  makeDirectory(tree, to, true)
  for (const name of [...node.children.keys()]) {
    await copy(tree, below(from, name), { to: below(to, name), recursive: true })
  }
}

/** A copy shares the session's content, and has its own copy of written content. */
function copyFileNode(tree: Tree, node: FileNode, to: string): void {
  const bytes = node.bytes?.slice(0, node.size)
  if (isDevice(to)) return
  const copied = fileToWrite(tree, to)
  if (copied === node) return
  weigh(tree, copied, node.size)
  Object.assign(copied, { bytes, size: node.size, mtime: new Date(), origin: node.origin })
}

function move(tree: Tree, from: string, to: string): void {
  if (from === to) return
  const node = getNode(tree, from)
  checkRemovable(tree, from, node)
  if (isWithin(to, from)) throw fault('EINVAL', 'cannot move into itself,', from)
  if (isDevice(to)) throw refusal(tree, 'EPERM', `${to}: Permission denied: it is a device`)
  const target = nodeAt(tree, to)
  if (target && target.kind !== node.kind) {
    throw target.kind === 'file'
      ? fault('ENOTDIR', 'not a directory,', to)
      : fault('EISDIR', 'illegal operation on a directory,', to)
  }
  if (target?.kind === 'directory' && target.children.size > 0) {
    throw fault('ENOTEMPTY', 'directory not empty, mv', to)
  }
  walk(from, node, (each, found) => {
    checkPlace(tree, to + each.slice(from.length))
    if (found.kind === 'file') weigh(tree, found, found.size)
  })
  const parent = makeDirectories(tree, path.posix.dirname(to))
  if (target) remove(tree, to)
  detach(tree, from)
  parent.children.set(path.posix.basename(to), node)
}
