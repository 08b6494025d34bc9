import type { ClientAuth, Configuration } from 'openid-client'
import { isLoopbackUrl } from '../config/host.ts'
import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Tokens } from './tokens.ts'

/** Loaded at the first sign-in with an external account. */
const openidClient = () => import('openid-client')

/** The user of an external account, as its issuer reports it. The address is verified. */
export type Outsider = {
  /** Scope of the subject: another issuer may use the same subject for another user. */
  issuer: string
  subject: string
  email: string
  name: string
  avatarUrl: string | undefined
}

/** The user of a finished sign-in, and the domains whose addresses may sign in; empty: all. */
export type ReturnedUser = Outsider & Pick<Settings, 'domains'>

type Settings = { clientId: string; clientSecret: string; redirectUri: string; domains: string[] }

type Issuer = {
  title: string
  scope: string
  discover: (settings: Settings, auth: ClientAuth) => Promise<Configuration>
  /** Contract: undefined when the issuer has no verified address. */
  identify: (granted: Granted) => Promise<Outsider | undefined>
}

type Granted = {
  configuration: Configuration
  tokens: Awaited<ReturnType<Awaited<ReturnType<typeof openidClient>>['authorizationCodeGrant']>>
}

const timeoutSeconds = 10

/** Any issuer that supports OpenID Connect. */
function openId(title: string, issuer: string): Issuer {
  return {
    title,
    scope: 'openid email profile',
    async discover({ clientId }, auth) {
      const { discovery, allowInsecureRequests } = await openidClient()
      const at = (url: URL) => {
        const insecure = url.protocol === 'http:' && isLoopbackUrl(url)
        return discovery(url, clientId, undefined, auth, {
          timeout: timeoutSeconds,
          ...(insecure && { execute: [allowInsecureRequests] }),
        })
      }
      // Settings drop the trailing slash that the names of some issuers have.
      return at(new URL(issuer)).catch((error) => {
        if (!isOtherName(error)) throw error
        return at(new URL(`${issuer}/`))
      })
    },
    async identify({ configuration, tokens }) {
      const { fetchUserInfo } = await openidClient()
      const claims = tokens.claims()!
      const complete = claims.email !== undefined && claims.email_verified !== undefined
      const info = complete
        ? claims
        : await fetchUserInfo(configuration, tokens.access_token, claims.sub)
      const { email, email_verified: verified, name, picture } = info
      // Some issuers send it as a string.
      if (String(verified) !== 'true') return undefined
      return outsider({ issuer: claims.iss, subject: claims.sub, email, name, avatarUrl: picture })
    },
  }
}

/** GitHub, or a GitHub Enterprise Server: OAuth without OpenID; its API returns the user. */
function github(url: string | undefined): Issuer {
  const base = url ?? 'https://github.com'
  const api = url === undefined ? 'https://api.github.com' : `${url}/api/v3`
  const get = async ({ configuration, tokens }: Granted, path: string) => {
    const { fetchProtectedResource } = await openidClient()
    const target = new URL(api + path)
    const answer = await fetchProtectedResource(configuration, tokens.access_token, target, 'GET')
    if (!answer.ok) throw new Error('unexpected HTTP response status code', { cause: answer })
    return answer.json()
  }
  return {
    title: 'GitHub',
    scope: 'read:user user:email',
    async discover({ clientId }, auth) {
      const { Configuration, allowInsecureRequests } = await openidClient()
      const metadata = {
        // The issuer that GitHub sends in its redirects.
        issuer: `${base}/login/oauth`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        authorization_endpoint: `${base}/login/oauth/authorize`,
        token_endpoint: `${base}/login/oauth/access_token`,
      }
      const made = new Configuration(metadata, clientId, undefined, auth)
      made.timeout = timeoutSeconds
      if (base.startsWith('http:')) allowInsecureRequests(made)
      return made
    },
    async identify(granted) {
      const [person, addresses] = (await Promise.all([
        get(granted, '/user'),
        get(granted, '/user/emails?per_page=100'),
      ])) as [Partial<Person>, EmailAddress[]]
      const address = addresses.find(({ primary, verified }) => primary && verified)
      if (!address || !Number.isSafeInteger(person.id)) return undefined
      return outsider({
        issuer: base,
        subject: String(person.id),
        email: address.email,
        name: person.name || person.login,
        avatarUrl: person.avatar_url,
      })
    },
  }
}

type Person = { id: number; login: string; name: string | null; avatar_url: string }
type EmailAddress = { email: string; primary: boolean; verified: boolean }

const [subjectMax, nameMax, urlMax] = [255, 255, 2048]
const emailPattern = /^[^\s@<>\0]{1,64}@[a-z\d.-]{1,189}$/i

