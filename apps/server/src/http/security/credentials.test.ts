/** Invalid credentials: the response to each form, and secrets that it must not reveal. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose'
import {
  callerWith,
  createKey,
  type Person,
  registerPerson,
  startGuarded,
} from '../../../test/access.ts'
import { runSql } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import type { HttpAnswer } from '../../../test/server.ts'
import { createSession } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

const secret = 'a secret of this test, longer than 32 characters'
const pauseMs = 20

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Person
let other: Person

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, { env: { AUTH_JWT_SECRET: secret } })
  person = await registerPerson(server)
  other = await registerPerson(server)
})

const ask = (authorization: string, more: Record<string, string> = {}) =>
  server.call('GET', '/v1/agents', undefined, { authorization, ...more })

/** A refusal: status and code in JSON, a hint, and neither the credentials nor internals. */
function expectRefusal(answer: HttpAnswer, [status, code]: [number, string], shown?: string) {
  const text = JSON.stringify(answer.body)
  assert.equal(answer.status, status, text)
  assert.equal(answer.body.code, code)
  const fields = ['error', 'code', 'title', 'status', 'detail', 'instance']
  assert.deepEqual(Object.keys(answer.body), fields)
  assert.match(answer.headers.get('content-type')!, /^application\/json/)
  assert.match(answer.headers.get('x-request-id')!, /^[\w.-]+$/)
  assert.equal(
    answer.headers.get('www-authenticate'),
    status === 401 ? 'Bearer realm="outlast"' : null,
  )
  assert.doesNotMatch(text, /\.ts\b|node_modules|\n? +at |jose|JWS|JWT|select |postgres/)
  const everything = text + JSON.stringify([...answer.headers])
  for (const word of (shown ?? '').split(/\s+/).filter(({ length }) => length >= 16)) {
    assert.ok(!everything.includes(word), 'the answer repeats the credential')
  }
}

/** Waits until a credential is refused. */
async function untilRefused(call: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  for (;;) {
    const answer = await call()
    if (answer.status === 401) return answer
    await sleep(pauseMs)
  }
}

const hex = 'ab12'.repeat(16)
const nobody: [number, string] = [401, 'unauthenticated']
const noFormat: [number, string] = [401, 'invalid_api_key_format']
const noKey: [number, string] = [401, 'invalid_api_key']
const noToken: [number, string] = [401, 'invalid_token']

const malformed: Record<string, [authorization: string, refusal: [number, string]]> = {
  nothing: ['', nobody],
  spaces: ['   ', nobody],
  'a scheme alone': ['Bearer', noFormat],
  'a scheme and a space': ['Bearer ', noFormat],
  'two words after the scheme': ['Bearer a b', noFormat],
  'two keys': [`evr_${hex} evr_${hex}`, nobody],
  'a password': ['Basic YWRtaW5AZXhhbXBsZS5jb206c2VjcmV0', nobody],
  'an unknown scheme': [`Digest evr_${hex}`, nobody],
  'raw text': ['letmein', noFormat],
  'raw text with spaces': ['let me in please', noFormat],
  'a key scheme with something else': ['ApiKey letmein', noFormat],
  'a key scheme alone': ['ApiKey', noFormat],
  'the beginning of a key': ['evr_', noFormat],
  'a short key': [`evr_${hex.slice(1)}`, noFormat],
  'a long key': [`evr_${hex}a`, noFormat],
  'a key in upper case': [`EVR_${hex.toUpperCase()}`, noFormat],
  'digits in upper case': [`evr_${hex.toUpperCase()}`, noFormat],
  'a letter that is no digit': [`evr_g${hex.slice(1)}`, noFormat],
  'a letter beyond ASCII': [`evr_é${hex.slice(1)}`, noFormat],
  'a key with a tab': [`evr_${hex}\tx`, noFormat],
  'a key that nobody has': [`evr_${hex}`, noKey],
  'a bearer key that nobody has': [`Bearer evr_${hex}`, noKey],
  'a short bearer key': ['Bearer evr_1', noFormat],
  'a key with quotes': [`"evr_${hex}"`, noFormat],
  'SQL in a key': [`evr_'or'1'='1${hex.slice(11)}`, noFormat],
  '10 KB of key': [`evr_${'a'.repeat(10_240)}`, noFormat],
  '10 KB of token': [`Bearer ${'a'.repeat(10_240)}`, noToken],
  '10 KB of spaces': [`Bearer${' '.repeat(10_240)}a b`, noFormat],
  'a token that is none': ['Bearer letmein-letmein-letmein', noToken],
  'a token of dots': ['Bearer ..', noToken],
  'a token of five parts': ['Bearer a.b.c.d.e', noToken],
  'a token of broken JSON': [`Bearer ${Buffer.from('{').toString('base64url')}.e30.AAAA`, noToken],
  'letters beyond ASCII': ['Bearer ÿþýüûúùø', noToken],
}

