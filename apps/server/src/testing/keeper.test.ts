import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { queryRows, runSql } from '../../test/database.ts'
import { eventually } from '../../test/waiting.ts'
import { startTestServer } from './index.ts'

const testing = new URL('./index.ts', import.meta.url).href
const uid = process.getuid?.() ?? -1

/** The processes of each folder. */
const started = new Map<string, ChildProcess[]>()

/** A folder for temporary files in which no keeper runs. It is removed after its keeper's end. */
function temporaryFolder(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ol-'))
  started.set(folder, [])
  t.after(async () => {
    for (const child of started.get(folder)!) child.kill('SIGKILL')
    const pid = pidOfKeeper(folder)
    if (pid !== undefined && tell(pid, 'SIGTERM')) await eventually(async () => !isRunning(pid))
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  })
  return folder
}

type Program = {
  /** Body of a module with `startTestServer` and `print`. */
  code: string
  env?: Record<string, string>
}

/** Runs a test file of a user as a process of its own. */
function run(folder: string, { code, env = {} }: Program) {
  const file = path.join(folder, `test-${Math.random().toString(36).slice(2)}.ts`)
  writeFileSync(
    file,
    `const { startTestServer } = await import(${JSON.stringify(testing)})
const print = (value: unknown) => console.log(JSON.stringify(value))
${code}`,
  )
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
    cwd: folder,
    env: { PATH: process.env.PATH, TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.get(folder)!.push(child)
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (errors += chunk))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const printed = (count = 1) =>
    eventually(async () => {
      const lines = output.split('\n').slice(0, -1)
      if (lines.length >= count) return lines.map((line) => JSON.parse(line))
      const end = child.exitCode ?? child.signalCode
      if (end !== null) assert.fail(`it ended (${end}): ${errors}`)
      return undefined
    })
  return { child: child as ChildProcess, exited, printed, errors: () => errors }
}

/** The folder of the only keeper. */
function keeperFolder(folder: string): string {
  const base = path.join(folder, `outlast-testing-${uid}`)
  const [name, ...more] = readdirSync(base)
  assert.deepEqual(more, [])
  return path.join(base, name!)
}

