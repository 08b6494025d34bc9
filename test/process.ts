import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isTestDatabase } from '../apps/server/test/database.ts'
import { copyDataDir } from '../apps/server/test/processes/data-dir.ts'
import { type Call, caller, masterKey, testSettings } from '../apps/server/test/server.ts'
import { bundled } from './programs.ts'

const main = fileURLToPath(new URL('../apps/server/start.js', import.meta.url))
const waits = fileURLToPath(
  new URL('../apps/server/test/processes/patient-waits.ts', import.meta.url),
)

export type ServerProcess = {
  url: string
  call: Call
  child: ChildProcess
  /** Its output so far. */
  output: () => string
  /** Sends SIGKILL: the process finishes and prints nothing more. */
  crash: () => Promise<void>
  /** Sends SIGTERM; returns the exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>
}

/** A program, its folder and its user; defaults: the current ones. */
export type Command = {
  program: string
  args: string[]
  env: Record<string, string>
  cwd?: string
  uid?: number
  gid?: number
}

/**
 * `npm start` without npm: a server as its own process, ready when this returns. Another `entry`
 * than the product's must print the same lines. Behind a proxy, which breaks connections, it waits
 * for its database as long as in the product, otherwise as long as a loaded machine may need.
 */
export function startProcess(env: Record<string, string>, entry = main): Promise<ServerProcess> {
  const { DATABASE_URL: url } = env
  const isPatient = url === undefined || isTestDatabase(url)
  return startCommand(onThisNode(env, entry, isPatient ? [waits] : []))
}

/**
 * Like `startProcess`, with the waits of the product, and for tests that read the output before the
 * server is ready.
 */
export function beginProcess(env: Record<string, string>, entry = main) {
  const run = launch(onThisNode(env, entry))
  return { ...run, ready: untilReady(run) }
}

/** A server by any command with the product's output; `child` is not always the server. */
export const startCommand = (command: Command): Promise<ServerProcess> =>
  untilReady(launch(command))

async function untilReady(run: ReturnType<typeof launch>): Promise<ServerProcess> {
  const ready = new Promise<string>((resolve) => {
    run.child.stdout!.on('data', () => {
      const url = /is ready .*: (http\S+)\s/.exec(run.output())?.[1]
      if (url) resolve(url)
    })
  })
  const url = await Promise.race([ready, run.exited.then(() => undefined)])
  if (url === undefined) throw new Error(`the server did not start: ${run.output()}`)
  return { ...run, url, call: caller(url) }
}

/** A start that is expected to fail: its exit code and output. */
export async function startFails(env: Record<string, string>) {
  const run = launch(onThisNode(env, main))
  run.child.stdout!.on('data', () => {
    if (run.output().includes('is ready')) run.child.kill('SIGKILL')
  })
  const [code] = await once(run.child, 'close')
  return { code: code as number | null, output: run.output() }
}

/** A command that ends by itself: its exit code and output. */
export async function runCommand(command: Command) {
  const run = launch(command)
  const [code] = await once(run.child, 'close')
  return { code: code as number | null, output: run.output() }
}

/** `imports` change modules of the program, so they are in its bundle or both are sources. */
function onThisNode(env: Record<string, string>, entry: string, imports: string[] = []): Command {
  const program = bundled(entry)
  const first = program === entry ? imports : imports.map(bundled)
  const flags = first.map((file) => `--import=${pathToFileURL(file)}`)
  return {
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...flags, program],
    env: { PATH: process.env.PATH!, ...env },
  }
}

function launch({ program, args, env, ...where }: Command) {
  const child = spawn(program, args, {
    ...where,
    env: {
      PORT: '0',
      LOG_LEVEL: 'warn',
      SHUTDOWN_GRACE_MS: '1000',
      ...testSettings, // Like the servers in the test's own process, on the same database.
      ...(env.DATABASE_URL !== undefined && { SECRETS_ENCRYPTION_KEY: masterKey }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  child.stderr.on('data', (chunk) => (text += chunk))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  // A failed test may not have reached the line that ends the process.
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  child.once('exit', () => process.off('exit', endWithUs))
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    return exited
  }
  return {
    child,
    output: () => text,
    exited,
    stop,
    crash: async () => void (await stop('SIGKILL')),
  }
}

/** A folder for a test. Cleanups before its removal (stopping servers) run in reverse order. */
export async function temporaryFolder(t: { after: (work: () => Promise<void>) => void }) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outlast-'))
  const first: (() => Promise<unknown>)[] = []
  t.after(async () => {
    for (const work of first.reverse()) await work()
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  })
  return { folder, before: (work: () => Promise<unknown>) => first.push(work) }
}

/** A folder for a test that is a DATA_DIR with a database in it. */
export async function dataFolder(t: Parameters<typeof temporaryFolder>[0]) {
  const { folder: DATA_DIR, before } = await temporaryFolder(t)
  await copyDataDir(DATA_DIR)
  return { DATA_DIR, before }
}