/**
 * Converts an issuer's profile to a storable form.
 * Contract: undefined without a unique user or a verified address.
 */
function outsider({ issuer, subject, email, name, avatarUrl }: Claimed): Outsider | undefined {
  if (typeof subject !== 'string' || !/^[\x20-\x7e]+$/.test(subject)) return undefined
  if (typeof email !== 'string' || !emailPattern.test(email)) return undefined
  if (subject.length > subjectMax) return undefined
  const called =
    typeof name === 'string'
      ? name
          .replace(/\p{Cc}+/gu, ' ')
          .trim()
          .slice(0, nameMax)
      : ''
  const isPicture = typeof avatarUrl === 'string' && /^https?:\/\/[^\s\0]+$/.test(avatarUrl)
  return {
    issuer,
    subject,
    email,
    name: called.toWellFormed() || email,
    avatarUrl: isPicture && avatarUrl.length <= urlMax ? avatarUrl : undefined,
  }
}

type Claimed = { issuer: string } & Record<'subject' | 'email' | 'name' | 'avatarUrl', unknown>

function issuerOfProvider(config: Config, provider: string): Issuer | undefined {
  if (provider === 'google') return openId('Google', 'https://accounts.google.com')
  if (provider === 'github') return github(config.AUTH_GITHUB_URL)
  if (provider === 'oidc') return openId('OIDC', config.AUTH_OIDC_ISSUER ?? '')
  return undefined
}

function clientSettings(config: Config, provider: string): Settings | undefined {
  const name = provider.toUpperCase() as 'GOOGLE' | 'GITHUB' | 'OIDC'
  const [clientId, clientSecret] = [
    config[`AUTH_${name}_CLIENT_ID`],
    config[`AUTH_${name}_CLIENT_SECRET`],
  ]
  if (clientId === undefined || clientSecret === undefined) return undefined
  if (provider === 'oidc' && config.AUTH_OIDC_ISSUER === undefined) return undefined
  const redirectUri =
    config[`AUTH_${name}_REDIRECT_URI`] ?? `${config.AUTH_BASE_URL}/v1/auth/callback/${provider}`
  return { clientId, clientSecret, redirectUri, domains: config[`AUTH_${name}_ALLOWED_DOMAINS`] }
}

const providers = ['google', 'github', 'oidc']

/** Sign-in with an external account: authorization code with PKCE, state, nonce with id tokens. */
export type OAuth = {
  /** The configured providers. */
  providers: string[]
  /**
   * The address to redirect the browser to.
   * Contract: throws 401 if not configured, 503 if the issuer is unreachable.
   */
  begin: (provider: string, state: string) => Promise<URL>
  /** The user that returned to `url` with a verified state. Contract: throws 401 or 503. */
  finish: (provider: string, url: URL, state: string) => Promise<ReturnedUser>
}

export function createOAuth(config: Config, tokens: Tokens, log: Log): OAuth {
  const found = new Map<string, Promise<Known>>()
  const isOn = config.AUTH_MODE === 'full'

  /** Returns the issuer's published metadata, read once; retried after a failure. */
  async function knownOf(provider: string): Promise<Known> {
    const issuer = issuerOfProvider(config, provider)
    if (!issuer) throw new ApiError('oauth_provider_unknown')
    const settings = isOn ? clientSettings(config, provider) : undefined
    if (!settings) throw new ApiError('oauth_not_configured', issuer.title)
    const asked = found.get(provider) ?? meet(issuer, settings)
    found.set(provider, asked)
    return asked.catch((error) => {
      if (found.get(provider) === asked) found.delete(provider)
      log.warn('an issuer cannot be reached', { provider, reason: causeOf(error) })
      throw new ApiError('oauth_unavailable', issuer.title)
    })
  }

  /** Neither is stored: both are derived from the state with a secret of this installation. */
  const verifierOf = (state: string) => tokens.derive('pkce', state)
  const nonceOf = (state: string) => tokens.derive('nonce', state)

  return {
    providers: isOn ? providers.filter((provider) => clientSettings(config, provider)) : [],
    async begin(provider, state) {
      const { issuer, settings, configuration } = await knownOf(provider)
      const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await openidClient()
      return buildAuthorizationUrl(configuration, {
        redirect_uri: settings.redirectUri,
        scope: issuer.scope,
        state,
        code_challenge: await calculatePKCECodeChallenge(verifierOf(state)),
        code_challenge_method: 'S256',
        ...(isOpenId(issuer) && { nonce: nonceOf(state) }),
      })
    },
    async finish(provider, url, state) {
      const known = await knownOf(provider)
      const { title } = known.issuer
      const outsider = await identify(known, url, state).catch((error) => {
        log.warn('a sign-in with an external account failed', { provider, reason: causeOf(error) })
        throw new ApiError(isAway(error) ? 'oauth_unavailable' : 'oauth_failed', title)
      })
      if (!outsider) {
        log.warn('a sign-in with an external account failed', {
          provider,
          reason: 'no verified address',
        })
        throw new ApiError('oauth_failed', title)
      }
      return { ...outsider, domains: known.settings.domains }
    },
  }

  async function identify(
    { issuer, settings, configuration, secret }: Known,
    url: URL,
    state: string,
  ) {
    const { authorizationCodeGrant } = await openidClient()
    const returned = new URL(settings.redirectUri)
    returned.search = url.search
    const grant = () =>
      authorizationCodeGrant(configuration, returned, {
        pkceCodeVerifier: verifierOf(state),
        expectedState: state,
        ...(isOpenId(issuer) && { expectedNonce: nonceOf(state), idTokenExpected: true }),
      })
    const form = secret.form(configuration)
    const granted = await grant().catch((error) => {
      if (!isStranger(error) || !secret.change(configuration, form)) throw error
      return grant()
    })
    return issuer.identify({ configuration, tokens: granted })
  }
}

