/**
 * The parts of a GitHub Enterprise Server for a sign-in: no OpenID Connect, the user comes from its
 * API.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { challengeOf, clientId, clientSecret, openDoor } from './issuer.ts'

export type GithubPerson = {
  id: number
  login: string
  name: string | null
  avatar_url: string
  emails: { email: string; primary: boolean; verified: boolean }[]
}

/** Starts the server. Every visitor is `visitor()` and consents. */
export async function startGithub(t: Pick<TestContext, 'after'>, visitor: () => GithubPerson) {
  const codes = new Map<string, { challenge: string; redirectUri: string; person: GithubPerson }>()
  const people = new Map<string, GithubPerson>()
  const handedOut: string[] = []
  const newSecret = () => {
    const secret = randomBytes(20).toString('hex')
    handedOut.push(secret)
    return secret
  }

  function authorize(url: URL, response: ServerResponse) {
    const asked = (name: string) => url.searchParams.get(name) ?? ''
    const isGood = asked('client_id') === clientId && asked('code_challenge_method') === 'S256'
    if (!isGood) return void response.writeHead(400).end()
    const code = newSecret()
    const redirectUri = asked('redirect_uri')
    codes.set(code, { challenge: asked('code_challenge'), redirectUri, person: visitor() })
    const back = new URL(redirectUri)
    back.searchParams.set('code', code)
    back.searchParams.set('state', asked('state'))
    back.searchParams.set('iss', `${door.url}/login/oauth`)
    response.writeHead(302, { location: back.href }).end()
  }

  /** GitHub reports errors with status 200. */
  async function exchange(request: IncomingMessage) {
    const form = new URLSearchParams(await text(request))
    const granted = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret) {
      return { error: 'incorrect_client_credentials' }
    }
    const verifier = form.get('code_verifier') ?? ''
    const fits = granted?.challenge === challengeOf(verifier)
    if (!granted || !fits || form.get('redirect_uri') !== granted.redirectUri) {
      return { error: 'bad_verification_code' }
    }
    const token = newSecret()
    people.set(token, granted.person)
    return { access_token: token, token_type: 'bearer', scope: 'read:user,user:email' }
  }

  const personOf = ({ headers }: IncomingMessage) =>
    people.get(/^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '')

  async function answerOf(request: IncomingMessage, path: string) {
    if (path === '/login/oauth/access_token') return exchange(request)
    const { emails, ...person } = personOf(request) ?? {}
    if (path === '/api/v3/user/emails') return emails
    return path === '/api/v3/user' && emails ? person : undefined
  }

  const door = await openDoor(t, async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://github.invalid')
    if (url.pathname === '/login/oauth/authorize') return authorize(url, response)
    const answer = await answerOf(request, url.pathname)
    response.writeHead(answer === undefined ? 401 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? { message: 'Bad credentials' }))
  })
  return { ...door, handedOut }
}
