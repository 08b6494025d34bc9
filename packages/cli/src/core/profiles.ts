import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { UsageError } from './failure.ts'
import type { GlobalFlags } from './flags.ts'
import { makeFolder } from './folder.ts'
import type { Io } from './io.ts'

/** A server and its credentials. `key_id`: a key of `outlast login`, for `outlast logout`. */
export type Profile = { url: string; api_key?: string; org_id?: string; key_id?: string }

/** The server in use. `name`: the saved profile that it is, if any. */
export type ProfileInUse = Omit<Profile, 'key_id'> & { name?: string }

export type Credentials = { current_profile?: string; profiles: Record<string, Profile> }

const urlDefault = 'http://localhost:9000'

/** Path of the credentials: in OUTLAST_CONFIG_DIR, else in the platform's folder for settings. */
export function credentialsFile({ env }: Io): string {
  const given = env.OUTLAST_CONFIG_DIR
  if (given) return path.join(given, 'credentials.json')
  const home = env.HOME || os.homedir()
  const base =
    process.platform === 'win32'
      ? env.APPDATA || path.join(home, 'AppData/Roaming')
      : env.XDG_CONFIG_HOME || path.join(home, '.config')
  return path.join(base, 'outlast', 'credentials.json')
}

/**
 * Reads the saved profiles. Without a file there are none. If other users can read the file, it
 * becomes private and a warning is printed.
 * Contract: throws a UsageError for an unreadable or invalid file.
 */
export function readCredentials(io: Io): Credentials {
  const file = credentialsFile(io)
  try {
    const credentials = checked(JSON.parse(readFileSync(file, 'utf8')))
    makePrivate(io, file)
    return credentials
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { profiles: {} }
    const why = error instanceof SyntaxError ? 'it is not valid JSON' : (error as Error).message
    throw new UsageError(
      `${file} cannot be used: ${why}. Repair or remove it, or pass --url and a key.`,
    )
  }
}

/** Contract: no error contains a part of the file, which may be a key. */
function checked(given: Partial<Credentials> | null): Credentials {
  const { current_profile, profiles } = given ?? {}
  if (typeof profiles !== 'object' || profiles === null) throw new Error('it has no profiles')
  for (const [name, profile] of Object.entries(profiles)) {
    if (typeof profile?.url !== 'string' || !URL.canParse(profile.url)) {
      throw new Error(`its profile ${name} has no URL`)
    }
  }
  const isNamed = typeof current_profile === 'string'
  return { profiles, ...(isNamed && { current_profile }) }
}

const isOthers = 0o077

function makePrivate({ stderr }: Io, file: string): void {
  if (process.platform === 'win32' || (statSync(file).mode & isOthers) === 0) return
  chmodSync(file, 0o600)
  stderr.write(
    `Other users of this machine could read ${file}. It is private now. If a user may have read it, create new keys.\n`,
  )
}

/** Contract: the file is replaced atomically and is private at every moment. */
export function writeCredentials(io: Io, credentials: Credentials): void {
  const file = credentialsFile(io)
  const draft = `${file}.${process.pid}`
  try {
    makeFolder(path.dirname(file), 0o700)
    rmSync(draft, { force: true })
    try {
      writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
      renameSync(draft, file)
    } finally {
      rmSync(draft, { force: true })
    }
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${(error as Error).message}`)
  }
}

/** Selects the server: flags override the environment, which overrides the saved profile. */
export function profileOf(io: Io, flags: GlobalFlags): ProfileInUse {
  const { env } = io
  const name = flags.profile || env.OUTLAST_PROFILE || undefined
  const given = flags.url || env.OUTLAST_URL || undefined
  const givenKey = flags['api-key'] || env.OUTLAST_API_KEY || undefined
  // A complete server and key need no file, which may be broken.
  const saved = given && givenKey && !name ? undefined : savedProfile(io, name)
  const url = given ?? saved?.url ?? urlDefault
  checkUrl(url)
  // A saved key is sent only to the server that it was saved for.
  const isSaved = saved && new URL(saved.url).origin === new URL(url).origin
  const api_key = givenKey ?? (isSaved ? saved.api_key : undefined)
  const org_id = (flags.org || env.OUTLAST_ORG) ?? (isSaved ? saved.org_id : undefined)
  checkHeader(api_key, 'The key')
  checkHeader(org_id, 'The organization')
  return {
    url,
    ...(isSaved && { name: saved.name }),
    ...(api_key && { api_key }),
    ...(org_id && { org_id }),
  }
}

/** Contract: throws a UsageError for an invalid server URL. */
export function checkUrl(url: string): void {
  const isWeb = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  if (!isWeb) throw new UsageError(`${url} is not a URL that begins with http:// or https://.`)
  const { username, password, search, hash } = new URL(url)
  if (username || password) {
    throw new UsageError('A URL must not contain a user or password. Pass a key with --api-key.')
  }
  if (search || hash) throw new UsageError(`${url} must not contain ? or #.`)
}

/** Contract: throws a UsageError, without the value, for a value that no header can carry. */
function checkHeader(value: string | undefined, name: string): void {
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return
  throw new UsageError(
    `${name} contains spaces or invalid characters. Check that it was copied completely.`,
  )
}

function savedProfile(io: Io, name: string | undefined) {
  const { current_profile, profiles } = readCredentials(io)
  const wanted = name ?? current_profile
  if (wanted === undefined) return undefined
  const found = Object.hasOwn(profiles, wanted) ? profiles[wanted] : undefined
  if (!found && name)
    throw new UsageError(
      `Profile ${name} not found. \`outlast login\` creates profiles, \`outlast profiles list\` lists them.`,
    )
  return found && { ...found, name: wanted }
}

/** Name of the profile in use, if it is saved. */
export function currentName(io: Io, flags: GlobalFlags): string | undefined {
  return flags.profile || io.env.OUTLAST_PROFILE || readCredentials(io).current_profile
}
