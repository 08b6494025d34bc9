/** `outlast dev`: runs the server, and replaces it when a file of the project changes. */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { version } from '../../app.ts'
import { createLog } from '../../log.ts'
import {
  type Embedded as Database,
  readOrCreateMasterKeys,
  startEmbedded,
} from '../../store/embedded/embedded.ts'
import { hasMasterKeys } from '../../store/start/master-keys.ts'
import { watchParent } from '../watch-parent.ts'
import type { HeldDatabase, WantedDatabase } from './messages.ts'
import { type Events, type Supervisor, supervise } from './supervisor.ts'
import { watchProject } from './watch.ts'

export type DevOptions = { configFile?: string | undefined; stopWithParent?: boolean | undefined }

const childFile = fileURLToPath(new URL('./child.ts', import.meta.url))
const codeCache = fileURLToPath(
  new URL('../../../../../node_modules/.cache/outlast', import.meta.url),
)
const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16']
const interruptedCode = 130

const say = (line: string) => process.stdout.write(`${line}\n`)

export async function dev({ configFile, stopWithParent = false }: DevOptions): Promise<void> {
  const folder = configFile ? path.dirname(path.resolve(configFile)) : process.cwd()
  cluster.setupPrimary({
    exec: childFile,
    args: configFile ? [configFile] : [],
    execArgv: [...process.execArgv, ...nodeFlags],
  })
  const databases = createDatabases()
  const { hold } = databases
  const events = printEvents(folder)
  const supervisor = supervise({
    ...events,
    hold,
    freePort,
    environment: { NODE_COMPILE_CACHE: codeCache },
  })
  const unwatch = watchProject({
    folder,
    leftOut: databases.folders,
    changed: supervisor.change,
    failed: (message) => events.warned([message]),
  })
  const end = ending(supervisor, databases, unwatch)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0))
  if (stopWithParent) watchParent(() => end(0))
  process.stderr.write(`outlast: ${await supervisor.failed}\n`)
  await end(1)
}

/** A port that is free now. Another program can take it before a server listens there. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Ends the command. A second request ends it at once. */
function ending(supervisor: Supervisor, databases: Databases, unwatch: () => void) {
  let asked = false
  return async (code: number) => {
    if (asked) {
      supervisor.kill()
      process.exit(interruptedCode)
    }
    asked = true
    unwatch()
    await supervisor.stop()
    await databases.stop()
    process.exit(code)
  }
}

type Databases = {
  hold: (wanted: WantedDatabase) => Promise<HeldDatabase>
  /** The data folders in use. */
  folders: () => readonly string[]
  stop: () => Promise<void>
}

/** The embedded databases, by folder: each starts when a child needs it. */
function createDatabases(): Databases {
  const started = new Map<string, Promise<Database>>()
  const log = createLog('warn')
  function onFatal(error: Error) {
    process.stderr.write(`outlast: ${error.message}\n`)
    process.exit(1)
  }
  return {
    async hold({ dataDir, needsKeys }) {
      const starting = started.get(dataDir) ?? startEmbedded({ dataDir, log, onFatal })
      started.set(dataDir, starting)
      starting.catch(() => started.delete(dataDir))
      const { url } = await starting
      if (!needsKeys) return { url, masterKeys: [] }
      const masterKeys = await readOrCreateMasterKeys(dataDir, () => hasMasterKeys(url))
      return { url, masterKeys }
    },
    folders: () => [...started.keys()],
    async stop() {
      for (const starting of started.values()) await (await starting).stop()
    },
  }
}

/** Prints events in the terminal. */
function printEvents(folder: string): Events {
  let isFirst = true
  return {
    ready({ url, contents, unused, files, ms }) {
      const seconds = `${(ms / 1_000).toFixed(2)} s`
      if (isFirst) {
        say(`Outlast ${version} is ready after ${seconds}: ${url}`)
        say(`  project  ${folder}: ${contents}`)
        for (const sentence of unused) say(`  unused   ${sentence}`)
      } else say(`Reloaded in ${seconds}${files.length > 0 ? `: ${shortList(files)}` : ''}`)
      isFirst = false
    },
    refused(problems, isServing) {
      for (const problem of problems) process.stderr.write(`${problem}\n`)
      if (isServing) say('The earlier version continues to serve.')
      else say('Waiting for a change of the project.')
    },
    warned(warnings) {
      for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
    },
    crashed: (how) => say(`The server ended unexpectedly (${how}). Restarting it.`),
  }
}

const shownMax = 3

const shortList = (files: readonly string[]) =>
  files.slice(0, shownMax).join(', ') +
  (files.length > shownMax ? ` and ${files.length - shownMax} more` : '')
