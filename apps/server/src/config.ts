import path from 'node:path'
import { isLoopback, isLoopbackUrl } from './config/host.ts'
import type { Setting } from './config/readers.ts'
import { settings } from './config/settings.ts'
import { problemOfMasterKeys } from './secrets.ts'

/** A setting has a value that cannot be used. The message names it. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

type Settings = { [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> }
export type Config = Readonly<Settings>

/**
 * Reads every setting from the environment, an empty variable counting as unset.
 * Contract: throws ConfigError with one line that names the first setting that cannot be used.
 */
export function readConfig(env: Record<string, string | undefined>): Config {
  const config = Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [
      name,
      readSetting(name, setting, env[name]),
    ]),
  ) as Config
  if (config.AUTH_MODE === 'none' && !isLoopback(config.HOST) && !config.ALLOW_OPEN_ACCESS) {
    throw new ConfigError(
      `HOST ${config.HOST} can be reached by others while AUTH_MODE is none: set ALLOW_OPEN_ACCESS=true if that is meant, or HOST=127.0.0.1.`,
    )
  }
  if (config.AUTH_MODE !== 'none') checkAuthentication(config)
  checkMasterKeys(config)
  const { AUDIT_RETENTION_DAYS_MIN: min, AUDIT_RETENTION_DAYS_MAX: max } = config
  if (max > 0 && max < min) {
    throw new ConfigError(
      'AUDIT_RETENTION_DAYS_MAX must be 0 or at least AUDIT_RETENTION_DAYS_MIN.',
    )
  }
  return { ...config, DATA_DIR: path.resolve(config.DATA_DIR) }
}

/** The master keys of the environment, the one that seals first; none where it has none. */
export const configuredMasterKeys = (config: Config): string[] =>
  config.SECRETS_ENCRYPTION_KEY === undefined
    ? []
    : [config.SECRETS_ENCRYPTION_KEY, ...config.SECRETS_ENCRYPTION_KEY_PREVIOUS]

function checkMasterKeys(config: Config) {
  const { SECRETS_ENCRYPTION_KEY: current, SECRETS_ENCRYPTION_KEY_PREVIOUS: previous } = config
  if (current === undefined && previous.length > 0) {
    throw new ConfigError('SECRETS_ENCRYPTION_KEY_PREVIOUS needs SECRETS_ENCRYPTION_KEY.')
  }
  const problem = problemOfMasterKeys(configuredMasterKeys(config))
  if (problem === undefined) return
  throw new ConfigError(
    `SECRETS_ENCRYPTION_KEY and SECRETS_ENCRYPTION_KEY_PREVIOUS do not fit together: ${problem}.`,
  )
}

const secretLengthMin = 32
const passwordLengthMin = 8

/** What would only fail, or stand open, once the first person signs in. */
function checkAuthentication(config: Config) {
  const { AUTH_MODE: mode, AUTH_ADMIN_EMAIL: email, AUTH_ADMIN_PASSWORD: password } = config
  if (mode === 'admin' && (email === undefined || password === undefined)) {
    throw new ConfigError('AUTH_MODE=admin needs AUTH_ADMIN_EMAIL and AUTH_ADMIN_PASSWORD.')
  }
  if ((email === undefined) !== (password === undefined)) {
    throw new ConfigError('AUTH_ADMIN_EMAIL and AUTH_ADMIN_PASSWORD belong together.')
  }
  if (password !== undefined && password.length < passwordLengthMin) {
    throw new ConfigError(`AUTH_ADMIN_PASSWORD must have ${passwordLengthMin} characters or more.`)
  }
  if (config.AUTH_JWT_SECRET !== undefined && config.AUTH_JWT_SECRET.length < secretLengthMin) {
    throw new ConfigError(`AUTH_JWT_SECRET must have ${secretLengthMin} characters or more.`)
  }
  const keyless =
    config.AUTH_JWT_SECRET === undefined && config.SECRETS_ENCRYPTION_KEY === undefined
  if (config.DATABASE_URL !== undefined && keyless) {
    throw new ConfigError(
      `AUTH_MODE=${mode} with DATABASE_URL needs SECRETS_ENCRYPTION_KEY (or AUTH_JWT_SECRET), the same on all nodes.`,
    )
  }
  for (const name of ['GOOGLE', 'GITHUB', 'OIDC'] as const) {
    const [id, secret] = [config[`AUTH_${name}_CLIENT_ID`], config[`AUTH_${name}_CLIENT_SECRET`]]
    if ((id === undefined) !== (secret === undefined)) {
      throw new ConfigError(
        `AUTH_${name}_CLIENT_ID and AUTH_${name}_CLIENT_SECRET belong together.`,
      )
    }
    if (id && !config.AUTH_BASE_URL && !config[`AUTH_${name}_REDIRECT_URI`]) {
      throw new ConfigError(
        `AUTH_${name}_CLIENT_ID needs AUTH_BASE_URL, where people come back to.`,
      )
    }
  }
  for (const name of ['AUTH_OIDC_ISSUER', 'AUTH_GITHUB_URL'] as const) {
    const url = config[name]
    if (url?.startsWith('http:') && !isLoopbackUrl(url)) {
      throw new ConfigError(`${name} must begin with https:// unless it is on this machine.`)
    }
  }
}

function readSetting(name: string, setting: Setting<unknown>, value: string | undefined) {
  try {
    return setting.read(value === '' ? undefined : value)
  } catch (error) {
    throw new ConfigError(`${name} ${(error as Error).message}.`)
  }
}
