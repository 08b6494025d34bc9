import { startApp, version } from './app.ts'
import { sentenceOf } from './commands/sentence.ts'
import { handleStrays } from './commands/strays.ts'
import { watchParent } from './commands/watch-parent.ts'
import { isLoopback } from './config/host.ts'
import { mergedSettings, settingsText } from './config/settings-text.ts'
import { type Config, readConfig, unusedVariables } from './config.ts'
import { createLog, type Log } from './log.ts'
import { projectWarnings } from './project/findings.ts'
import { type LoadedProject, loadProject } from './project/load.ts'
import { shownProblem } from './project/problems.ts'

function say(line: string) {
  process.stdout.write(`${line}\n`)
}

let isStopping = false
let stopApp = async () => {}

function fail(error: unknown): never {
  process.stderr.write(`outlast: ${sentenceOf(error)}\n`)
  process.exit(1)
}

/** Signals also stop a start: a child such as the embedded PostgreSQL would be left running. */
function stopOnSignals() {
  const stop = async (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(130)
    isStopping = true
    say(`${signal}: finishing running work. Send it again to stop at once.`)
    await stopApp().catch(fail)
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  if (process.argv.includes('--stop-with-parent')) watchParent(() => stop('SIGTERM'))
}

/** Describes the access to the server for the banner. */
function accessOf({ AUTH_MODE, AUTH_BASE_URL, HOST }: Config, url: string): string {
  if (AUTH_MODE !== 'none') {
    return `AUTH_MODE=${AUTH_MODE}: users sign in at ${AUTH_BASE_URL ?? url}/, programs send an API key`
  }
  const callers = isLoopback(HOST)
    ? 'every program on this machine'
    : `EVERY CLIENT THAT REACHES ${HOST}`
  return `AUTH_MODE=none: ${callers} has full access`
}

/**
 * Returns the command to run next in another terminal, in the form in which the server was started.
 */
function clientCommand({ AUTH_MODE, PORT }: Config, url: string): string {
  const { npm_lifecycle_event: script, npm_command: npm } = process.env
  const start = script === 'start' || npm === 'exec' ? 'npx outlast ' : 'outlast '
  const where = PORT === 9000 ? '' : ` --url ${url}`
  return `${start}${AUTH_MODE === 'none' ? 'chat' : 'login'}${where}`
}

function warnOf(project: LoadedProject, log: Log): void {
  for (const warning of projectWarnings(project)) log.warn(shownProblem(warning))
}

/** The value of a flag of this process. */
function flagValue(flag: string): string | undefined {
  const index = process.argv.indexOf(flag)
  return index < 0 ? undefined : process.argv[index + 1]
}

if (process.argv.includes('--version')) {
  say(version)
  process.exit(0)
}
const begun = performance.now()
stopOnSignals()
try {
  const projectLocation = { folder: process.cwd(), config: flagValue('--config') }
  const project = await loadProject(projectLocation)
  const env = mergedSettings(settingsText(project.settings), process.env)
  const config = readConfig(env)
  const log = createLog(config.LOG_LEVEL, config.LOG_FORMAT)
  handleStrays({ log, graceMs: config.SHUTDOWN_GRACE_MS, stop: () => stopApp() })
  warnOf(project, log)
  const app = await startApp(config, {
    project,
    projectLocation,
    onFatal: fail,
    onBegin: (stop) => (stopApp = stop),
  })
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  const where = config.DATABASE_URL
    ? 'DATABASE_URL'
    : `an embedded PostgreSQL in ${config.DATA_DIR}`
  say(
    [
      `Outlast ${version} is ready after ${seconds} s: ${app.url}`,
      `  data    ${where}`,
      `  access  ${accessOf(config, app.url)}`,
      ...unusedVariables(env).map((sentence) => `  unused  ${sentence}`),
      `  docs    ${app.url}/docs`,
      `  next    ${clientCommand(config, app.url)}`,
    ].join('\n'),
  )
} catch (error) {
  // Parts of a start fail when it is stopped.
  if (!isStopping) fail(error)
}
