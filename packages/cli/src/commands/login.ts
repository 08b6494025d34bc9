import { hostname } from 'node:os'
import type { AuthConfig, Outlast } from '@outlast/sdk'
import { clientOf } from '../core/client.ts'
import { type Context, defineCommand, type Noun } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import {
  type Credentials,
  checkUrl,
  credentialsFile,
  type Profile,
  readCredentials,
  writeCredentials,
} from '../core/profiles.ts'
import { ask, canAsk, readInput } from '../input/prompt.ts'
import { countIfGiven } from '../output/list.ts'
import { moment } from '../output/time.ts'
import { oneLine } from '../output/width.ts'

const urlDefault = 'http://localhost:9000'
const daysDefault = 90

export const login: Noun = {
  '': defineCommand({
    summary: 'saves a server and a key for it',
    more: 'Asks for what is missing. A password is used once, to make a key for this machine, and not kept.\nWithout a terminal: outlast login URL --with-token < key.txt',
    positionals: ['[url]'],
    flags: {
      'with-token': { type: 'boolean', about: 'reads an API key from stdin' },
      email: { type: 'string', value: 'E-MAIL', about: 'signs in with a password' },
      scopes: {
        type: 'string',
        multiple: true,
        choices: ['read', 'write', 'admin', '*'],
        value: 'SCOPE',
        about: 'what the key that it makes may do (*)',
      },
      'expires-in-days': {
        type: 'string',
        value: 'DAYS',
        about: `how long the key that it makes works (${daysDefault})`,
      },
    },
    async run(context, { words, flags }) {
      const { io, given, out, signal } = context
      const credentials = readCredentials(io)
      const url = await urlOf(context, words[0])
      const server = clientOf({ url })
      const config = await server.auth.getConfig({ signal })
      const { until, ...signedIn } = await signIn(context, { url, server, config, flags })
      const profile = { url, ...signedIn, ...(given.org && { org_id: given.org }) }
      const name = given.profile || nameFor(credentials, url)
      const profiles = { ...credentials.profiles, [name]: profile }
      writeCredentials(io, { current_profile: name, profiles })
      await endKey(credentials.profiles[name], profile, signal)
      const who = profile.api_key ? ` as ${await nameOf(profile, signal)}` : ''
      const sentence = profile.api_key
        ? `Signed in to ${url}${who}.`
        : `Saved ${url}; it needs no signing in.`
      await out.done({ id: name, url, org_id: profile.org_id ?? null }, sentence)
      if (until) out.note(`The key ends on ${until}: \`outlast login\` makes another one.`)
      out.note(`Profile ${name} is in use; it is kept in ${credentialsFile(io)}.`)
    },
  }),
}

async function nameOf(profile: Profile, signal: AbortSignal): Promise<string> {
  const { email, name } = await clientOf(profile).auth.getMe({ signal })
  return email || name
}

/** Revokes the profile's earlier login key if this one may; else it stays in the list of keys. */
async function endKey(before: Profile | undefined, now: Profile, signal: AbortSignal) {
  const isSame = before && new URL(before.url).origin === new URL(now.url).origin
  if (!isSame || !before.key_id || before.key_id === now.key_id) return
  await clientOf(before)
    .apiKeys.delete(before.key_id, { signal, retriesMax: 0 })
    .catch(() => signal.throwIfAborted())
}

async function urlOf({ io, given }: Context, word: string | undefined): Promise<string> {
  const said = word || given.url || io.env.OUTLAST_URL
  const url = said || (canAsk(io) && (await ask(io, `Server [${urlDefault}]: `))) || urlDefault
  const whole = /^[a-z]+:\/\//i.test(url) ? url : `https://${url}`
  checkUrl(whole)
  return whole.replace(/\/+$/, '')
}

/** The profile of that server, or a new one that is called as its host. */
function nameFor({ profiles, current_profile }: Credentials, url: string): string {
  const { origin, host } = new URL(url)
  const names = [current_profile, ...Object.keys(profiles)]
  const known = names.find((name) => {
    const profile = name === undefined ? undefined : profiles[name]
    return profile && new URL(profile.url).origin === origin
  })
  return known ?? (Object.keys(profiles).length === 0 ? 'default' : host)
}

type SigningIn = {
  url: string
  server: Outlast
  config: AuthConfig
  flags: {
    'with-token': boolean
    email: string | undefined
    scopes: readonly string[]
    'expires-in-days': string | undefined
  }
}

/** `until`: when the key ends that was made. */
type SignedIn = Omit<Profile, 'url'> & { until?: string }

async function signIn(
  context: Context,
  { url, server, config, flags }: SigningIn,
): Promise<SignedIn> {
  const { given, io } = context
  if (config.mode === 'none') return {}
  if (flags['with-token']) return checkedKey(context, url, (await readInput(context)).trim())
  if (given['api-key']) return checkedKey(context, url, given['api-key'])
  if (!canAsk(io)) {
    throw new UsageError('Nobody can be asked here: give a key on stdin with --with-token.')
  }
  const email = flags.email ?? (await emailOf(context, url, config))
  if (email !== '') return withPassword(context, { url, server, email, flags })
  return checkedKey(context, url, await ask(io, 'API key: ', { isSecret: true }))
}

async function emailOf({ io, out }: Context, url: string, config: AuthConfig): Promise<string> {
  if (config.oauth_providers?.length > 0) {
    const names = config.oauth_providers.join(' or ')
    out.note(
      `Who signs in with ${names} makes a key at ${url}/docs (POST /v1/auth/api-keys) and pastes it here.`,
    )
  }
  if (!config.password_auth_enabled) return ''
  return ask(io, 'E-mail (empty: paste an API key): ')
}

/** Contract: rejects with what the server says when it does not take the key. */
async function checkedKey({ signal }: Context, url: string, api_key: string): Promise<SignedIn> {
  if (api_key === '') throw new UsageError('There was no key.')
  await clientOf({ url, api_key }).auth.getMe({ signal })
  return { api_key }
}

async function withPassword(
  context: Context,
  { url, server, email, flags }: Omit<SigningIn, 'config'> & { email: string },
): Promise<SignedIn> {
  const { io, signal } = context
  const expires_in_days = countIfGiven(flags['expires-in-days'], '--expires-in-days') ?? daysDefault
  const scopes = flags.scopes.length > 0 ? { scopes: flags.scopes as ['read'] } : {}
  const password = await ask(io, 'Password: ', { isSecret: true })
  const { access_token } = await server.auth.login({ email, password }, { signal })
  const org_id = await orgFor(context, clientOf({ url, api_key: access_token }))
  const user = clientOf({ url, api_key: access_token, org_id })
  const name = `outlast on ${hostname()}`
  const made = await user.apiKeys.create({ name, expires_in_days, ...scopes }, { signal })
  await user.auth.logout({ signal })
  const until = moment(made.expires_at)
  return { api_key: made.key, key_id: made.id, org_id, ...(until && { until }) }
}

/** The organization that the key shall belong to. */
async function orgFor({ io, given, signal }: Context, user: Outlast): Promise<string> {
  if (given.org) return given.org
  const { data } = await user.organizations.list({ limit: 100 }, { signal })
  if (data.length === 0) throw new UsageError('You are in no organization.')
  if (data.length === 1) return data[0]!.id
  for (const [at, { name }] of data.entries()) io.stderr.write(`${at + 1}  ${oneLine(name)}\n`)
  const answer = await ask(io, `Which organization? [1-${data.length}] `)
  const chosen = data[Number(answer) - 1]
  if (!chosen) throw new UsageError(`${answer} is none of them.`)
  return chosen.id
}