for (const [name, [authorization, refusal]] of Object.entries(malformed)) {
  test(`malformed: ${name}`, async () => {
    expectRefusal(await ask(authorization), refusal, authorization)
    const cookie = `access_token=${encodeURIComponent(authorization.slice(0, 4_000))}`
    const asCookie = await server.call('GET', '/v1/agents', undefined, { cookie })
    assert.equal(asCookie.status, 401, 'as a cookie')
  })
}

test('a good cookie does not help a bad header', async () => {
  const cookie = `access_token=${person.tokens.access_token}`
  assert.equal((await server.call('GET', '/v1/agents', undefined, { cookie })).status, 200)
  expectRefusal(await ask('Bearer nonsense', { cookie }), noToken)
})

test('a token in the query is good for streams only, and judged as any other', async () => {
  const session = await createSession({ call: person.call, url: server.url })
  const stream = `/v1/sessions/${session.id}/sse`
  const good = person.tokens.access_token
  expectRefusal(await server.call('GET', `/v1/agents?access_token=${good}`), nobody, good)
  const garbage = 'nonsense-nonsense-nonsense'
  const bad = await server.call('GET', `${stream}?access_token=${garbage}`)
  expectRefusal(bad, noToken, garbage)
  const long = await server.call('GET', `${stream}?access_token=${'a'.repeat(10_240)}`)
  expectRefusal(long, noToken)
  for (const query of ['access_token=', 'access_token', `access_token=${good}&access_token=x`]) {
    expectRefusal(await server.call('GET', `${stream}?${query}`), nobody, good)
  }
})

test('an API key in the query is refused, where a token is accepted', async () => {
  const session = await createSession({ call: person.call, url: server.url })
  const { key } = await createKey(server, person)
  for (const path of [`/v1/sessions/${session.id}/sse`, '/v1/changes']) {
    const answer = await server.call('GET', `${path}?access_token=${key}`)
    expectRefusal(answer, [401, 'key_in_query'], key)
  }
})

test('bytes that no header may hold are no request', async () => {
  for (const bytes of [`evr_\0${hex.slice(1)}`, 'Bearer \x01\x02', 'Bearer \x7f']) {
    const text = await answerTo(`GET /v1/agents HTTP/1.1\r\nHost: x\r\nAuthorization: ${bytes}\r\n`)
    assert.match(text, /^HTTP\/1\.1 40[01] /)
    assert.match(text, /\{"error":".+","code":"(invalid_request|invalid_token)",.+\}$/)
  }
})

test('two Authorization headers are judged by the first', async () => {
  const [good, bad] = [`Authorization: ${person.bearer}\r\n`, 'Authorization: Bearer nonsense\r\n']
  const head = 'GET /v1/agents HTTP/1.1\r\nHost: x\r\n'
  assert.match(await answerTo(`${head}${bad}${good}`), /^HTTP\/1\.1 401 /)
})