/** An issuer with its metadata. */
type Known = { issuer: Issuer; settings: Settings; configuration: Configuration; secret: Secret }

async function meet(issuer: Issuer, settings: Settings): Promise<Known> {
  const secret = await createSecret(settings.clientSecret)
  const configuration = await issuer.discover(settings, secret.auth)
  return { issuer, settings, configuration, secret }
}

type Form = 'client_secret_post' | 'client_secret_basic'

/** How the client secret is sent. An issuer supports two forms, but may accept only one. */
type Secret = {
  auth: ClientAuth
  form: (configuration: Configuration) => Form
  /** Contract: false when the issuer supports no other form than `failed`. */
  change: (configuration: Configuration, failed: Form) => boolean
}

async function createSecret(secret: string): Promise<Secret> {
  const { ClientSecretBasic, ClientSecretPost } = await openidClient()
  const ways = {
    client_secret_post: ClientSecretPost(secret),
    client_secret_basic: ClientSecretBasic(secret),
  }
  let chosen: Form | undefined
  const formsOf = (metadata: { token_endpoint_auth_methods_supported?: string[] }) => {
    const listed = metadata.token_endpoint_auth_methods_supported ?? []
    const forms = (Object.keys(ways) as Form[]).filter((form) => listed.includes(form))
    return forms.length > 0 ? forms : (['client_secret_basic'] as const)
  }
  return {
    auth: (server, ...more) => ways[chosen ?? formsOf(server)[0]!](server, ...more),
    form: (configuration) => chosen ?? formsOf(configuration.serverMetadata())[0]!,
    change(configuration, failed) {
      const other = formsOf(configuration.serverMetadata()).find((form) => form !== failed)
      chosen = other ?? chosen
      return other !== undefined
    },
  }
}

const isOpenId = ({ scope }: Issuer) => scope.startsWith('openid ')

/** The fields of an error, of the client or the network, whose values have a fixed meaning. */
type OAuthFailure = { code?: unknown; error?: unknown; status?: unknown; cause?: unknown }

const isOtherName = ({ code }: OAuthFailure) => code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'

/** True when the issuer rejected this client's credentials. */
const isStranger = ({ error, status }: OAuthFailure) =>
  status === 401 || (status !== undefined && error === 'invalid_client')

/** True when the request may be valid, but the issuer did not answer. */
function isAway(failure: OAuthFailure): boolean {
  const { code, status, cause } = failure
  if (failure instanceof TypeError && cause instanceof Error) return true
  const answered = cause instanceof Response ? cause.status : status
  return code === 'OAUTH_TIMEOUT' || (typeof answered === 'number' && answered >= 500)
}

/**
 * Returns the cause of a failure for the log.
 * Contract: short words and numbers, no third-party text.
 */
function causeOf({ code, error, status, cause }: OAuthFailure): string {
  const below = cause instanceof Response ? [cause.status] : reasonsBelow(cause ?? {})
  const words = [code, error, status, ...below].map((word) => String(word ?? ''))
  return [...new Set(words.filter((word) => /^[\w.-]{1,64}$/.test(word)))].join(' ') || 'unknown'
}

/**
 * Returns the cause from the network, a challenge, or a response with an error despite its status
 * 200.
 */
function reasonsBelow(cause: unknown): unknown[] {
  if (Array.isArray(cause)) return cause.map(({ parameters }) => parameters?.error)
  const { code, cause: deeper } = cause as OAuthFailure
  const { body } = (deeper ?? {}) as { body?: OAuthFailure }
  return [code, body?.error]
}
