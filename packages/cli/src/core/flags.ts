export type Flag = {
  type: 'string' | 'boolean'
  /** One letter, for `-x`. */
  short?: string
  /** May be given more than once. */
  multiple?: boolean
  /**
   * Placeholder of the value in the help. `AGENT` and the other kinds of resources are completed
   * with ids, and accept names and parts of ids.
   */
  value?: string
  /** The allowed values. */
  choices?: readonly string[]
  isNeeded?: boolean
  about: string
}

export type Flags = Record<string, Flag>

/** Global flags. */
export const globalFlags = {
  url: { type: 'string', value: 'URL', about: 'URL of the server (OUTLAST_URL)' },
  'api-key': { type: 'string', value: 'KEY', about: 'API key (OUTLAST_API_KEY is safer)' },
  profile: { type: 'string', value: 'PROFILE', about: 'saved server and key (OUTLAST_PROFILE)' },
  org: { type: 'string', value: 'ORG', about: 'organization to use (OUTLAST_ORG)' },
  reason: { type: 'string', value: 'TEXT', about: 'why you make a change, for the audit log' },
  json: { type: 'boolean', about: 'print JSON' },
  quiet: { type: 'boolean', short: 'q', about: 'print ids only' },
  'no-color': { type: 'boolean', about: 'no colors (NO_COLOR)' },
  help: { type: 'boolean', short: 'h', about: 'print help' },
} as const satisfies Flags

export type GlobalFlags = {
  [K in keyof typeof globalFlags]?: (typeof globalFlags)[K]['type'] extends 'string'
    ? string
    : boolean
}

/**
 * The flags that selected the server, for a command that a message suggests: each begins with a
 * space. Keys and values that a shell would change are left out.
 */
export const serverFlagsOf = (given: GlobalFlags): string =>
  (['url', 'profile', 'org'] as const)
    .map((name) => [name, given[name]] as const)
    .filter(([, value]) => value !== undefined && /^[\w.:/@-]+$/.test(value))
    .map(([name, value]) => ` --${name} ${value}`)
    .join('')
