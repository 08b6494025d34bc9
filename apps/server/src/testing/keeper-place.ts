import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The files of one keeper: one per user, version and PostgreSQL server. */
export type KeeperPlace = {
  folder: string
  /** A Unix socket in the folder; on Windows a named pipe. */
  socket: string
  /** The PostgreSQL server to use. Undefined: the embedded one. */
  databaseUrl: string | undefined
}

/** A keeper reads its place from this variable, because arguments are visible to other users. */
export const placeVariable = 'OUTLAST_KEEPER_PLACE'

const server = fileURLToPath(new URL('../../', import.meta.url))
const socketLengthMax = 100

/**
 * Returns the place of a keeper, whose folder exists afterwards.
 * Contract: only this user can open the folder. Throws otherwise.
 */
export function keeperPlace(databaseUrl: string | undefined): KeeperPlace {
  const base = path.join(os.tmpdir(), `outlast-testing-${os.userInfo().uid}`)
  const folder = path.join(base, keyOf(databaseUrl))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  checkOwner(base)
  const pipe = String.raw`\\.\pipe\outlast-testing-${createHash('sha256').update(folder).digest('hex')}`
  const socket = process.platform === 'win32' ? pipe : path.join(folder, 'keeper.sock')
  if (Buffer.byteLength(socket) > socketLengthMax) {
    throw new Error(`The folder for temporary files, ${os.tmpdir()}, has a path that is too long.`)
  }
  return { folder, socket, databaseUrl }
}

/** Keepers of other versions have other templates. */
function keyOf(databaseUrl = '') {
  const hash = createHash('sha256').update(`${server}\n${databaseUrl}\n`)
  hash.update(readFileSync(path.join(server, 'package.json')))
  const migrations = path.join(server, 'migrations')
  for (const name of readdirSync(migrations).sort()) {
    hash.update(name).update(readFileSync(path.join(migrations, name)))
  }
  return hash.digest('hex').slice(0, 16)
}

function checkOwner(folder: string) {
  if (process.platform === 'win32') return
  const { uid, mode } = lstatSync(folder)
  if (uid === process.getuid!() && (mode & 0o077) === 0) return
  throw new Error(`${folder} can be opened by other users: remove it, or set TMPDIR.`)
}
