/** PgBouncer in front of a database, as Debian has it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { reservePort } from '../ports.ts'

const program = '/usr/sbin/pgbouncer'
/** PgBouncer refuses to run as root. */
const nobody = { uid: 65534, gid: 65534 }
const account = process.getuid?.() === 0 ? nobody : undefined

export type PoolMode = 'session' | 'transaction'

/** Starts PgBouncer with its defaults but for the mode; returns the database's URL through it. */
export async function startPgBouncer(
  t: Pick<TestContext, 'after'>,
  { databaseUrl, mode }: { databaseUrl: string; mode: PoolMode },
): Promise<string> {
  install()
  const url = new URL(databaseUrl)
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-pgbouncer-'))
  const port = Number(await reservePort())
  const users = path.join(folder, 'users.txt')
  const settings = path.join(folder, 'pgbouncer.ini')
  writeFileSync(users, `"${url.username}" "${url.password}"\n`)
  writeFileSync(
    settings,
    `[databases]
* = host=${url.hostname} port=${url.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = 40
`,
  )
  if (account) for (const file of [folder, users, settings]) chownSync(file, nobody.uid, nobody.gid)
  const child = spawn(program, [settings], { ...account, cwd: folder, stdio: 'ignore' })
  t.after(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  url.port = String(port)
  await untilAnswers(url.href)
  return url.href
}

function install() {
  if (existsSync(program)) return
  const { status, stderr } = spawnSync('apt-get', ['install', '-y', 'pgbouncer'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`PgBouncer could not be installed: ${stderr}`)
}

async function untilAnswers(url: string) {
  for (;;) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    const connected = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => {})
    if (connected) return
    await sleep(50)
  }
}
