import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { SystemAccount } from './account.ts'
import type { Binaries } from './binaries.ts'
import { syncDirectory, writeWhole } from './data-dir.ts'
import { EmbeddedError, outputInWords } from './error.ts'

/** The paths of a cluster and the account that runs it. */
export type ClusterPaths = {
  dataDir: string
  cluster: string
  account: SystemAccount
  binaries: Binaries
}

const outputMax = 64 * 1024

/**
 * Returns the cluster's directory as initdb and postgres get it. Another user may be unable to
 * traverse its parents (a DATA_DIR below a 0700 home), but the programs start inside the directory
 * and reach it relatively.
 */
export const directoryFor = (account: SystemAccount, directory: string) =>
  account ? '/proc/self/cwd' : directory

/**
 * Contract: PostgreSQL does not get the operator's environment: variables such as PGPORT would
 * change it.
 */
export const environment = () => ({
  PATH: process.env.PATH,
  LC_ALL: 'C',
  TZ: 'UTC',
  ...(process.platform === 'win32' ? { SystemRoot: process.env.SystemRoot } : {}),
})

/**
 * Creates the cluster when there is none, and returns the password of its superuser.
 * Contract: the cluster appears complete, by a rename, after its password is stored; after a kill
 * at any moment the next start begins again. A cluster of another major version is refused and not
 * changed.
 */
export async function ensureCluster(place: ClusterPaths): Promise<string> {
  await removeLeftovers(place.dataDir)
  const passwordFile = path.join(place.dataDir, 'postgres.password')
  const version = await readVersion(place)
  if (version === undefined) return createCluster(place, passwordFile)
  if (version !== place.binaries.major) throw otherVersion(place, version)
  const password = await readFile(passwordFile, 'utf8').catch(() => '')
  if (password.trim() !== '') return password.trim()
  throw new EmbeddedError(
    `DATA_DIR ${place.dataDir} has a database but no postgres.password: restore that file from a backup.`,
  )
}

/** Reads the major version that wrote the cluster; undefined when there is none. */
async function readVersion({ dataDir, cluster }: ClusterPaths) {
  try {
    return (await readFile(path.join(cluster, 'PG_VERSION'), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const names = await readdir(cluster).catch(() => [])
  if (names.length === 0) return undefined
  throw new EmbeddedError(
    `${cluster} is not the data of a PostgreSQL: move it away, or set another DATA_DIR instead of ${dataDir}.`,
  )
}

function otherVersion({ dataDir, binaries }: ClusterPaths, version: string) {
  return new EmbeddedError(
    `DATA_DIR ${dataDir} was written by PostgreSQL ${version} and this Outlast includes PostgreSQL ${binaries.major}: start the Outlast that wrote it, nothing was changed.`,
  )
}

async function removeLeftovers(dataDir: string) {
  const names = await readdir(dataDir)
  for (const name of names.filter((name) => name.startsWith('postgres.new-'))) {
    await rm(path.join(dataDir, name), { recursive: true, force: true, maxRetries: 10 })
  }
}

async function createCluster(place: ClusterPaths, passwordFile: string): Promise<string> {
  const { dataDir, cluster, account } = place
  const fresh = path.join(dataDir, `postgres.new-${process.pid}`)
  const password = randomBytes(24).toString('base64url')
  await writeWhole(passwordFile, `${password}\n`)
  await mkdir(fresh, { mode: 0o700 })
  try {
    if (account) await chown(fresh, account.uid, account.gid)
    await initdb(place, fresh, password)
    await rename(fresh, cluster)
    await syncDirectory(dataDir)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true, maxRetries: 10 })
    throw error
  }
  return password
}

async function initdb(place: ClusterPaths, fresh: string, password: string) {
  const { dataDir, account, binaries } = place
  const passwordFd = account ? openPassword(fresh, password, account) : undefined
  const passwordFile = account ? '/proc/self/fd/3' : path.join(dataDir, 'postgres.password')
  const child = spawn(
    binaries.initdb,
    [
      ...['-D', directoryFor(account, fresh), '-U', 'postgres', '-E', 'UTF8', '--locale=C'],
      ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--auth=scram-sha-256'],
      `--pwfile=${passwordFile}`,
    ],
    {
      ...account,
      cwd: fresh,
      env: environment(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', passwordFd ?? 'ignore'],
    },
  )
  if (passwordFd !== undefined) closeSync(passwordFd)
  let output = ''
  const collect = (chunk: Buffer) => {
    output = (output + chunk).slice(-outputMax)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw outputInWords('initdb', output, dataDir)
}

/** Opens the password for initdb as an unnamed file: the other user could not read a named one. */
function openPassword(fresh: string, password: string, account: { uid: number; gid: number }) {
  const file = `${fresh}.password`
  const fd = openSync(file, 'wx+', 0o600)
  chownSync(file, account.uid, account.gid)
  rmSync(file)
  writeSync(fd, password)
  return fd
}
