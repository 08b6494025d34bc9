import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rename, rmdir } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isMasterKey, newMasterKey, problemOfMasterKeys } from '../../secrets.ts'
import { EmbeddedError, inWords } from './error.ts'

const sqliteBusy = 5

/** Creates DATA_DIR and tests a write, so that a fault appears before later steps depend on it. */
export async function makeDataDir(dataDir: string) {
  await makeFolder(path.resolve(dataDir))
  await rmdir(await mkdtemp(path.join(dataDir, '.probe-')))
}

/**
 * Creates a folder and its parents. Node's `recursive` never ends where no folder can be created,
 * as in /proc.
 */
async function makeFolder(folder: string): Promise<void> {
  const make = () => mkdir(folder, { mode: 0o700 })
  try {
    await make()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || path.dirname(folder) === folder) throw error
    await makeFolder(path.dirname(folder))
    await make()
  }
}

/**
 * Locks DATA_DIR against other servers until the returned function is called or the process ends.
 * Contract: the lock is that of an SQLite file, because Node has no flock. SQLite uses the
 * operating system's lock on every platform, which ends with the process, however that ends.
 * Nothing is written into the file.
 */
export function lockDataDir(dataDir: string): () => void {
  const pidFile = path.join(dataDir, 'server.pid')
  const file = new DatabaseSync(path.join(dataDir, 'server.lock'))
  try {
    file.exec('pragma locking_mode = exclusive; pragma journal_mode = memory; begin exclusive')
    writeFileSync(pidFile, `${process.pid}\n`)
  } catch (error) {
    file.close()
    throw (error as { errcode?: number }).errcode === sqliteBusy ? inUse(dataDir) : error
  }
  return () => {
    if (!file.isOpen) return
    rmSync(pidFile, { force: true })
    file.close()
  }
}

function inUse(dataDir: string) {
  return new EmbeddedError(
    `Another Outlast server${holder(dataDir)} is using DATA_DIR ${dataDir}; stop it first, or set another DATA_DIR.`,
  )
}

/** Names the holder of the lock. Empty in the moment between the lock and the holder's pid file. */
function holder(dataDir: string) {
  try {
    const text = readFileSync(path.join(dataDir, 'server.pid'), 'utf8').trim()
    return /^\d+$/.test(text) ? ` (pid ${text})` : ''
  } catch {
    return ''
  }
}

/** Writes a file atomically, readable by its owner only. */
export async function writeWhole(file: string, text: string) {
  const temporary = `${file}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  await syncDirectory(path.dirname(file))
}

/** Makes a rename survive a power failure, where directories can be synced. */
export async function syncDirectory(directory: string) {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  await handle.sync().finally(() => handle.close())
}

const keyFile = (dataDir: string) => path.join(dataDir, 'secrets.key')

/**
 * Returns the master keys of this DATA_DIR, the sealing key first; the first use creates one. They
 * apply where SECRETS_ENCRYPTION_KEY is not set. `isUsed`: whether the database was written with
 * keys.
 * Contract: call it while the embedded server holds DATA_DIR. An invalid or missing key file is an
 * error and is never replaced, because the texts sealed with its keys would be lost.
 */
export async function readOrCreateMasterKeys(
  dataDir: string,
  isUsed: () => Promise<boolean>,
): Promise<string[]> {
  const known = await findMasterKeys(dataDir)
  if (known) return known
  if (await isUsed()) {
    throw new EmbeddedError(
      `${keyFile(dataDir)} is missing, and secrets in the database are sealed with its keys: restore the file from the backup.`,
    )
  }
  const keys = [newMasterKey()]
  await writeMasterKeys(dataDir, keys)
  return keys
}

/** Returns the master keys of this DATA_DIR; undefined while it has none. */
export async function findMasterKeys(dataDir: string): Promise<string[] | undefined> {
  const file = keyFile(dataDir)
  try {
    return usableKeys(await readFile(file, 'utf8'), file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw inWords(error, dataDir)
  }
}

/**
 * Writes the key file.
 * Contract: call it while the embedded server holds DATA_DIR, with every key still in use.
 */
export async function writeMasterKeys(dataDir: string, keys: readonly string[]): Promise<void> {
  await writeWhole(keyFile(dataDir), `${keys.join('\n')}\n`).catch((error) => {
    throw inWords(error, dataDir)
  })
}

function usableKeys(text: string, file: string) {
  const keys = text.trim().split(/\s+/)
  const problem = keys.every(isMasterKey) ? problemOfMasterKeys(keys) : 'not every line is a key'
  if (problem === undefined) return keys
  throw new EmbeddedError(
    `${file} cannot be used, ${problem}: restore the right file from a backup.`,
  )
}