/** Undefined without a keeper: one that starts creates an empty file, one that ends removes it. */
function pidOfKeeper(folder: string): number | undefined {
  const [file] = globSync(path.join(folder, 'outlast-testing-*/*/server.pid'))
  if (file === undefined) return undefined
  try {
    const text = readFileSync(file, 'utf8')
    return text.endsWith('\n') ? Number(text) : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** False if the process has ended. */
function tell(pid: number, signal: NodeJS.Signals | 0) {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

const isRunning = (pid: number) => tell(pid, 0)

const isGone = (url: string) =>
  fetch(`${url}/health`).then(
    () => false,
    () => true,
  )

const starts = `
const server = await startTestServer()
print(server.url)
`
const stays = `${starts}
setInterval(() => {}, 1_000)
`

test('test files that run at once share one keeper, which ends with its data after them', async (t) => {
  const folder = temporaryFolder(t)
  const files = Array.from({ length: 3 }, () => run(folder, { code: stays }))
  const urls = await Promise.all(files.map(async ({ printed }) => (await printed())[0]))
  assert.equal(new Set(urls).size, 3)
  const pid = pidOfKeeper(folder)!
  assert.ok(isRunning(pid))
  for (const { child } of files) child.kill('SIGKILL')
  for (const url of urls) await eventually(() => isGone(url))
  await eventually(async () => !isRunning(pid))
  assert.ok(!existsSync(path.join(keeperFolder(folder), 'data')))
})

test('a test file ends without stopping its servers, and they end with it', async (t) => {
  const folder = temporaryFolder(t)
  const file = run(folder, { code: starts })
  const [url] = await file.printed()
  assert.equal(await file.exited, 0, file.errors())
  await eventually(() => isGone(url))
})

test('a keeper that was killed is replaced, with its PostgreSQL', async (t) => {
  const folder = temporaryFolder(t)
  const first = run(folder, { code: stays })
  await first.printed()
  const pid = pidOfKeeper(folder)!
  process.kill(pid, 'SIGKILL')
  await eventually(async () => !isRunning(pid))
  const second = run(folder, { code: stays })
  await second.printed()
  assert.notEqual(pidOfKeeper(folder), pid)
})

/**
 * Starts a server, and another one after SIGUSR2. The signal can come together with the end of the
 * keeper, which the process handles a few turns of its event loop later.
 */
const startsAnother = (before = '') => `
setInterval(() => {}, 1_000)
const signal = new Promise((resolve) => process.once('SIGUSR2', resolve))
print((await startTestServer()).url)
await signal
for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
${before}
print((await startTestServer()).url)
`

test('a process whose keeper was killed gets its next server from another one', async (t) => {
  const folder = temporaryFolder(t)
  const file = run(folder, { code: startsAnother() })
  await file.printed()
  const pid = pidOfKeeper(folder)!
  process.kill(pid, 'SIGKILL')
  await eventually(async () => !isRunning(pid))
  file.child.kill('SIGUSR2')
  const [, url] = await file.printed(2)
  assert.notEqual(pidOfKeeper(folder), pid)
  assert.ok(!(await isGone(url)))
})

test('a request that a killed keeper had not read is answered by another keeper', async (t) => {
  const folder = temporaryFolder(t)
  // The first start takes the database that was created in advance.
  const before = `startTestServer().catch(() => {})
setTimeout(() => print('requested'), 1_000)`
  const file = run(folder, { code: startsAnother(before) })
  await file.printed()
  const pid = pidOfKeeper(folder)!
  process.kill(pid, 'SIGSTOP')
  file.child.kill('SIGUSR2')
  await file.printed(2)
  process.kill(pid, 'SIGKILL')
  const [, , url] = await file.printed(3)
  assert.notEqual(pidOfKeeper(folder), pid)
  assert.ok(!(await isGone(url)))
})

const adminUrl = process.env.OUTLAST_TEST_DATABASE_URL!

/** Creates a role, whose databases are not those of other test files. */
async function createOwner() {
  const owner = `keeper_${randomBytes(8).toString('hex')}`
  await runSql(adminUrl, `create role ${owner} login createdb password 'keeper'`)
  const url = Object.assign(new URL(adminUrl), { username: owner, password: 'keeper' }).href
  const owned = `select datname from pg_database d join pg_roles r on r.oid = d.datdba where r.rolname = $1`
  const databases = () => queryRows<{ datname: string }>(adminUrl, owned, [owner])
  return { owner, url, databases }
}

test('a server restarts while the process for the next one waits for its database', async (t) => {
  const { url, databases } = await createOwner()
  const server = await startTestServer({ databaseUrl: url })
  t.after(server.stop)
  const before = await server.client.agents.create({
    name: 'Host',
    system_prompt: 'You greet people.',
  })
  // Apart from the template those of both processes, and a copy for a third process.
  const copies = await eventually(async () => {
    const found = (await databases()).filter(({ datname }) => !datname.endsWith('template'))
    return found.length === 3 ? found.map(({ datname }) => datname) : undefined
  })
  const others: string[] = []
  for (const name of copies) {
    const agent = `select from agents where id = '${before.id}'`
    const found = await queryRows(adminUrl.replace(/[^/]+$/, name), agent)
    if (found.length === 0) others.push(name)
  }
  const limit = (connections: number) =>
    others.map((name) => runSql(adminUrl, `alter database ${name} connection limit ${connections}`))
  // Enough for the start of its server up to the queue, which then waits for another one.
  await Promise.all(limit(3))
  await sleep(2_000)
  const restarted = server.restart()
  await sleep(500)
  // Those that the restart has dropped need no connections.
  await Promise.allSettled(limit(-1))
  const late = sleep(60_000, 'late', { ref: false })
  assert.notEqual(await Promise.race([restarted, late]), 'late')
  assert.equal((await server.client.agents.get(before.id)).name, 'Host')
})

test('a given PostgreSQL holds the databases, and has none of them afterwards', async (t) => {
  const folder = temporaryFolder(t)
  const { owner, url, databases } = await createOwner()
  const file = run(folder, { code: stays, env: { OUTLAST_TEST_DATABASE_URL: url } })
  await file.printed()
  assert.ok(!existsSync(path.join(keeperFolder(folder), 'data')))
  assert.ok((await databases()).length >= 2)
  const pid = pidOfKeeper(folder)!
  file.child.kill('SIGKILL')
  await eventually(async () => !isRunning(pid))
  assert.deepEqual(await databases(), [])
  await runSql(adminUrl, `drop role ${owner}`)
})

test('a database that cannot be reached is the error of the start', async (t) => {
  const folder = temporaryFolder(t)
  const env = { OUTLAST_TEST_DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none' }
  const file = run(folder, { code: starts, env })
  assert.equal(await file.exited, 1)
  assert.match(file.errors(), /ECONNREFUSED 127\.0\.0\.1:1/)
})

test('a folder that other users can open is refused', { skip: uid < 0 }, async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(path.join(folder, `outlast-testing-${uid}`), { mode: 0o777 })
  chmodSync(path.join(folder, `outlast-testing-${uid}`), 0o777)
  const file = run(folder, { code: starts })
  assert.equal(await file.exited, 1)
  assert.match(file.errors(), /can be opened by other users: remove it/)
})

test('a server ends with a test process that is killed', async (t) => {
  const folder = temporaryFolder(t)
  const file = run(folder, { code: stays })
  const [url] = await file.printed()
  assert.ok(!(await isGone(url)))
  file.child.kill('SIGKILL')
  await eventually(() => isGone(url))
})

test('the package of tests is loaded without the code of the server', async (t) => {
  const folder = temporaryFolder(t)
  const file = path.join(folder, 'loaded.ts')
  writeFileSync(
    file,
    `import { registerHooks } from 'node:module'
const loaded: string[] = []
registerHooks({
  load(url, context, next) {
    loaded.push(url)
    return next(url, context)
  },
})
await import(${JSON.stringify(testing)})
console.log(JSON.stringify(loaded))
`,
  )
  const flags = ['--disable-warning=ExperimentalWarning', file]
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8' })
  assert.equal(stderr, '')
  const loaded = JSON.parse(stdout) as string[]
  assert.ok(loaded.includes(testing))
  const heavy =
    /server\/src\/(runtime|http|access|observe|app|main)|node_modules\/(pg|kysely|fastify|typebox)\//
  assert.deepEqual(
    loaded.filter((url) => heavy.test(url)),
    [],
  )
})
