import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, caller, type HttpAnswer, type ServerOptions, startServer } from './server.ts'

/** Calls the API with a credential: a key, a token, or any other header. */
export function callerWith(
  url: string,
  authorization: string,
  more: Record<string, string> = {},
): Call {
  const call = caller(url)
  return (method, path, body, headers = {}) =>
    call(method, path, body, { authorization, ...more, ...headers })
}

export const adminEmail = 'admin@example.com'
export const adminPassword = 'correct horse battery'

/** Starts a server with AUTH_MODE=full, on which every caller must authenticate. */
export function startGuarded(t: Pick<TestContext, 'after'>, options: ServerOptions = {}) {
  return startServer(t, {
    ...options,
    env: {
      AUTH_MODE: 'full',
      AUTH_ADMIN_EMAIL: adminEmail,
      AUTH_ADMIN_PASSWORD: adminPassword,
      ...options.env,
    },
  })
}

type Server = { url: string; call: Call }

export function expectStatus(answer: HttpAnswer, status: number, code?: string) {
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  if (code !== undefined) assert.equal(answer.body.code, code)
  return answer.body
}

let people = 0

/** Registers a user with an organization of their own; `call` sends requests as this user. */
export async function registerPerson(server: Server, fields: object = {}) {
  people += 1
  const email = `person${people}@example.com`
  const password = `a long password ${people}`
  const registration = { email, password, name: `Person ${people}`, ...fields }
  const answer = await server.call('POST', '/v1/auth/register', registration)
  const tokens = expectStatus(answer, 201)
  const bearer = `Bearer ${tokens.access_token}`
  const call = callerWith(server.url, bearer)
  const me = expectStatus(await call('GET', '/v1/auth/me'), 200)
  return {
    ...registration,
    tokens,
    bearer,
    call,
    id: me.id as string,
    orgId: me.organization_id as string,
  }
}

export type Person = Awaited<ReturnType<typeof registerPerson>>

/** Signs the settings' administrator in. */
export async function signInAdmin(server: Server) {
  const login = { email: adminEmail, password: adminPassword }
  const tokens = expectStatus(await server.call('POST', '/v1/auth/login', login), 200)
  const bearer = `Bearer ${tokens.access_token}`
  return { tokens, bearer, call: callerWith(server.url, bearer) }
}

/** Creates a key of a user; `call` sends requests with it. */
export async function createKey(server: Server, person: { call: Call }, fields: object = {}) {
  const answer = await person.call('POST', '/v1/auth/api-keys', { name: 'Test', ...fields })
  const { id, key } = expectStatus(answer, 201)
  return { id: id as string, key: key as string, call: callerWith(server.url, key) }
}

/** Adds another user to a user's organization. */
export async function addMember(server: Server, owner: Person, role: string) {
  people += 1
  const email = `person${people}@example.com`
  const invited = await owner.call('POST', `/v1/orgs/${owner.orgId}/invitations`, { email, role })
  const { token } = expectStatus(invited, 201)
  return registerPerson(server, { email, invitation: token })
}

/** Repeats a request until its response has the status; a revocation takes up to half a second. */
export async function untilStatus(ask: () => Promise<HttpAnswer>, status: number) {
  for (;;) {
    const answer = await ask()
    if (answer.status === status) return answer.body
    await sleep(20)
  }
}
