import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Outlast } from '@outlast/sdk'
import { startApp } from './app.ts'
import { markOf } from './authoring/brand.ts'
import type { DefinedConfig, Settings } from './authoring/config.ts'
import { emptyProject, type Project } from './authoring/project.ts'
import { mergedSettings, settingsText } from './config/settings-text.ts'
import { ConfigError, readConfig } from './config.ts'
import { clientOf } from './http/in-process/client.ts'
import { createLog } from './log.ts'

export type ServerOptions = {
  /** What `defineConfig` returned. */
  config?: DefinedConfig
  /** Settings that win over those of the config and of the environment. */
  settings?: Settings
  /**
   * Port to listen on; `false`: none, so that only `fetch`, `handler` and `client` reach the server.
   * Default: the setting PORT of `settings` or `config`, else any free port.
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
  const config = readConfig(environmentOf(options))
  const log = createLog(config.LOG_LEVEL, config.LOG_FORMAT)
  const fatal = (error: Error) => log.error('the server cannot continue', { error })
  const { url, transport, processKey, stop } = await startApp(config, {
    project: projectOf(options.config),
    listens: options.port !== false,
    onFatal: options.onFatal ?? fatal,
  })
  const { fetch, handler } = transport
  const client = clientOf(transport, processKey)
  let stopping: Promise<void> | undefined
  const stopOnce = () => {
    stopping ??= stop()
    return stopping
  }
  return { url, fetch, handler, client, stop: stopOnce }
}

/** The log of a program is its own, so only warnings are written by default. */
const defaults = { LOG_LEVEL: 'warn' }

function environmentOf({ config, settings = {}, port }: ServerOptions) {
  checkConfig(config)
  const ofConfig = settingsText(config?.settings ?? {})
  const own = settingsText(settings)
  const { PORT = ofConfig.PORT ?? '0' } = own
  // The variable PORT is that of the program around this server.
  const listening = { PORT: typeof port === 'number' ? String(port) : PORT }
  return mergedSettings(defaults, ofConfig, process.env, own, listening)
}

function checkConfig(config: unknown): void {
  if (config === undefined || markOf(config)?.kind === 'config') return
  throw new ConfigError('config must be the result of defineConfig.')
}

/** The project of a config, without its capabilities and agents. */
function projectOf(config: DefinedConfig | undefined): Project {
  if (!config) return emptyProject
  const { auth, hooks = {}, routes } = config
  return { ...emptyProject, auth, hooks, routes }
}
