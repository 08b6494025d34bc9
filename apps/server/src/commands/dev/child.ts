/**
 * The process that runs the server of `outlast dev`: it loads the project, starts all parts, and
 * listens, each when the supervisor requests it.
 */
import { once } from 'node:events'
import { type App, startApp } from '../../app.ts'
import { mergedSettings, settingsText } from '../../config/settings-text.ts'
import { type Config, configuredMasterKeys, readConfig, unusedVariables } from '../../config.ts'
import { createLog } from '../../log.ts'
import { agentProblems, projectWarnings } from '../../project/findings.ts'
import { loadProject } from '../../project/load.ts'
import { ProjectError, shownProblem } from '../../project/problems.ts'
import { decide } from '../../store/database-errors.ts'
import { contentsSummary } from '../contents.ts'
import { sentenceOf, takenPortOf } from '../sentence.ts'
import { handleStrays } from '../strays.ts'
import type { FromChild, HeldDatabase, ToChild, WantedDatabase } from './messages.ts'

let problems: readonly string[] = []
let app: App | undefined
let leaving: Promise<void> | undefined

const sendToSupervisor = (message: FromChild) =>
  new Promise<void>((resolve) => process.send!(message, undefined, undefined, () => resolve()))

/** Resolves with the message of this type. */
async function received<T extends ToChild['type']>(type: T): Promise<ToChild & { type: T }> {
  for (;;) {
    const [message] = (await once(process, 'message')) as [ToChild]
    if (message.type === type) return message as ToChild & { type: T }
  }
}

process.on('message', (message: ToChild) => {
  if (message.type === 'problems') problems = message.problems
  if (message.type === 'leave') void leave(0)
})
// Ctrl-C reaches every process of the terminal; the supervisor decides.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

/** Releases the port, hands over turns, and ends. */
function leave(code: number): Promise<void> {
  leaving ??= (async () => {
    app?.leavePort()
    await app?.stop().catch(() => {})
    process.exit(code)
  })()
  return leaving
}

function embeddedOf(config: Config): WantedDatabase | undefined {
  const { DATABASE_URL: url, DATA_DIR: dataDir } = config
  if (url !== undefined) return undefined
  return { dataDir, needsKeys: configuredMasterKeys(config).length === 0 }
}

/** The settings with the supervisor's database. */
function withDatabase(config: Config, database: HeldDatabase | undefined): Config {
  if (!database) return config
  const { url, masterKeys } = database
  if (masterKeys.length === 0) return { ...config, DATABASE_URL: url }
  const [current, ...previous] = masterKeys
  return {
    ...config,
    DATABASE_URL: url,
    SECRETS_ENCRYPTION_KEY: current,
    SECRETS_ENCRYPTION_KEY_PREVIOUS: previous,
  }
}

async function run(): Promise<void> {
  await received('load')
  const location = { folder: process.cwd(), config: process.argv[2] }
  const project = await loadProject(location)
  const faults = agentProblems(project)
  if (faults.length > 0) throw new ProjectError(faults)
  const env = mergedSettings(settingsText(project.settings), process.env)
  const own = readConfig(env)
  const log = createLog(own.LOG_LEVEL, own.LOG_FORMAT)
  handleStrays({ log, graceMs: own.SHUTDOWN_GRACE_MS, stop: () => leave(1) })
  const next = received('prepare')
  const contents = contentsSummary(project)
  const warnings = projectWarnings(project).map(shownProblem)
  const embedded = embeddedOf(own)
  const graceMs = own.SHUTDOWN_GRACE_MS
  const unused = unusedVariables(env)
  await sendToSupervisor({ type: 'loaded', graceMs, embedded, contents, warnings, unused })
  const { database } = await next
  app = await startApp(withDatabase(own, database), {
    project,
    projectLocation: location,
    problems: () => problems,
    onFatal: (error) => void fail(error),
    async beforeListening() {
      const listen = received('listen')
      await sendToSupervisor({ type: 'prepared' })
      const { freePort } = await listen
      return own.PORT || freePort
    },
  })
  await sendToSupervisor({ type: 'ready', url: app.url })
}

async function fail(error: unknown): Promise<void> {
  const isProject = error instanceof ProjectError
  const sentences = isProject ? error.problems.map(shownProblem) : [sentenceOf(error)]
  const isPassing = decide(error) !== undefined
  const takenPort = takenPortOf(error)
  await sendToSupervisor({ type: 'failed', problems: sentences, isProject, isPassing, takenPort })
  process.exit(1)
}

await run().catch(fail)
