import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { copyDataDir } from '../../../test/processes/data-dir.ts'
import { fill, mountDisk } from '../../../test/processes/disk.ts'
import { createLog } from '../../log.ts'
import { type Embedded, EmbeddedError, readOrCreateMasterKeys, startEmbedded } from './embedded.ts'

const childFile = fileURLToPath(
  new URL('../../../test/processes/embedded-child.ts', import.meta.url),
)
const log = createLog('silent')
const isRoot = process.getuid?.() === 0

const cleanups = new WeakMap<TestContext, (() => unknown)[]>()

/** Cleans up in reverse order; `t.after` would remove a directory before its server has stopped. */
function afterwards(t: TestContext, cleanup: () => unknown) {
  const list = cleanups.get(t) ?? []
  list.unshift(cleanup)
  if (cleanups.has(t)) return
  cleanups.set(t, list)
  t.after(async () => {
    for (const next of list) await next()
  })
}

async function temporary(t: TestContext) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'outlast test '))
  afterwards(t, () => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  return directory
}

/** A DATA_DIR with a database in it. */
async function filled(t: TestContext) {
  const dataDir = path.join(await temporary(t), 'data')
  await mkdir(dataDir)
  await copyDataDir(dataDir)
  return dataDir
}

async function start(t: TestContext, dataDir: string, onFatal = (_: Error) => {}) {
  const embedded = await startEmbedded({ dataDir, log, onFatal })
  afterwards(t, () => embedded.stop())
  return embedded
}

async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const writeRow = (url: string) =>
  query(url, 'create table kept (n int); insert into kept values (7)')
const readRow = (url: string) => query(url, 'select n from kept')

/** Returns the error of startEmbedded, which must be exactly one sentence. */
async function refusal(dataDir: string) {
  const error = await startEmbedded({ dataDir, log, onFatal() {} }).then(
    (embedded) => embedded.stop(),
    (error) => error,
  )
  assert.ok(error instanceof EmbeddedError, String(error))
  assert.equal(error.message.split('\n').length, 1)
  return error.message
}

type ReadyLine = { url?: string; name?: string; error?: string }

