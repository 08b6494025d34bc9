/** A PostgreSQL of the system with its own tools. `npm run test:postgres` sets its path. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { reservePort } from '../ports.ts'

/** PostgreSQL refuses to run as root: then the user `nobody` owns it. */
const nobody = { uid: 65534, gid: 65534 }
const account = process.getuid?.() === 0 ? nobody : undefined

export type SystemPostgres = {
  /** The address of one of its databases for a role. Default: the superuser. */
  urlOf: (database: string, role?: string) => string
  /** Runs one of its programs in a folder that is removed after the test; rejects when it fails. */
  run: (program: string, ...args: string[]) => string
}

/** A server on loopback with trust authentication, stopped and removed after the test. */
export async function startSystemPostgres(t: TestContext): Promise<SystemPostgres> {
  const programs = process.env.OUTLAST_TEST_POSTGRES_PROGRAMS
  if (!programs) throw new Error('Run this file with `npm run test:postgres`.')
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-postgres-'))
  if (account) chownSync(folder, account.uid, account.gid)
  const run = (program: string, ...args: string[]) => {
    const { status, stdout, stderr, error } = spawnSync(path.join(programs, program), args, {
      ...account,
      cwd: folder,
      encoding: 'utf8',
    })
    assert.equal(status, 0, `${program}: ${error?.message ?? stderr}`)
    return stdout
  }
  const cluster = path.join(folder, 'cluster')
  const port = Number(await reservePort())
  run('initdb', '-D', cluster, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8')
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=`
  run('pg_ctl', '-D', cluster, '-o', options, '-l', path.join(folder, 'log'), '-w', 'start')
  t.after(() => {
    run('pg_ctl', '-D', cluster, '-m', 'immediate', '-w', 'stop')
    rmSync(folder, { recursive: true, force: true })
  })
  const urlOf = (database: string, role = 'postgres') =>
    `postgres://${role}@127.0.0.1:${port}/${database}`
  return { urlOf, run }
}
