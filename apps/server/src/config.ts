import path from 'node:path'
import { isLoopback, isLoopbackUrl } from './config/host.ts'
import type { Setting } from './config/readers.ts'
import { settings } from './config/settings.ts'
import { nearestName } from './nearest-name.ts'
import { problemOfMasterKeys } from './secrets.ts'

/** A setting has an invalid value. The message names the setting. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

type Settings = { [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> }
export type Config = Readonly<Settings>

/**
 * Reads every setting from the environment; an empty variable counts as unset.
 * Contract: throws ConfigError with one line that names the first invalid setting.
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
      `HOST ${config.HOST} can be reached from other machines while AUTH_MODE is none. Set HOST=127.0.0.1, or ALLOW_OPEN_ACCESS=true to allow this.`,
    )
  }
  if (config.AUTH_MODE !== 'none') checkAuthentication(config)
  checkMasterKeySettings(config)
  const { AUDIT_RETENTION_DAYS_MIN: min, AUDIT_RETENTION_DAYS_MAX: max } = config
  if (max > 0 && max < min) {
    throw new ConfigError(
      'AUDIT_RETENTION_DAYS_MAX must be 0 or at least AUDIT_RETENTION_DAYS_MIN.',
    )
  }
  return { ...config, DATA_DIR: path.resolve(config.DATA_DIR) }
}

/** Names that vendors' own programs read, which are not settings of this server. */
const namesOfVendors = {
  OPENAI_API_KEY: 'DEFAULT_OPENAI_API_KEY',
  ANTHROPIC_API_KEY: 'DEFAULT_ANTHROPIC_API_KEY',
  GEMINI_API_KEY: 'DEFAULT_GOOGLE_API_KEY',
  GOOGLE_API_KEY: 'DEFAULT_GOOGLE_API_KEY',
  GOOGLE_GENERATIVE_AI_API_KEY: 'DEFAULT_GOOGLE_API_KEY',
} as const

type Environment = Record<string, string | undefined>

/** Sentences about variables that have no effect, and the settings that were likely meant. */
export function unusedVariables(env: Environment): string[] {
  return [...unusedKeys(env), ...mistypedSettings(env)]
}

/** A key under a vendor's name, if no setting has a key. */
function unusedKeys(env: Environment): string[] {
  const names = Object.entries(namesOfVendors)
  if (names.some(([, setting]) => env[setting])) return []
  const unused = names.find(([name]) => env[name])
  return unused ? [`${unused[0]} has no effect; set ${unused[1]} to use the key`] : []
}

/** Short names and names of one word belong to other programs more often than not. */
const isLikeSetting = (name: string) => name.length >= 8 && name.includes('_')

function mistypedSettings(env: Environment): string[] {
  return Object.keys(env).flatMap((name) => {
    if (Object.hasOwn(settings, name) || !env[name] || !isLikeSetting(name)) return []
    const meant = nearestName(name, Object.keys(settings), 1)
    return meant ? [`${name} has no effect; the setting is ${meant}`] : []
  })
}

/** Returns the master keys of the environment, the sealing key first; empty without keys. */
export const configuredMasterKeys = (config: Config): string[] =>
  config.SECRETS_ENCRYPTION_KEY === undefined
    ? []
    : [config.SECRETS_ENCRYPTION_KEY, ...config.SECRETS_ENCRYPTION_KEY_PREVIOUS]

function checkMasterKeySettings(config: Config) {
  const { SECRETS_ENCRYPTION_KEY: current, SECRETS_ENCRYPTION_KEY_PREVIOUS: previous } = config
  if (current === undefined && previous.length > 0) {
    throw new ConfigError('SECRETS_ENCRYPTION_KEY_PREVIOUS requires SECRETS_ENCRYPTION_KEY.')
  }
  const problem = problemOfMasterKeys(configuredMasterKeys(config))
  if (problem === undefined) return
  throw new ConfigError(
    `SECRETS_ENCRYPTION_KEY and SECRETS_ENCRYPTION_KEY_PREVIOUS conflict: ${problem}.`,
  )
}

const secretLengthMin = 32
const passwordLengthMin = 8

/** Checks settings that would otherwise fail, or be insecure, at the first sign-in. */
function checkAuthentication(config: Config) {
  const { AUTH_MODE: mode, AUTH_ADMIN_EMAIL: email, AUTH_ADMIN_PASSWORD: password } = config
  if (mode === 'admin' && (email === undefined || password === undefined)) {
    throw new ConfigError('AUTH_MODE=admin requires AUTH_ADMIN_EMAIL and AUTH_ADMIN_PASSWORD.')
  }
  if ((email === undefined) !== (password === undefined)) {
    throw new ConfigError('AUTH_ADMIN_EMAIL and AUTH_ADMIN_PASSWORD must be set together.')
  }
  if (password !== undefined && password.length < passwordLengthMin) {
    throw new ConfigError(`AUTH_ADMIN_PASSWORD must have at least ${passwordLengthMin} characters.`)
  }
  if (config.AUTH_JWT_SECRET !== undefined && config.AUTH_JWT_SECRET.length < secretLengthMin) {
    throw new ConfigError(`AUTH_JWT_SECRET must have at least ${secretLengthMin} characters.`)
  }
  const keyless =
    config.AUTH_JWT_SECRET === undefined && config.SECRETS_ENCRYPTION_KEY === undefined
  if (config.DATABASE_URL !== undefined && keyless) {
    throw new ConfigError(
      `AUTH_MODE=${mode} with DATABASE_URL requires SECRETS_ENCRYPTION_KEY (or AUTH_JWT_SECRET), the same on all nodes.`,
    )
  }
  for (const name of ['GOOGLE', 'GITHUB', 'OIDC'] as const) {
    const [id, secret] = [config[`AUTH_${name}_CLIENT_ID`], config[`AUTH_${name}_CLIENT_SECRET`]]
    if ((id === undefined) !== (secret === undefined)) {
      throw new ConfigError(
        `AUTH_${name}_CLIENT_ID and AUTH_${name}_CLIENT_SECRET must be set together.`,
      )
    }
    if (id && !config.AUTH_BASE_URL && !config[`AUTH_${name}_REDIRECT_URI`]) {
      throw new ConfigError(
        `AUTH_${name}_CLIENT_ID requires AUTH_BASE_URL, the address that browsers return to after sign-in.`,
      )
    }
  }
  if (config.AUTH_OIDC_CLIENT_ID && !config.AUTH_OIDC_ISSUER) {
    throw new ConfigError('AUTH_OIDC_CLIENT_ID requires AUTH_OIDC_ISSUER.')
  }
  for (const name of ['AUTH_OIDC_ISSUER', 'AUTH_GITHUB_URL'] as const) {
    const url = config[name]
    if (url?.startsWith('http:') && !isLoopbackUrl(url)) {
      throw new ConfigError(`${name} must begin with https:// unless its host is loopback.`)
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