/** Starts a server in a process of its own, with an optional limit on file sizes. */
async function startChild(t: TestContext, dataDir: string, fileBlocksMax = 'unlimited') {
  const script = `ulimit -f ${fileBlocksMax}; exec "$0" --disable-warning=ExperimentalWarning "$@"`
  const child = spawn('sh', ['-c', script, process.execPath, childFile, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  afterwards(t, () => killHard(child))
  const [line] = await once(createInterface(child.stdout), 'line')
  return { child, said: JSON.parse(line) as ReadyLine }
}

async function killHard(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const postmasterPid = async (dataDir: string) =>
  Number((await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n')[0])

test('the first start creates a database with its own password, and the next start uses it', async (t) => {
  const dataDir = path.join(await temporary(t), 'data')
  const first = await start(t, dataDir)
  await writeRow(first.url)
  const [settings] = await query(
    first.url,
    `select current_setting('listen_addresses') as addresses, current_setting('fsync') as fsync,
      current_setting('unix_socket_directories') as sockets, current_setting('server_encoding') as encoding,
      current_setting('jit') as jit, split_part(current_setting('server_version'), '.', 1) as major,
      (select datlocale from pg_database where datname = 'outlast') as locale`,
  )
  assert.deepEqual(settings, {
    addresses: '127.0.0.1',
    fsync: 'on',
    sockets: '',
    encoding: 'UTF8',
    jit: 'off',
    major: '18',
    locale: 'C.UTF-8',
  })
  await first.stop()
  await first.stop()
  await assert.rejects(query(first.url, 'select 1'))
  const second = await start(t, dataDir)
  assert.deepEqual(await readRow(second.url), [{ n: 7 }])
})

test('only the owner can read DATA_DIR and the password, and a connection without it is refused', async (t) => {
  const dataDir = path.join(await temporary(t), 'data')
  const { url } = await start(t, dataDir)
  const modeOf = async (name: string) => (await stat(path.join(dataDir, name))).mode & 0o777
  assert.equal(await modeOf('.'), 0o700)
  assert.equal(await modeOf('postgres'), 0o700)
  assert.equal(await modeOf('postgres.password'), 0o600)
  const password = (await readFile(path.join(dataDir, 'postgres.password'), 'utf8')).trim()
  assert.ok(password.length >= 32)
  assert.equal(new URL(url).password, password)
  await assert.rejects(query(url.replace(password, 'wrong'), 'select 1'), { code: '28P01' })
})

test('refuses a second server on the same DATA_DIR and names the process that holds it', async (t) => {
  const dataDir = await filled(t)
  const { url } = await start(t, dataDir)
  const expected = `Another Outlast server (pid ${process.pid}) is using DATA_DIR ${dataDir}; stop it first, or set another DATA_DIR.`
  assert.equal(await refusal(dataDir), expected)
  const { said } = await startChild(t, dataDir)
  assert.deepEqual(said, { name: 'EmbeddedError', error: expected })
  assert.deepEqual(await query(url, 'select 1 as one'), [{ one: 1 }])
})

test('after kill -9 of the server a start on the same DATA_DIR works at once, nothing lost', async (t) => {
  const dataDir = await filled(t)
  const { child, said } = await startChild(t, dataDir)
  await writeRow(said.url!)
  const orphan = await postmasterPid(dataDir)
  await killHard(child)
  const { url } = await start(t, dataDir)
  assert.notEqual(await postmasterPid(dataDir), orphan)
  assert.deepEqual(await readRow(url), [{ n: 7 }])
})

test('after kill -9 of server and PostgreSQL, a reused pid does not prevent the start', async (t) => {
  const dataDir = await filled(t)
  const { child, said } = await startChild(t, dataDir)
  await writeRow(said.url!)
  const pid = await postmasterPid(dataDir)
  await killHard(child)
  process.kill(pid, 'SIGKILL')
  const bystander = spawn('sleep', ['3600'])
  afterwards(t, () => bystander.kill())
  const file = path.join(dataDir, 'postgres/postmaster.pid')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(String(pid), String(bystander.pid)))
  const { url } = await start(t, dataDir)
  assert.deepEqual(await readRow(url), [{ n: 7 }])
  assert.equal(bystander.exitCode ?? bystander.signalCode, null)
})

test('PostgreSQL is started again on the same port when it dies', async (t) => {
  const dataDir = await filled(t)
  const embedded = await start(t, dataDir, assert.fail)
  await writeRow(embedded.url)
  for (let round = 1; round <= 2; round++) {
    const pid = await postmasterPid(dataDir)
    process.kill(pid, 'SIGKILL')
    assert.deepEqual(await rowsOnceBack(embedded), [{ n: 7 }])
    assert.notEqual(await postmasterPid(dataDir), pid)
  }
})

async function rowsOnceBack({ url }: Embedded) {
  for (;;) {
    try {
      return await readRow(url)
    } catch {
      await sleep(20)
    }
  }
}

test('refuses data of another PostgreSQL version and leaves it unchanged', async (t) => {
  const dataDir = await filled(t)
  const { url, stop } = await start(t, dataDir)
  await writeRow(url)
  await stop()
  const versionFile = path.join(dataDir, 'postgres/PG_VERSION')
  await writeFile(versionFile, '19\n')
  assert.equal(
    await refusal(dataDir),
    `DATA_DIR ${dataDir} was written by PostgreSQL 19 and this Outlast includes PostgreSQL 18: start the Outlast that wrote it, nothing was changed.`,
  )
  await writeFile(versionFile, '18\n')
  const again = await start(t, dataDir)
  assert.deepEqual(await readRow(again.url), [{ n: 7 }])
})

test('names an unusable DATA_DIR in one sentence', async (t) => {
  const directory = await temporary(t)
  await writeFile(path.join(directory, 'file'), '')
  const notDirectory = new RegExp(`^DATA_DIR ${directory}/file\\S* is not a directory`)
  assert.match(await refusal(path.join(directory, 'file')), notDirectory)
  assert.match(await refusal(path.join(directory, 'file/data')), notDirectory)
  const unwritable = isRoot ? '/sys/outlast' : path.join(directory, 'closed')
  if (!isRoot) await mkdir(unwritable, { mode: 0o500 })
  assert.match(
    await refusal(unwritable),
    new RegExp(`^DATA_DIR ${unwritable} cannot be written by this user \\(E[A-Z]+\\)`),
  )
})

test('leaves a cluster without its password, and a directory that is no cluster, unchanged', async (t) => {
  const dataDir = path.join(await temporary(t), 'data')
  await mkdir(path.join(dataDir, 'postgres'), { recursive: true })
  await writeFile(path.join(dataDir, 'postgres/notes.txt'), 'mine')
  assert.match(await refusal(dataDir), /is not the data of a PostgreSQL/)
  assert.deepEqual(await readdir(path.join(dataDir, 'postgres')), ['notes.txt'])
  await writeFile(path.join(dataDir, 'postgres/PG_VERSION'), '18\n')
  assert.match(await refusal(dataDir), /has a database but no postgres\.password/)
})

test('removes the remains of an interrupted first start', async (t) => {
  const dataDir = path.join(await temporary(t), 'data')
  await mkdir(path.join(dataDir, 'postgres.new-4711/base'), { recursive: true })
  await writeFile(path.join(dataDir, 'postgres.new-4711/base/1'), 'half')
  await writeFile(path.join(dataDir, 'postgres.password'), 'of-the-interrupted-start\n')
  const { url } = await start(t, dataDir)
  assert.deepEqual(await query(url, 'select 1 as one'), [{ one: 1 }])
  const names = await readdir(dataDir)
  assert.deepEqual(
    names.filter((name) => name.includes('new')),
    [],
  )
})

const noRoom = (dataDir: string) => ({
  name: 'EmbeddedError',
  error: `There is no room left on the disk of DATA_DIR ${dataDir}: free some and start again, nothing was damaged.`,
})

test('a full disk at the first start gives one sentence, and a later start begins from scratch', async (t) => {
  const dataDir = path.join(await temporary(t), 'data')
  const { said } = await startChild(t, dataDir, '4096')
  assert.deepEqual(said, noRoom(dataDir))
  const { url } = await start(t, dataDir)
  assert.deepEqual(await query(url, 'select 1 as one'), [{ one: 1 }])
})

test('a full disk at a start on existing data gives one sentence, and the data is kept', async (t) => {
  const dataDir = await filled(t)
  const first = await start(t, dataDir)
  await writeRow(first.url)
  await first.stop()
  const { said } = await startChild(t, dataDir, '0')
  assert.deepEqual(said, noRoom(dataDir))
  const { url } = await start(t, dataDir)
  assert.deepEqual(await readRow(url), [{ n: 7 }])
})

test('a full disk damages nothing', async (t) => {
  const disk = await smallDisk(t)
  if (!disk) return t.diagnostic('no disk can be mounted: the two tests above cover this case')
  const dataDir = path.join(disk, 'data')
  const filler = path.join(disk, 'filler')
  await writeFile(filler, Buffer.alloc(80 * 1024 * 1024))
  assert.equal(await refusal(dataDir), noRoom(dataDir).error)
  await rm(filler)
  const first = await start(t, dataDir)
  await writeRow(first.url)
  await first.stop()
  await fill(filler)
  assert.equal(await refusal(dataDir), noRoom(dataDir).error)
  await rm(filler)
  const { url } = await start(t, dataDir)
  assert.deepEqual(await readRow(url), [{ n: 7 }])
})

/**
 * Mounts a disk of 100 MB, of which a cluster takes some 40; undefined without permission to mount.
 */
async function smallDisk(t: TestContext) {
  const disk = await temporary(t)
  const unmount = mountDisk(disk, 100)
  if (!unmount) return undefined
  afterwards(t, unmount)
  return disk
}

test('creates the master key once, readable by its owner only, and never replaces it', async (t) => {
  const dataDir = await temporary(t)
  const file = path.join(dataDir, 'secrets.key')
  await assert.rejects(
    readOrCreateMasterKeys(dataDir, async () => true),
    /secrets\.key is missing, .*: restore the file from the backup/,
  )
  const keysOf = () => readOrCreateMasterKeys(dataDir, async () => false)
  const keys = await keysOf()
  assert.deepEqual(await keysOf(), keys)
  assert.equal(await readFile(file, 'utf8'), `${keys[0]}\n`)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  await writeFile(file, 'damaged')
  await assert.rejects(keysOf(), EmbeddedError)
  assert.equal(await readFile(file, 'utf8'), 'damaged')
  await writeFile(file, `${keys[0]}\n${keys[0]}\n`)
  await assert.rejects(keysOf(), /two keys have the id kek-v1/)
})
