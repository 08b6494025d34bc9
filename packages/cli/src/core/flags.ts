export type Flag = {
  type: 'string' | 'boolean'
  /** One letter, for `-x`. */
  short?: string
  /** May be given more than once. */
  multiple?: boolean
  /** The word for the value in the help. `AGENT` and the like are completed with ids. */
  value?: string
  /** The only values that there are. */
  choices?: readonly string[]
  isNeeded?: boolean
  about: string
}

export type Flags = Record<string, Flag>

/** Flags of every command. */
export const globalFlags = {
  url: { type: 'string', value: 'URL', about: 'where the server is (OUTLAST_URL)' },
  'api-key': { type: 'string', value: 'KEY', about: 'how to sign in (better: OUTLAST_API_KEY)' },
  profile: { type: 'string', value: 'PROFILE', about: 'a saved server and key (OUTLAST_PROFILE)' },
  org: { type: 'string', value: 'ORG', about: 'the organization to work in (OUTLAST_ORG)' },
  json: { type: 'boolean', about: 'answer in JSON' },
  quiet: { type: 'boolean', short: 'q', about: 'answer with ids only' },
  'no-color': { type: 'boolean', about: 'no colours (NO_COLOR)' },
  help: { type: 'boolean', short: 'h', about: 'say what there is' },
} as const satisfies Flags

export type GlobalFlags = {
  [K in keyof typeof globalFlags]?: (typeof globalFlags)[K]['type'] extends 'string'
    ? string
    : boolean
}
