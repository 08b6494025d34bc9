import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { GlobalFlags } from './arguments.ts'
import { UsageError } from './failure.ts'
import type { Io } from './io.ts'

/** A server and how to sign in there. */
export type Profile = { url: string; api_key?: string; org_id?: string }

export type Credentials = { current_profile?: string; profiles: Record<string, Profile> }

const urlDefault = 'http://localhost:9000'

/** Where credentials are kept: OUTLAST_CONFIG_DIR, else the platform's place for settings. */
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

/** What was saved; nothing where nothing was. Contract: throws when the file cannot be read as that. */
export function readCredentials(io: Io): Credentials {
  const file = credentialsFile(io)
  try {
    const { current_profile, profiles } = JSON.parse(readFileSync(file, 'utf8'))
    return { current_profile, profiles: profiles ?? {} }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { profiles: {} }
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** Contract: the file is replaced whole, and nobody else can read it, at no moment. */
export function writeCredentials(io: Io, credentials: Credentials): void {
  const file = credentialsFile(io)
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 })
  chmodSync(draft, 0o600)
  renameSync(draft, file)
}

/** The server to talk to: flags win over the environment, and that over the saved profile. */
export function profileOf(io: Io, flags: GlobalFlags): Profile {
  const { env } = io
  const saved = savedProfile(io, flags.profile ?? env.OUTLAST_PROFILE)
  const url = flags.url ?? env.OUTLAST_URL ?? saved?.url ?? urlDefault
  if (!URL.canParse(url)) throw new UsageError(`${url} is no URL.`)
  // A key goes to no server but the one that it was saved for.
  const isSaved = saved && new URL(saved.url).origin === new URL(url).origin
  const api_key = flags['api-key'] ?? env.OUTLAST_API_KEY ?? (isSaved ? saved.api_key : undefined)
  const org_id = flags.org ?? env.OUTLAST_ORG ?? (isSaved ? saved.org_id : undefined)
  return { url, ...(api_key && { api_key }), ...(org_id && { org_id }) }
}

function savedProfile(io: Io, name: string | undefined): Profile | undefined {
  const { current_profile, profiles } = readCredentials(io)
  const wanted = name ?? current_profile
  if (wanted === undefined) return undefined
  const found = Object.hasOwn(profiles, wanted) ? profiles[wanted] : undefined
  if (!found && name)
    throw new UsageError(`There is no profile ${name}. \`outlast login\` makes one.`)
  return found
}
