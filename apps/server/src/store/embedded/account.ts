import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { lchown, readdir } from 'node:fs/promises'
import path from 'node:path'
import { EmbeddedError } from './error.ts'

/**
 * The account that PostgreSQL runs as when this process is root, which PostgreSQL refuses;
 * undefined: the current user.
 */
export type SystemAccount = { uid: number; gid: number } | undefined

const name = 'postgres'
const useraddExists = 9

/**
 * Returns the unprivileged user for the cluster: the owner of its directory, else the user
 * `postgres`, created when missing.
 */
export async function findSystemAccount(cluster: string): Promise<SystemAccount> {
  if (process.getuid?.() !== 0) return undefined
  const owner = statSync(cluster, { throwIfNoEntry: false })
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const account = lookUp() ?? create()
  if (owner) await giveTree(cluster, account)
  return account
}

function lookUp() {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' })
    return status === 0 ? Number(stdout) : 0
  })
  return uid && gid ? { uid, gid } : undefined
}

function create() {
  const { status, stderr } = spawnSync(
    'useradd',
    ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', '--user-group', name],
    { encoding: 'utf8' },
  )
  const account = status === 0 || status === useraddExists ? lookUp() : undefined
  if (account) return account
  throw new EmbeddedError(
    `PostgreSQL does not run as root, and no user ${name} could be created for it (${stderr?.trim() || 'there is no useradd'}): start Outlast as an ordinary user, or set DATABASE_URL.`,
  )
}

/**
 * Changes the owner of a cluster. One restored from a backup by root would be unreadable to
 * PostgreSQL.
 */
async function giveTree(directory: string, account: { uid: number; gid: number }) {
  const names = await readdir(directory, { recursive: true })
  for (const file of ['.', ...names]) {
    await lchown(path.join(directory, file), account.uid, account.gid)
  }
}
