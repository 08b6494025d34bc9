/** An OpenID Connect issuer on loopback whose tokens channels accept. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import Provider from 'oidc-provider'

type Context = Pick<TestContext, 'after'>
type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Listens on a loopback port. `requests` has the path of each request. */
export async function openPort(t: Context, handle: Handler) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  t.after(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close }
}

export const issuerClient = { id: 'outlast', secret: 'the secret & of: the client+%41' }
/** An API for which the issuer makes signed access tokens. */
const api = 'https://api.example.com'

/** A key pair with which a test signs tokens, also such that no issuer would sign. */
export async function newSigner(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
  const about = { kid, alg: 'RS256', use: 'sig' }
  const sign = (claims: JWTPayload, header: object = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, ...header }).sign(privateKey)
  return {
    sign,
    publicJwk: { ...(await exportJWK(publicKey)), ...about },
    privateJwk: { ...(await exportJWK(privateKey)), ...about },
  }
}

/** Starts a real issuer, which signs with the key of `sign`. */
export async function startTokenIssuer(t: Context) {
  let answer: Handler = () => {}
  const port = await openPort(t, (request, response) => answer(request, response))
  const { sign, privateJwk, publicJwk } = await newSigner('key-1')
  const client = {
    client_id: issuerClient.id,
    client_secret: issuerClient.secret,
    redirect_uris: ['https://shop.example.com/cb'],
    token_endpoint_auth_method: 'client_secret_basic' as const,
  }
  const provider = new Provider(port.url, {
    clients: [client],
    jwks: { keys: [privateJwk as never] },
    features: { devInteractions: { enabled: false }, introspection: { enabled: true } },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  })
  answer = provider.callback()

  async function newToken(accountId: string | undefined, isSigned: boolean) {
    const found = (await provider.Client.find(issuerClient.id))!
    const about = { accountId, client: found, scope: 'chat', expiresIn: 600 }
    const token = new provider.AccessToken(about as never)
    if (isSigned) {
      const format = { audience: api, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }
      token.resourceServer = new provider.ResourceServer(api, format as never)
    }
    return { text: await token.save(), revoke: () => token.destroy() }
  }

  return {
    issuer: port.url,
    requests: port.requests,
    close: port.close,
    api,
    publicJwk,
    sign,
    /** A signed access token that the issuer makes. */
    signedToken: async (user: string) => (await newToken(user, true)).text,
    /** An opaque token that only the issuer can read. */
    opaqueToken: (user?: string) => newToken(user, false),
  }
}

export const nowSeconds = () => Math.floor(Date.now() / 1000)