/** The response to a request head that ends with `Connection: close`. */
function answerTo(head: string): Promise<string> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname)
    let text = ''
    socket.on('data', (chunk) => (text += chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    socket.write(`${head}Connection: close\r\n\r\n`, 'latin1')
  })
}

test('a key that is over, was revoked or belongs elsewhere opens nothing', async () => {
  const expiring = await createKey(server, person, { expires_in_days: 1 })
  await runSql(
    server.databaseUrl,
    `update api_keys set expires_at = now() - interval '1 second' where id = '${expiring.id}'`,
  )
  expectRefusal(await ask(expiring.key), [401, 'api_key_expired'], expiring.key)

  const revoked = await createKey(server, person)
  assert.equal((await ask(revoked.key)).status, 200)
  const gone = await person.call('DELETE', `/v1/auth/api-keys/${revoked.id}`)
  assert.equal(gone.status, 204)
  expectRefusal(await untilRefused(() => ask(revoked.key)), noKey, revoked.key)

  const living = await createKey(server, person)
  const theirs = { 'x-org-id': other.orgId }
  expectRefusal(await ask(living.key, theirs), [404, 'not_found'], living.key)
  expectRefusal(await ask(person.bearer, theirs), [404, 'not_found'], person.bearer)
  const inQuery = await living.call('GET', `/v1/agents?org_id=${other.orgId}`)
  expectRefusal(inQuery, [404, 'not_found'])
  for (const wrong of ['org_1', 'ORG_', `org_${'A'.repeat(32)}`, 'x'.repeat(5_000)]) {
    const refusal: [number, string] = [401, 'invalid_organization_id']
    expectRefusal(await ask(living.key, { 'x-org-id': wrong }), refusal)
    expectRefusal(await ask(person.bearer, { 'x-org-id': wrong }), refusal)
  }
})

test('an expiry that comes while a key is in use ends it', async () => {
  const key = await eventually(async () => {
    const created = await createKey(server, person, { expires_in_days: 1 })
    await runSql(
      server.databaseUrl,
      `update api_keys set expires_at = now() + interval '5 seconds' where id = '${created.id}'`,
    )
    // On a slow machine it has expired before its first use.
    return (await ask(created.key)).status === 200 ? created : undefined
  })
  expectRefusal(await untilRefused(() => ask(key.key)), [401, 'api_key_expired'], key.key)
})

type Claims = Record<string, unknown>

/** A forged token: the valid claims of `person`, changed. */
const forged = (change: Claims, { key = secret, alg = 'HS256' } = {}) =>
  new SignJWT({ ...decodeJwt(person.tokens.access_token), ...change })
    .setProtectedHeader({ alg, typ: 'JWT' })
    .sign(Buffer.from(key))

const now = () => Math.floor(Date.now() / 1000)
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

const forgeries: Record<string, () => string | Promise<string>> = {
  'alg none': () => new UnsecuredJWT(decodeJwt(person.tokens.access_token)).encode(),
  'alg None, with the good signature': () => replaced(0, part({ alg: 'None', typ: 'JWT' })),
  'no alg': () => replaced(0, part({ typ: 'JWT' })),
  'another key': () => forged({}, { key: 'b'.repeat(40) }),
  'the good key, HS512': () => forged({}, { alg: 'HS512' }),
  'a header that names a key': () =>
    replaced(0, part({ alg: 'HS256', jwk: { k: '', kty: 'oct' } })),
  'a critical header': () => replaced(0, part({ alg: 'HS256', crit: ['x'], x: 1 })),
  'a changed payload': () =>
    replaced(1, part({ ...decodeJwt(person.tokens.access_token), sub: other.id })),
  'no signature': () => replaced(2, ''),
  "another token's signature": () => replaced(2, other.tokens.access_token.split('.')[2]!),
  'a refresh token': () => person.tokens.refresh_token,
  'an access token that says it refreshes': () => forged({ token_type: 'refresh' }),
  'the audience of refresh tokens': () => forged({ aud: 'outlast:refresh' }),
  'the audience of session tokens': () => forged({ aud: 'outlast:grant' }),
  'another issuer': () => forged({ iss: 'https://evil.example' }),
  'no issuer': () => forged({ iss: undefined }),
  'no audience': () => forged({ aud: undefined }),
  expired: () => forged({ exp: now() - 1 }),
  'no expiry': () => forged({ exp: undefined }),
  'not yet good': () => forged({ nbf: now() + 600 }),
  'no subject': () => forged({ sub: undefined }),
  'a subject that is not of the sign-in': () => forged({ sub: other.id }),
  'no sign-in': () => forged({ sid: undefined }),
  'an unknown sign-in': () => forged({ sid: '00000000-0000-7000-8000-000000000000' }),
}

