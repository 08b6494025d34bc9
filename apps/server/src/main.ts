import { type App, startApp, version } from './app.ts'
import { isLoopback } from './config/host.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { createLog } from './log.ts'
import { EmbeddedError } from './store/embedded.ts'
import { DatabaseUnusableError } from './store/unusable.ts'

/** Failures that a sentence explains; a stack would only hide it. */
const explained = [ConfigError, EmbeddedError, DatabaseUnusableError]

function say(line: string) {
  process.stdout.write(`${line}\n`)
}

function fail(error: unknown): never {
  const known = explained.some((kind) => error instanceof kind) || isAddressError(error)
  process.stderr.write(`outlast: ${known ? sentenceOf(error as Error) : (error as Error).stack}\n`)
  process.exit(1)
}

const isAddressError = (error: unknown) =>
  ['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')

function sentenceOf(error: NodeJS.ErrnoException & { port?: number; address?: string }): string {
  if (error.code === 'EADDRINUSE') {
    return `PORT ${error.port} on ${error.address} is in use by another program. Set PORT to a free one.`
  }
  if (error.code === 'EADDRNOTAVAIL') return `HOST ${error.address} is no address of this machine.`
  return error.message
}

function stopOnSignals(app: App) {
  let asked = false
  const stop = async (signal: NodeJS.Signals) => {
    if (asked) process.exit(130)
    asked = true
    say(`${signal}: finishing what runs; once more to stop at once.`)
    await app.stop()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  if (process.argv.includes('--stop-with-parent')) watchParent(() => stop('SIGTERM'))
}

const lastMs = 10_000

/**
 * The last resort for errors that no code handled. A rejected promise leaves everything else as it
 * was: it is logged, and the node goes on. After an exception nothing is known of the state of the
 * process: it is logged, turns are handed over, and the node ends with exit code 1.
 */
function handleStrays({ LOG_LEVEL, SHUTDOWN_GRACE_MS }: Config, started: () => App | undefined) {
  const log = createLog(LOG_LEVEL)
  let ending = false
  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }))
  process.on('uncaughtException', async (error) => {
    log.error('uncaught exception', { error })
    if (ending) return
    ending = true
    setTimeout(() => process.exit(1), SHUTDOWN_GRACE_MS + lastMs)
    await started()
      ?.stop()
      .catch(() => {})
    process.exit(1)
  })
}

/** Who may call, in words. */
function accessOf({ AUTH_MODE, AUTH_BASE_URL, HOST }: Config, url: string): string {
  if (AUTH_MODE !== 'none') {
    return `AUTH_MODE=${AUTH_MODE}: people sign in at ${AUTH_BASE_URL ?? url}/, programs show a key`
  }
  const who = isLoopback(HOST) ? 'everybody on this machine' : `EVERYBODY who reaches ${HOST}`
  return `AUTH_MODE=none: ${who} may do everything`
}

/** What to type next, in another terminal: as this server was started, so is its client. */
function clientCommand({ AUTH_MODE, PORT }: Config, url: string): string {
  const { npm_lifecycle_event: script, npm_command: npm } = process.env
  const start =
    script === 'start' ? 'npm run -s outlast -- ' : npm === 'exec' ? 'npx outlast ' : 'outlast '
  const where = PORT === 9000 ? '' : ` --url ${url}`
  return `${start}${AUTH_MODE === 'none' ? 'chat' : 'login'}${where}`
}

const parentMs = 500

/** `npm start` puts a shell between itself and us, and a signal to npm ends only the shell. */
function watchParent(gone: () => void) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    gone()
  }, parentMs)
  timer.unref()
}

if (process.argv.includes('--version')) {
  say(version)
  process.exit(0)
}
const begun = performance.now()
try {
  const config = readConfig(process.env)
  let app: App | undefined
  handleStrays(config, () => app)
  app = await startApp(config, { onFatal: fail })
  stopOnSignals(app)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  const where = config.DATABASE_URL
    ? 'DATABASE_URL'
    : `an embedded PostgreSQL in ${config.DATA_DIR}`
  say(
    [
      `Outlast ${version} is ready after ${seconds} s: ${app.url}`,
      `  data    ${where}`,
      `  access  ${accessOf(config, app.url)}`,
      `  docs    ${app.url}/docs`,
      `  next    ${clientCommand(config, app.url)}`,
    ].join('\n'),
  )
} catch (error) {
  fail(error)
}
