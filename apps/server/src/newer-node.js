/** Finds a Node that runs the server, for callers on an older one. Plain JavaScript for Node 20. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'

export const nodeMajorMin = 24

const readManifest = () =>
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/**
 * A package beside us, else one in the user's cache folder, which is installed if it may be.
 * Undefined if there is none.
 */
export function findNewerNode({ mayInstall }) {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  const program = path.join('bin', platform === 'win' ? 'node.exe' : 'node')
  const version = readManifest().optionalDependencies[name]
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    const found = JSON.parse(readFileSync(manifest, 'utf8')).version
    if (Number(found.split('.')[0]) >= nodeMajorMin) {
      return path.join(path.dirname(manifest), program)
    }
  } catch {
    // Not installed beside us.
  }
  const base = version && mayInstall ? cacheFolder() : undefined
  const inFolder = path.join('node_modules', name, program)
  const folder = base && path.join(base, `${name}-${version}`)
  if (folder && !existsSync(path.join(folder, inFolder))) {
    install(`${name}@${version}`, folder, inFolder)
  }
  return folder && existsSync(path.join(folder, inFolder)) ? path.join(folder, inFolder) : undefined
}

/** A folder that only this user can write; undefined if there is none. */
function cacheFolder() {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  const base = process.platform === 'win32' ? LOCALAPPDATA : XDG_CACHE_HOME
  const folder = [base, path.join(os.homedir(), '.cache')].find(
    (one) => one && path.isAbsolute(one),
  )
  if (!folder) return undefined
  const own = path.join(folder, 'outlast')
  mkdirSync(own, { recursive: true, mode: 0o700 })
  const { uid, mode } = statSync(own)
  const isOwn = !process.getuid || (uid === process.getuid() && (mode & 0o022) === 0)
  return isOwn ? own : undefined
}

/** Installs a package from npm into a folder of its own, which then has the file `inFolder`. */
function install(wanted, folder, inFolder) {
  process.stderr.write(
    `outlast: installing Node ${nodeMajorMin} from npm into ${folder}, once (this Node is ${process.version}).\n`,
  )
  const work = mkdtempSync(`${folder}-`)
  const { npm_execpath: npm = '', npm_node_execpath: node = process.execPath } = process.env
  const flags = ['--location=project', '--prefix=.', '--ignore-scripts', '--no-dry-run']
  const args = ['install', ...flags, '--no-audit', '--no-fund', '--loglevel=error', wanted]
  const isPath = /npm-cli\.c?js$/.test(npm)
  const [program, ...rest] = isPath ? [node, npm, ...args] : ['npm', ...args]
  const shell = !isPath && process.platform === 'win32'
  spawnSync(program, rest, { cwd: work, stdio: ['ignore', 'ignore', 2], shell })
  try {
    if (existsSync(path.join(work, inFolder))) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(work, folder)
    }
  } catch {
    // Another process installed it in the meantime.
  }
  rmSync(work, { recursive: true, force: true })
}
