/** An OpenID Connect issuer on loopback, and a browser that signs in there. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import Provider, { type Configuration, errors } from 'oidc-provider'

type Context = Pick<TestContext, 'after'>

export const clientId = 'outlast'
export const clientSecret = 'the-secret-of-our-client-0123456789'

/** A user of the issuer. */
export type Account = { email?: string; email_verified?: boolean; name?: string }

export type Door = { url: string; leave: () => void; comeBack: () => void }

/** Listens on a loopback port. Between `leave` and `comeBack` it refuses connections. */
export async function openDoor(
  t: Context,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Door> {
  const server = createServer(handle)
  const sockets = new Set<Socket>()
  let isAway = false
  server.on('connection', (socket) => {
    if (isAway) return void socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const url = await listen(server)
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url,
    leave() {
      isAway = true
      for (const socket of sockets) socket.destroy()
    },
    comeBack() {
      isAway = false
    },
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type IssuerOptions = {
  redirectUris: string[]
  /** Path at the end of the issuer's name. */
  path?: string
  /** The only accepted form of the client secret. */
  secretForm?: 'client_secret_basic' | 'client_secret_post'
  /** Puts the user's claims into the id token instead of the userinfo response. */
  claimsInToken?: boolean
}

/** Starts the issuer. Tests add users to `accounts`; `handedOut` has every code and token. */
export async function startIssuer(t: Context, options: IssuerOptions) {
  const accounts = new Map<string, Account>()
  const handedOut: string[] = []
  let answer = (_request: IncomingMessage, response: ServerResponse) => void response.end()
  const door = await openDoor(t, (request, response) => answer(request, response))
  const issuer = door.url + (options.path ?? '')
  const provider = new Provider(issuer, configurationOf(options, accounts))
  const serve = provider.callback()
  answer = (request, response) => {
    const { url = '/' } = request
    if (url.startsWith('/interaction/')) return void interact(provider, request, response)
    const mount = new URL(issuer).pathname.replace(/\/$/, '')
    request.url = url.startsWith(mount) ? url.slice(mount.length) : url
    return void serve(Object.assign(request, { baseUrl: mount, originalUrl: url }), response)
  }
  provider.on('grant.success', ({ body }) => {
    const { access_token, id_token } = body as Record<string, string>
    handedOut.push(access_token!, id_token!)
  })
  provider.on('authorization.success', (_context, response) => {
    if (typeof response?.code === 'string') handedOut.push(response.code)
  })
  return { ...door, issuer, accounts, handedOut }
}

export type Issuer = Awaited<ReturnType<typeof startIssuer>>

const scopes = { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] }

function configurationOf(options: IssuerOptions, accounts: Map<string, Account>): Configuration {
  const { redirectUris, secretForm = 'client_secret_post', claimsInToken = false } = options
  return {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: redirectUris,
        token_endpoint_auth_method: secretForm,
      },
    ],
    claims: scopes,
    conformIdTokenClaims: !claimsInToken,
    cookies: { keys: ['a key of the test issuer'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    pkce: { required: () => true },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    findAccount: (_context, sub) => {
      const account = accounts.get(sub)
      return account && { accountId: sub, claims: () => ({ sub, ...account }) }
    },
  }
}

/** The page on which the user signs in and consents or declines. */
async function interact(provider: Provider, request: IncomingMessage, response: ServerResponse) {
  try {
    const { prompt, session, params } = await provider.interactionDetails(request, response)
    if (request.method !== 'POST') return void response.end(prompt.name)
    const form = new URLSearchParams(await text(request))
    if (form.has('decline')) {
      const declined = { error: 'access_denied', error_description: 'declined' }
      return await provider.interactionFinished(request, response, declined)
    }
    if (prompt.name === 'login') {
      const login = { accountId: form.get('account') ?? '' }
      return await provider.interactionFinished(request, response, { login })
    }
    const grant = new provider.Grant({
      accountId: session!.accountId,
      clientId: String(params.client_id),
    })
    grant.addOIDCScope(String(params.scope))
    const consent = { grantId: await grant.save() }
    await provider.interactionFinished(request, response, { consent })
  } catch (error) {
    response.statusCode = error instanceof errors.OIDCProviderError ? error.statusCode : 500
    response.end(String(error))
  }
}

export const challengeOf = (verifier: string) =>
  createHash('sha256').update(verifier).digest('base64url')
