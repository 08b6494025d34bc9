import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { settings } from '../apps/server/src/config.ts'

const main = fileURLToPath(new URL('../apps/server/start.js', import.meta.url))
const readyMsMax = 60_000
const pauseMs = 5

/** A child process that serves HTTP. `readyMs`: from its start to the first 200 of `/health/ready`. */
export type Server = { url: string; pid: number; readyMs: number; stop: () => Promise<void> }

export type Program = {
  env?: Record<string, string>
  /** Arguments of Node, before the file. */
  nodeArgs?: string[]
}

/** Our server, as `npm start` runs it. */
export const startOutlast = (program: Program = {}) => start(main, program)

/** A server of this directory to compare with. */
export const startBare = (file: string, program: Program = {}) =>
  start(fileURLToPath(new URL(file, import.meta.url)), program)

async function start(file: string, { env = {}, nodeArgs = [] }: Program): Promise<Server> {
  const port = await freePort()
  const begun = performance.now()
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ...nodeArgs, file],
    {
      env: { ...cleanEnvironment(), LOG_LEVEL: 'warn', ...env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  // Whatever becomes of the benchmark, no server outlives it.
  const endWithUs = () => child.kill('SIGTERM')
  process.once('exit', endWithUs)
  child.once('exit', () => process.off('exit', endWithUs))
  const url = `http://127.0.0.1:${port}`
  await untilReady(child, url)
  const readyMs = performance.now() - begun
  return { url, pid: child.pid!, readyMs, stop: () => stop(child) }
}

async function untilReady(child: ChildProcess, url: string) {
  const deadline = Date.now() + readyMsMax
  while (Date.now() < deadline) {
    if (child.exitCode !== null) break
    const ready = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready) return
    await sleep(pauseMs)
  }
  child.kill('SIGKILL')
  throw new Error('A server did not become ready.')
}

async function stop(child: ChildProcess) {
  if (child.exitCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exited
}

/** The environment without our settings, and without what connects to a database or a vendor by itself. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !(name in settings) && !/_API_KEY$|^PG[A-Z]+$|^NODE_OPTIONS$/.test(name),
    ),
  )
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

/** Runs `work` with a DATA_DIR that is gone afterwards. */
export async function withDataDir<T>(work: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'outlast-bench-'))
  try {
    return await work(dataDir)
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Where the embedded PostgreSQL of a running server is reached. */
export function databaseUrl(dataDir: string, name = 'outlast'): string {
  const password = readFileSync(path.join(dataDir, 'postgres.password'), 'utf8').trim()
  const pidFile = readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  return `postgres://postgres:${password}@127.0.0.1:${pidFile.split('\n')[3]}/${name}`
}

/** Memory of a process that is in RAM, in MB. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
}