function replaced(at: number, text: string) {
  const parts = person.tokens.access_token.split('.')
  parts[at] = text
  return parts.join('.')
}

for (const [name, forge] of Object.entries(forgeries)) {
  test(`a forged token: ${name}`, async () => {
    const token = await forge()
    expectRefusal(await ask(`Bearer ${token}`), noToken, token)
  })
}

test('forging works as such: with nothing changed the token is good', async () => {
  assert.equal((await ask(`Bearer ${await forged({})}`)).status, 200)
})

test('a session token is no access token, and no other session is its own', async () => {
  const key = await createKey(server, person)
  const session = await createSession({ call: key.call, url: server.url })
  const elsewhere = await createSession({ call: key.call, url: server.url })
  const made = await key.call('POST', `/v1/sessions/${session.id}/tokens`)
  assert.equal(made.status, 201)
  const { token } = made.body
  const call = callerWith(server.url, `Bearer ${token}`)
  assert.equal((await call('GET', `/v1/sessions/${session.id}`)).status, 200)
  expectRefusal(await call('GET', '/v1/agents'), [403, 'users_only'], token)
  const foreign = await call('GET', `/v1/sessions/${elsewhere.id}`)
  expectRefusal(foreign, [404, 'not_found'], token)
  const refreshed = await server.call('POST', '/v1/auth/refresh', { refresh_token: token })
  expectRefusal(refreshed, [401, 'invalid_refresh_token'], token)
  for (const change of [{ session: elsewhere.id }, { access: 'admin' }, { org: other.orgId }]) {
    const parts = token.split('.')
    parts[1] = part({ ...decodeJwt(token), ...change })
    expectRefusal(await ask(`Bearer ${parts.join('.')}`), noToken)
  }
  await person.call('DELETE', `/v1/auth/api-keys/${key.id}`)
  const refused = await untilRefused(() => call('GET', `/v1/sessions/${session.id}`))
  expectRefusal(refused, noToken, token)
})

test('a sign-in that ended by logout is over for all its tokens', async () => {
  const leaving = await registerPerson(server)
  assert.equal((await leaving.call('GET', '/v1/agents')).status, 200)
  assert.equal((await leaving.call('POST', '/v1/auth/logout')).status, 200)
  const refused = await untilRefused(() => ask(leaving.bearer))
  expectRefusal(refused, noToken, leaving.bearer)
  const { refresh_token } = leaving.tokens
  const refreshed = await server.call('POST', '/v1/auth/refresh', { refresh_token })
  expectRefusal(refreshed, [401, 'invalid_refresh_token'], refresh_token)
})

test('refuses the tokens of a deleted account', async () => {
  const registration = { email: 'gone@example.com', password: 'a long password', name: 'Gone' }
  const { body: tokens } = await server.call('POST', '/v1/auth/register', registration)
  await runSql(server.databaseUrl, `delete from users where email = 'gone@example.com'`)
  expectRefusal(await ask(`Bearer ${tokens.access_token}`), noToken, tokens.access_token)
  const { refresh_token } = tokens
  const refreshed = await server.call('POST', '/v1/auth/refresh', { refresh_token })
  expectRefusal(refreshed, [401, 'invalid_refresh_token'], refresh_token)
})
