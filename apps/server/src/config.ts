import path from 'node:path'

/** One environment variable: what it is for, its default as people write it, and how its text is read. */
type Setting<T> = {
  about: string
  shown: string
  secret?: true
  read: (text: string | undefined) => T
}

/** A setting has a value that cannot be used. The message names it. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const wholeNumber = (fallback: number, min: number, max: number) => ({
  shown: String(fallback),
  read(text: string | undefined) {
    if (text === undefined) return fallback
    const value = Number(text)
    if (Number.isInteger(value) && value >= min && value <= max) return value
    throw new Error(`must be a whole number from ${min} to ${max}, not "${text}"`)
  },
})

const choice = <const T extends readonly string[]>(fallback: T[number], values: T) => ({
  shown: fallback,
  read(text: string | undefined): T[number] {
    if (text === undefined) return fallback
    if (values.includes(text)) return text
    throw new Error(`must be one of ${values.join(', ')}, not "${text}"`)
  },
})

const flag = () => ({
  shown: 'false',
  read(text: string | undefined) {
    if (text === undefined || text === 'false' || text === '0') return false
    if (text === 'true' || text === '1') return true
    throw new Error(`must be true or false, not "${text}"`)
  },
})

const text = (fallback: string) => ({
  shown: fallback,
  read: (value: string | undefined) => value ?? fallback,
})

const optionalText = () => ({ shown: '', read: (value: string | undefined) => value })

const postgresUrl = () => ({
  shown: '',
  read(value: string | undefined) {
    if (value === undefined) return undefined
    if (/^postgres(ql)?:\/\//.test(value) && URL.canParse(value)) return value
    throw new Error('must be a URL that begins with postgres:// or postgresql://')
  },
})

const redisUrl = () => ({
  shown: '',
  read(value: string | undefined) {
    if (value === undefined) return undefined
    if (/^rediss?:\/\/[^/]/.test(value) && URL.canParse(value)) return value
    throw new Error('must be a URL that begins with redis:// or rediss://')
  },
})

const encryptionKey = () => ({
  shown: '',
  secret: true as const,
  read(value: string | undefined) {
    if (value === undefined) return undefined
    const [id, key, rest] = value.split(':')
    const usable = id && key && rest === undefined && Buffer.from(key, 'base64').length === 32
    if (usable) return value
    throw new Error('must look like kek-v1:<32 bytes in base64>')
  },
})

const origins = () => ({
  shown: '',
  read(value: string | undefined) {
    const list = (value ?? '').split(',').map((origin) => origin.trim())
    const named = list.filter((origin) => origin !== '')
    for (const origin of named) {
      const good = URL.canParse(origin) && new URL(origin).origin === origin
      if (!good)
        throw new Error(`must list origins such as https://app.example.com, not "${origin}"`)
    }
    return named
  },
})

/** Every setting there is. This table is the documentation too: `npm run docs` prints it. */
export const settings = {
  PORT: {
    about: 'TCP port of the HTTP server; 0 takes any free one',
    ...wholeNumber(9000, 0, 65_535),
  },
  HOST: { about: 'Address to listen on', ...text('127.0.0.1') },
  DATA_DIR: { about: 'Where the embedded PostgreSQL and its keys live', ...text('./data') },
  DATABASE_URL: {
    about:
      'A PostgreSQL server (15 or newer) to use instead of the embedded one; not a transaction-mode pooler',
    secret: true as const,
    ...postgresUrl(),
  },
  REDIS_URL: {
    about:
      'A Redis server that carries live text and hints between nodes, instead of PostgreSQL; worth it where many nodes stream',
    secret: true as const,
    ...redisUrl(),
  },
  ROLE: {
    about: '`all`, `api` (runs no turns) or `worker` (serves nothing but health)',
    ...choice('all', ['all', 'api', 'worker']),
  },
  AUTH_MODE: {
    about: 'Who may call. `none`: everybody who reaches the port',
    ...choice('none', ['none']),
  },
  ALLOW_OPEN_ACCESS: {
    about: 'Allows `AUTH_MODE=none` on an address that others can reach',
    ...flag(),
  },
  CORS_ALLOWED_ORIGINS: {
    about: 'Origins, separated by commas, whose pages may call the API; unset: none',
    ...origins(),
  },
  SECRETS_ENCRYPTION_KEY: {
    about:
      'Encrypts stored keys, as `kek-v1:<32 bytes in base64>`; unset: made at first start in `DATA_DIR`, none with `DATABASE_URL`',
    ...encryptionKey(),
  },
  DEFAULT_OPENAI_API_KEY: {
    about: "OpenAI's key for providers that have none of their own",
    secret: true as const,
    ...optionalText(),
  },
  DEFAULT_ANTHROPIC_API_KEY: {
    about: "Anthropic's key for providers that have none of their own",
    secret: true as const,
    ...optionalText(),
  },
  LOG_LEVEL: {
    about: 'How much is logged',
    ...choice('info', ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  },
  TURN_ITERATIONS_MAX: {
    about: 'Model calls that one turn may make before it fails with `max_iterations`',
    ...wholeNumber(100, 1, 10_000),
  },
  WORKER_SLOTS: {
    about:
      'Turns of the queue that this node runs at once; half as many more may begin without it, where their message was stored',
    ...wholeNumber(128, 1, 1000),
  },
  MODEL_TIMEOUT_MS: {
    about: 'Longest a model may stay silent before the call counts as broken',
    ...wholeNumber(120_000, 100, 3_600_000),
  },
  MODEL_ATTEMPTS_MAX: {
    about: 'How often a model call that broke is made in all',
    ...wholeNumber(3, 1, 10),
  },
  TOOL_TIMEOUT_MS: {
    about: 'Longest one tool call may take',
    ...wholeNumber(60_000, 100, 3_600_000),
  },
  SSE_CYCLE_MS: {
    about: 'Age at which a stream is closed, so that clients spread over nodes again',
    ...wholeNumber(300_000, 100, 86_400_000),
  },
  SSE_HEARTBEAT_MS: {
    about: 'Pause between signs of life on a silent stream',
    ...wholeNumber(10_000, 50, 60_000),
  },
  SHUTDOWN_GRACE_MS: {
    about: 'How long running model calls and tools may go on after SIGTERM',
    ...wholeNumber(20_000, 0, 600_000),
  },
} satisfies Record<string, Setting<unknown>>

type Settings = { [K in keyof typeof settings]: ReturnType<(typeof settings)[K]['read']> }
export type Config = Readonly<Settings>

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/** True for an address that only this machine can reach. */
export const isLoopback = (host: string) => loopback.has(host) || host.startsWith('127.')

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
  return { ...config, DATA_DIR: path.resolve(config.DATA_DIR) }
}

function readSetting(name: string, setting: Setting<unknown>, value: string | undefined) {
  try {
    return setting.read(value === '' ? undefined : value)
  } catch (error) {
    throw new ConfigError(`${name} ${(error as Error).message}.`)
  }
}
