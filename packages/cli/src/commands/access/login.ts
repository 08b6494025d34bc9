import { hostname } from 'node:os'
import { type AuthConfig, type Outlast, OutlastError } from '@outlast/sdk'
import { clientOf } from '../../core/client.ts'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { SignInRefused, UsageError } from '../../core/failure.ts'
import {
  type Credentials,
  checkUrl,
  credentialsFile,
  type Profile,
  readCredentials,
  writeCredentials,
} from '../../core/profiles.ts'
import { countIfGiven } from '../../input/list.ts'
import { ask, canAsk, readInput } from '../../input/prompt.ts'
import { moment } from '../../output/time.ts'
import { oneLine } from '../../output/width.ts'

const urlDefault = 'http://localhost:9000'
const daysDefault = 90

export const login: Noun = {
  '': defineCommand({
    summary: 'sign in to a server and save it as a profile',
    more: 'Prompts for missing values. A password is used once, to create a key for this machine, and is not saved.\nWithout a terminal: outlast login URL --with-token < key.txt',
    positionals: ['[url]'],
    flags: {
      'with-token': { type: 'boolean', about: 'read an API key from stdin' },
      email: { type: 'string', value: 'E-MAIL', about: 'sign in with a password' },
      scopes: {
        type: 'string',
        multiple: true,
        choices: ['read', 'write', 'admin', '*'],
        value: 'SCOPE',
        about: 'permission of the new key (*)',
      },
      'expires-in-days': {
        type: 'string',
        value: 'DAYS',
        about: `lifetime of the new key (${daysDefault})`,
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
      const user = profile.api_key ? ` as ${await userNameOf(profile, signal)}` : ''
      const sentence = profile.api_key
        ? `Signed in to ${url}${user}.`
        : `Saved ${url}. It needs no sign-in.`
      await out.done({ id: name, url, org_id: profile.org_id ?? null }, sentence)
      if (until) out.note(`The key expires on ${until}. \`outlast login\` renews it.`)
      out.note(`Profile ${name} is in use. It is saved in ${credentialsFile(io)}.`)
    },
  }),
}

async function userNameOf(profile: Profile, signal: AbortSignal): Promise<string> {
  const { email, name } = await clientOf(profile).auth.getMe({ signal })
  return email || name
}

/** Revokes the profile's earlier key of a login. Without permission that key stays listed. */
async function endKey(before: Profile | undefined, now: Profile, signal: AbortSignal) {
  const isSame = before && new URL(before.url).origin === new URL(now.url).origin
  if (!isSame || !before.key_id || before.key_id === now.key_id) return
  await clientOf(before)
    .apiKeys.delete(before.key_id, { signal, retriesMax: 0 })
    .catch(() => signal.throwIfAborted())
}

async function urlOf({ io, given }: Context, word: string | undefined): Promise<string> {
  const address = word || given.url || io.env.OUTLAST_URL
  const url = address || (canAsk(io) && (await ask(io, `Server [${urlDefault}]: `))) || urlDefault
  const whole = /^[a-z]+:\/\//i.test(url) ? url : `https://${url}`
  checkUrl(whole)
  return whole.replace(/\/+$/, '')
}

/** Name of the server's profile, or of a new one. */
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

/** `until`: the expiry time of a new key. */
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
    throw new UsageError(
      'There is no terminal for a password. Pass a key on stdin with --with-token.',
    )
  }
  const email = flags.email ?? (await emailOf(context, url, config))
  if (email !== '') return withPassword(context, { url, server, email, flags })
  return checkedKey(context, url, await ask(io, 'API key: ', { isSecret: true }))
}

async function emailOf({ io, out }: Context, url: string, config: AuthConfig): Promise<string> {
  if (config.oauth_providers?.length > 0) {
    const names = config.oauth_providers.join(' or ')
    out.note(
      `To sign in with ${names}, create a key in the console at ${url} (Settings, API keys) and paste it here.`,
    )
  }
  if (!config.password_auth_enabled) return ''
  return ask(io, 'E-mail (empty: paste an API key): ')
}

/** Checks a key. Contract: throws SignInRefused for a key that the server refuses. */
async function checkedKey({ signal }: Context, url: string, api_key: string): Promise<SignedIn> {
  if (api_key === '') throw new UsageError('The key is empty.')
  await clientOf({ url, api_key })
    .auth.getMe({ signal })
    .catch(
      refusedAs(`${url} does not accept this API key. It may be mistyped, expired or revoked.`),
    )
  return { api_key }
}

/** Replaces a 401, whose usual advice is to sign in. */
const refusedAs = (sentence: string) => (error: unknown) => {
  throw error instanceof OutlastError && error.status === 401 ? new SignInRefused(sentence) : error
}

async function withPassword(
  context: Context,
  { url, server, email, flags }: Omit<SigningIn, 'config'> & { email: string },
): Promise<SignedIn> {
  const { io, signal } = context
  const expires_in_days = countIfGiven(flags['expires-in-days'], '--expires-in-days') ?? daysDefault
  const scopes = flags.scopes.length > 0 ? { scopes: flags.scopes as ['read'] } : {}
  const password = await ask(io, 'Password: ', { isSecret: true })
  const { access_token } = await server.auth
    .login({ email, password }, { signal })
    .catch(refusedAs(`Wrong e-mail address or password for ${url}. Nothing was saved.`))
  const org_id = await orgFor(context, clientOf({ url, api_key: access_token }))
  const user = clientOf({ url, api_key: access_token, org_id })
  const name = `outlast on ${hostname()}`
  const made = await user.apiKeys.create({ name, expires_in_days, ...scopes }, { signal })
  // The sign-in ends by itself, but the key is returned once.
  await user.auth.logout({ signal }).catch(() => signal.throwIfAborted())
  const until = moment(made.expires_at)
  return { api_key: made.key, key_id: made.id, org_id, ...(until && { until }) }
}

/** Selects the organization of the new key. */
async function orgFor({ io, given, signal }: Context, user: Outlast): Promise<string> {
  if (given.org) return given.org
  const { data } = await user.organizations.list({ limit: 100 }, { signal })
  if (data.length === 0) throw new UsageError('You are not a member of an organization.')
  if (data.length === 1) return data[0]!.id
  for (const [at, { name }] of data.entries()) io.stderr.write(`${at + 1}  ${oneLine(name)}\n`)
  const answer = await ask(io, `Which organization? [1-${data.length}] `)
  const chosen = data[Number(answer) - 1]
  if (!chosen)
    throw new UsageError(`${JSON.stringify(answer)} is not a number from 1 to ${data.length}.`)
  return chosen.id
}
