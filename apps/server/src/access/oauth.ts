import type { Configuration } from 'openid-client'
import { type Config, isLoopback } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Tokens } from './tokens.ts'

/** Loaded with the first sign-in elsewhere. */
const openidClient = () => import('openid-client')

/** Who somebody is, as an issuer says. The address is verified. */
export type Outsider = {
  subject: string
  email: string
  name: string
  avatarUrl: string | undefined
}

type Settings = { clientId: string; clientSecret: string; redirectUri: string; domains: string[] }

type Issuer = {
  title: string
  scope: string
  discover: (settings: Settings) => Promise<Configuration>
  /** Contract: undefined when the issuer does not vouch for an address. */
  identify: (granted: Granted) => Promise<Outsider | undefined>
}

type Granted = {
  configuration: Configuration
  tokens: Awaited<ReturnType<Awaited<ReturnType<typeof openidClient>>['authorizationCodeGrant']>>
}

const timeoutSeconds = 10

/** Any issuer that follows OpenID Connect. */
function openId(title: string, issuer: string): Issuer {
  return {
    title,
    scope: 'openid email profile',
    async discover({ clientId, clientSecret }) {
      const { discovery, allowInsecureRequests } = await openidClient()
      const url = new URL(issuer)
      const insecure = url.protocol === 'http:' && isLoopback(url.hostname)
      return discovery(url, clientId, clientSecret, undefined, {
        timeout: timeoutSeconds,
        ...(insecure && { execute: [allowInsecureRequests] }),
      })
    },
    async identify({ configuration, tokens }) {
      const { fetchUserInfo } = await openidClient()
      const claims = tokens.claims()!
      const complete = claims.email !== undefined
      const info = complete
        ? claims
        : await fetchUserInfo(configuration, tokens.access_token, claims.sub)
      const { email, email_verified: verified, name, picture } = info
      if (typeof email !== 'string' || verified !== true) return undefined
      return {
        subject: claims.sub,
        email,
        name: typeof name === 'string' && name !== '' ? name : email,
        avatarUrl: typeof picture === 'string' ? picture : undefined,
      }
    },
  }
}

/** GitHub, or a GitHub Enterprise Server: OAuth without OpenID, the person behind its API. */
function github(url: string | undefined): Issuer {
  const base = url ?? 'https://github.com'
  const api = url === undefined ? 'https://api.github.com' : `${url}/api/v3`
  const get = async ({ configuration, tokens }: Granted, path: string) => {
    const { fetchProtectedResource } = await openidClient()
    const target = new URL(api + path)
    const answer = await fetchProtectedResource(configuration, tokens.access_token, target, 'GET')
    if (!answer.ok) throw new Error(`GitHub answered ${answer.status} at ${path}`)
    return answer.json()
  }
  return {
    title: 'GitHub',
    scope: 'read:user user:email',
    async discover({ clientId, clientSecret }) {
      const { Configuration, allowInsecureRequests, ClientSecretPost } = await openidClient()
      const metadata = {
        issuer: base,
        authorization_endpoint: `${base}/login/oauth/authorize`,
        token_endpoint: `${base}/login/oauth/access_token`,
      }
      const made = new Configuration(metadata, clientId, undefined, ClientSecretPost(clientSecret))
      made.timeout = timeoutSeconds
      if (base.startsWith('http:')) allowInsecureRequests(made)
      return made
    },
    async identify(granted) {
      type Person = { id: number; login: string; name: string | null; avatar_url?: string }
      type Address = { email: string; primary: boolean; verified: boolean }
      const [person, addresses] = (await Promise.all([
        get(granted, '/user'),
        get(granted, '/user/emails'),
      ])) as [Person, Address[]]
      const address = addresses.find(({ primary, verified }) => primary && verified)
      if (!address) return undefined
      return {
        subject: String(person.id),
        email: address.email,
        name: person.name || person.login,
        avatarUrl: person.avatar_url,
      }
    },
  }
}

function issuerOf(config: Config, provider: string): Issuer | undefined {
  if (provider === 'google') return openId('Google', 'https://accounts.google.com')
  if (provider === 'github') return github(config.AUTH_GITHUB_URL)
  if (provider === 'oidc') return openId('OIDC', config.AUTH_OIDC_ISSUER ?? '')
  return undefined
}

function settingsOf(config: Config, provider: string): Settings | undefined {
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

/** Sign-in with somebody else's account: authorization code with PKCE, a state, and a nonce where there is an id token. */
export type OAuth = {
  /** What is configured. */
  providers: string[]
  /** Where to send the browser. Contract: throws 401 for what is not configured, 503 when the issuer is away. */
  begin: (provider: string, state: string) => Promise<URL>
  /** Who came back to `url`, whose state is known to be good. Contract: throws 401, 403 or 503. */
  finish: (provider: string, url: URL, state: string) => Promise<Outsider>
}

export function createOAuth(config: Config, tokens: Tokens): OAuth {
  const found = new Map<string, Promise<Configuration>>()

  function known(provider: string) {
    const issuer = issuerOf(config, provider)
    if (!issuer) throw new ApiError('oauth_provider_unknown')
    const settings = settingsOf(config, provider)
    if (!settings) throw new ApiError('oauth_not_configured', issuer.title)
    return { issuer, settings }
  }

  /** What the issuer publishes of itself, read once; again when that failed. */
  async function configurationOf(provider: string) {
    const { issuer, settings } = known(provider)
    const asked = found.get(provider) ?? issuer.discover(settings)
    found.set(provider, asked)
    return asked.catch(() => {
      found.delete(provider)
      throw new ApiError('oauth_unavailable', issuer.title)
    })
  }

  /** Neither is stored: both follow from the state, for us alone. */
  const verifierOf = (state: string) => tokens.derive('pkce', state)
  const nonceOf = (state: string) => tokens.derive('nonce', state)

  return {
    providers: providers.filter((provider) => settingsOf(config, provider)),
    async begin(provider, state) {
      const { issuer, settings } = known(provider)
      const configuration = await configurationOf(provider)
      const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await openidClient()
      return buildAuthorizationUrl(configuration, {
        redirect_uri: settings.redirectUri,
        scope: issuer.scope,
        state,
        code_challenge: await calculatePKCECodeChallenge(verifierOf(state)),
        code_challenge_method: 'S256',
        ...(issuer.scope.includes('openid') && { nonce: nonceOf(state) }),
      })
    },
    async finish(provider, url, state) {
      const { issuer, settings } = known(provider)
      const configuration = await configurationOf(provider)
      const outsider = await identify(configuration, { issuer, settings, url, state }).catch(() => {
        throw new ApiError('oauth_failed', issuer.title)
      })
      const domain = outsider?.email.split('@').at(-1)?.toLowerCase() ?? ''
      if (!outsider) throw new ApiError('oauth_failed', issuer.title)
      if (settings.domains.length > 0 && !settings.domains.includes(domain)) {
        throw new ApiError('email_not_allowed')
      }
      return outsider
    },
  }

  async function identify(
    configuration: Configuration,
    {
      issuer,
      settings,
      url,
      state,
    }: { issuer: Issuer; settings: Settings; url: URL; state: string },
  ) {
    const { authorizationCodeGrant } = await openidClient()
    const returned = new URL(settings.redirectUri)
    returned.search = url.search
    const isOpenId = issuer.scope.includes('openid')
    const granted = await authorizationCodeGrant(configuration, returned, {
      pkceCodeVerifier: verifierOf(state),
      expectedState: state,
      ...(isOpenId && { expectedNonce: nonceOf(state), idTokenExpected: true }),
    })
    return issuer.identify({ configuration, tokens: granted })
  }
}
