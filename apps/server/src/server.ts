import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Outlast } from '@outlast/sdk'
import { startApp } from './app.ts'
import type { DefinedConfig, Settings } from './authoring/config.ts'
import { mergedSettings, settingsText } from './config/settings-text.ts'
import { ConfigError, readConfig } from './config.ts'
import { processClient } from './http/in-process/client.ts'
import { createLog } from './log.ts'
import { type LoadedProject, loadProject, projectOf } from './project/load.ts'

export type ServerOptions = {
  /** What `defineConfig` returned. */
  config?: DefinedConfig
  /** Folder of a project, instead of `config`. */
  project?: string
  /** Settings that win over those of the config and of the environment. */
  settings?: Settings
  /**
   * Port to listen on; `false`: none, so that only `fetch`, `handler` and `client` reach the
   * server. Default: the setting PORT of `settings` or of the project, else any free port.
   */
  port?: number | false
  /** Called when the server cannot continue. Default: writes to the log. */
  onFatal?: (error: Error) => void
}

/** A server in this process. */
export type EmbeddedServer = {
  /** The address of the server. Without a port only `fetch` answers at it. */
  url: string
  /** Answers a request in this process. It does not follow redirects. */
  fetch: typeof fetch
  /** Answers a request of another HTTP server of this process. */
  handler: (request: IncomingMessage, response: ServerResponse) => void
  /** A client with full access to the default organization. */
  client: Outlast
  /** Ends streams, hands over turns and closes every connection. */
  stop: () => Promise<void>
}

/**
 * Starts a server in this process. It handles no signals, never ends the process and writes to its
 * log only.
 * Contract: rejects when the server cannot start, and then leaves nothing running.
 */
export async function createServer(options: ServerOptions = {}): Promise<EmbeddedServer> {
  checkOptions(options)
  const project = await projectFrom(options)
  const config = readConfig(environmentOf(project.settings, options))
  const log = createLog(config.LOG_LEVEL, config.LOG_FORMAT)
  if (options.port === false && config.AUTH_MODE === 'none' && !config.ALLOW_OPEN_ACCESS) {
    log.warn(
      'AUTH_MODE is none: every request that the program passes to `fetch` has full access. Set AUTH_MODE, or ALLOW_OPEN_ACCESS=true to allow this',
    )
  }
  const fatal = (error: Error) => log.error('the server cannot continue', { error })
  const { url, inProcess, processKey, stop } = await startApp(config, {
    project,
    ...(options.project !== undefined && { projectLocation: { folder: options.project } }),
    listens: options.port !== false,
    onFatal: options.onFatal ?? fatal,
  })
  const { fetch, handler } = inProcess
  const client = processClient(inProcess, processKey)
  let stopping: Promise<void> | undefined
  const stopOnce = () => {
    stopping ??= stop()
    return stopping
  }
  return { url, fetch, handler, client, stop: stopOnce }
}

/** The log of a program is its own, so only warnings are written by default. */
const defaults = { LOG_LEVEL: 'warn' }

const optionNames = ['config', 'project', 'settings', 'port', 'onFatal']

/** Refuses options that would start a server without the project that is meant. */
function checkOptions(options: ServerOptions): void {
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined) {
    const use = optionNames.join(', ')
    throw new ConfigError(`\`${unknown}\` is no option of createServer: use ${use}.`)
  }
  const { project } = options
  if (project !== undefined && !existsSync(project)) {
    throw new ConfigError(`The folder ${project} of \`project\` does not exist.`)
  }
}

async function projectFrom({ config, project }: ServerOptions): Promise<LoadedProject> {
  if (project === undefined) return projectOf(config)
  if (config) throw new ConfigError('Give `config` or `project`, not both.')
  return loadProject({ folder: project })
}

function environmentOf(settings: Settings, options: ServerOptions) {
  const ofProject = settingsText(settings)
  const own = settingsText(options.settings ?? {})
  const { PORT = ofProject.PORT ?? '0' } = own
  // The variable PORT is that of the program around this server.
  const listening = { PORT: typeof options.port === 'number' ? String(options.port) : PORT }
  return mergedSettings(defaults, ofProject, process.env, own, listening)
}
