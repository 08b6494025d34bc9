/** Sign-up and sign-in, also where they are refused. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt, SignJWT } from 'jose'
import pg from 'pg'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import type { HttpAnswer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'

const secret = 'a secret of this test, longer than 32 characters'
const pauseMs = 20

let server: Awaited<ReturnType<typeof startGuarded>>
let number = 0

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, { env: { AUTH_JWT_SECRET: secret } })
})

function newEmail() {
  number += 1
  return `somebody${number}@example.com`
}
const register = (fields: object) =>
  server.call('POST', '/v1/auth/register', { name: 'Somebody', ...fields })
const login = (email: string, password: string) =>
  server.call('POST', '/v1/auth/login', { email, password })
const refresh = (refresh_token: string) =>
  server.call('POST', '/v1/auth/refresh', { refresh_token })
const withToken = (token: string) => callerWith(server.url, `Bearer ${token}`)('GET', '/v1/auth/me')

async function untilRefused(call: () => Promise<HttpAnswer>) {
  for (;;) {
    const answer = await call()
    if (answer.status === 401) return answer
    await sleep(pauseMs)
  }
}

async function query(text: string) {
  const client = new pg.Client({ connectionString: server.databaseUrl })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('a refresh token that is shown twice ends the whole sign-in', async () => {
  const person = await registerPerson(server)
  const { refresh_token: first } = person.tokens
  const second = expectStatus(await refresh(first), 200)
  assert.notEqual(second.refresh_token, first)
  expectStatus(await withToken(second.access_token), 200)
  expectStatus(await refresh(first), 401, 'invalid_refresh_token')
  for (const token of [second.access_token, person.tokens.access_token]) {
    expectStatus(await untilRefused(() => withToken(token)), 401, 'invalid_token')
  }
  expectStatus(await refresh(second.refresh_token), 401, 'invalid_refresh_token')
  const again = expectStatus(await login(person.email, person.password), 200)
  const call = callerWith(server.url, `Bearer ${again.access_token}`)
  const { data } = expectStatus(await call('GET', '/v1/audit-log'), 200)
  assert.ok(data.some(({ action }: { action: string }) => action === 'refresh_token_reused'))
})

test('of one refresh token shown many times at once, exactly one use wins', async () => {
  const person = await registerPerson(server)
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => refresh(person.tokens.refresh_token)),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [200, ...Array.from({ length: 7 }, () => 401)])
  const won = answers.find(({ status }) => status === 200)!.body
  expectStatus(await untilRefused(() => withToken(won.access_token)), 401, 'invalid_token')
})

test('a refresh token that is over, or is none, is refused', async () => {
  const person = await registerPerson(server)
  const claims = decodeJwt(person.tokens.refresh_token)
  const sign = (change: object, key = secret) =>
    new SignJWT({ ...claims, ...change })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .sign(Buffer.from(key))
  const now = Math.floor(Date.now() / 1000)
  const over = await refresh(await sign({ exp: now - 1 }))
  expectStatus(over, 401, 'refresh_token_expired')
  const elsewhere = await sign({ exp: now - 1 }, 'b'.repeat(40))
  for (const wrong of [elsewhere, person.tokens.access_token, 'nonsense', 'a'.repeat(4_096)]) {
    expectStatus(await refresh(wrong), 401, 'invalid_refresh_token')
  }
  expectStatus(await refresh('a'.repeat(4_097)), 400, 'invalid_request')
  expectStatus(await refresh(''), 400, 'invalid_request')
  expectStatus(await server.call('POST', '/v1/auth/refresh'), 401, 'invalid_refresh_token')
  await runSql(
    server.databaseUrl,
    `update logins set expires_at = now() - interval '1 second' where id = '${claims.sid}'`,
  )
  expectStatus(await refresh(person.tokens.refresh_token), 401, 'invalid_refresh_token')
})

test('a browser refreshes by its cookie, without a body', async () => {
  const person = await registerPerson(server)
  const cookie = `refresh_token=${person.tokens.refresh_token}`
  const foreign = { cookie, origin: 'https://evil.example' }
  const refused = await server.call('POST', '/v1/auth/refresh', undefined, foreign)
  expectStatus(refused, 403, 'origin_not_allowed')
  const answer = await server.call('POST', '/v1/auth/refresh', undefined, {
    cookie,
    origin: server.url,
  })
  const { access_token } = expectStatus(answer, 200)
  expectStatus(await withToken(access_token), 200)
  assert.equal(answer.headers.getSetCookie().length, 2)
})

const easy: Record<string, (email: string) => string> = {
  'too short': () => 'seven77',
  empty: () => '',
  'too long': () => 'long password '.repeat(10),
  common: () => 'password1',
  'common in capitals': () => 'Password1',
  'one letter': () => 'aaaaaaaaaaaa',
  'three letters': () => 'abcabcabcabc',
  'common with digits and signs around it': () => '!Password123!',
  'common with signs for letters': () => 'P@$$w0rd2026',
  'common twice': () => 'dragonDragon',
  'a season and a year': () => 'Summer2026!',
  'a row of the keyboard': () => 'sdfghjkl',
  'a row of the keyboard backwards': () => 'poiuytrewq',
  'a walk over the keyboard': () => '1q2w3e4r5t',
  'runs side by side': () => 'abcd1234',
  'a run around another one': () => 'qwe123qwe',
  'a run with letters before it': () => 'Aa123456',
  'columns of the keyboard': () => 'zaq12wsx',
  'a first name with a number': () => 'Brandon1',
  'a team with a number': () => 'steelers7',
  'a word of another language': () => 'motdepasse',
  'the alphabet with a number': () => 'abcdefghij99',
  'a date': () => '19840512',
  'a short text again and again': () => 'xk7pxk7pxk7p',
  'the product': () => 'Outlast2026',
  'the name in the e-mail with a number': (email) => `${email.split('@')[0]!}!1`,
  'the e-mail': (email) => email,
  'the e-mail in capitals': (email) => email.toUpperCase(),
  'the name in the e-mail': (email) => email.split('@')[0]!,
  NUL: () => 'a password \0 with NUL',
}

for (const [name, passwordOf] of Object.entries(easy)) {
  test(`a password that is ${name} is refused`, async () => {
    const email = newEmail()
    const password = passwordOf(email)
    const answer = await register({ email, password })
    const { details, error } = expectStatus(answer, 400, 'invalid_request')
    assert.equal(details[0].path, 'password')
    assert.ok(password === '' || !JSON.stringify({ error, details }).includes(password))
    expectStatus(await login(email, password || 'x'), name === 'NUL' ? 400 : 401)
  })
}

for (const good of [
  'correct horse battery',
  'x9-Rk2!vqLm',
  'mein Pferd kann Seife',
  '748201936274',
]) {
  test(`a password that takes long to guess is accepted: ${good}`, async () => {
    expectStatus(await register({ email: newEmail(), password: good }), 201)
  })
}

const addresses = [
  '',
  'somebody',
  '@example.com',
  'somebody@',
  'some body@example.com',
  'some@body@example.com',
  'somebody@exam ple.com',
  'somebody@example.com\r\nBcc: all@example.com',
  'somebody@exämple.com',
  '"somebody"@example.com',
  '<somebody@example.com>',
  'somebody@example.com,other@example.com',
  'somebody@[127.0.0.1]',
  `${'a'.repeat(65)}@example.com`,
  `a@${'b'.repeat(254)}`,
  'some\0body@example.com',
]

for (const [at, email] of addresses.entries()) {
  test(`an e-mail address that is none is refused: ${at + 1}`, async () => {
    expectStatus(await register({ email, password: 'a long password' }), 400, 'invalid_request')
  })
}

test('one address is one person, however it is typed', async () => {
  const email = newEmail()
  const password = 'a long password'
  expectStatus(await register({ email, password }), 201)
  for (const again of [email, email.toUpperCase(), email.replace('s', 'S')]) {
    expectStatus(await register({ email: again, password }), 401, 'email_taken')
    expectStatus(await login(again, password), 200)
  }
  const settings = { email: 'ADMIN@example.com', password }
  expectStatus(await register(settings), 401, 'email_taken')
})

test('an invitation is for one person, once, for some time', async () => {
  const owner = await registerPerson(server)
  const invite = async (email: string) => {
    const answer = await owner.call('POST', `/v1/orgs/${owner.orgId}/invitations`, { email })
    return expectStatus(answer, 201).token as string
  }
  const password = 'a long password'
  const [invited, other, late] = [newEmail(), newEmail(), newEmail()]
  const invitation = await invite(invited)
  const join = (email: string, token: string) => register({ email, password, invitation: token })

  expectStatus(await join(other, invitation), 404, 'not_found')
  expectStatus(await login(other, password), 401, 'invalid_login')
  for (const unknown of ['invite_', `${invitation}x`, invitation.slice(1), 'x'.repeat(200)]) {
    expectStatus(await join(invited, unknown), 404, 'not_found')
  }
  expectStatus(await join(invited, 'x'.repeat(201)), 400, 'invalid_request')
  expectStatus(await join(invited.toUpperCase(), invitation), 201)
  expectStatus(await join(other, invitation), 404, 'not_found')

  const forLate = await invite(late)
  await runSql(
    server.databaseUrl,
    `update invitations set expires_at = now() - interval '1 second' where email = '${late}'`,
  )
  expectStatus(await join(late, forLate), 404, 'not_found')
})

test('a user accepts only an invitation to the own address, once', async () => {
  const [owner, guest, stranger] = [
    await registerPerson(server),
    await registerPerson(server),
    await registerPerson(server),
  ]
  const invitations = `/v1/orgs/${owner.orgId}/invitations`
  const { token } = expectStatus(
    await owner.call('POST', invitations, { email: guest.email, role: 'viewer' }),
    201,
  )
  const accept = (person: typeof guest) => person.call('POST', '/v1/invitations/accept', { token })
  expectStatus(await accept(stranger), 404, 'not_found')
  const key = await createKey(server, stranger)
  expectStatus(await key.call('POST', '/v1/invitations/accept', { token }), 403, 'users_only')
  assert.equal(expectStatus(await accept(guest), 200).role, 'viewer')
  expectStatus(await accept(guest), 404, 'not_found')
  const admin = await addMember(server, owner, 'admin')
  expectStatus(
    await admin.call('POST', invitations, { email: newEmail(), role: 'owner' }),
    403,
    'forbidden',
  )
})

test('nothing under /v1/auth is stored for an Idempotency-Key', async () => {
  const person = await registerPerson(server)
  const headers = { 'idempotency-key': 'the same each time' }
  const { email, password } = person
  const post = (path: string, body?: object) => person.call('POST', path, body, headers)
  const [one, two] = [
    await post('/v1/auth/login', { email, password }),
    await post('/v1/auth/login', { email, password }),
  ]
  assert.notEqual(expectStatus(one, 200).access_token, expectStatus(two, 200).access_token)
  await post('/v1/auth/register', { email: newEmail(), password, name: 'X' })
  await post('/v1/auth/refresh', { refresh_token: one.body.refresh_token })
  await post('/v1/auth/api-keys', { name: 'X' })
  await post(`/v1/orgs/${person.orgId}/invitations`, { email: newEmail() })
  const { id: agent_id } = await createAgent({ call: person.call, url: server.url })
  const session = expectStatus(await post('/v1/sessions', { agent_id }), 201)
  await post(`/v1/sessions/${session.id}/tokens`)
  await post('/v1/auth/password', { current_password: password, new_password: `${password}!` })
  const stored = await query('select path, answer::text from idempotency_keys')
  assert.deepEqual(
    stored.map(({ path }) => path),
    ['/v1/sessions'],
  )
  await post('/v1/auth/logout')
  assert.equal((await query('select 1 from idempotency_keys')).length, 1)
})

test('refuses a request for another user than the signed-in one', async () => {
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const { id } = await createSession({ url: server.url, call: one.call })
  const message = { message: { content: [{ type: 'text', text: 'Hello' }] } }
  const path = `/v1/sessions/${id}/messages`
  for (const named of [other.id, '', 'nobody']) {
    const answer = await one.call('POST', path, message, { 'outlast-user': named })
    expectStatus(answer, 403, 'user_mismatch')
  }
  expectStatus(await one.call('POST', path, message, { 'outlast-user': one.id }), 201)
  const { data } = expectStatus(await one.call('GET', `/v1/sessions/${id}/messages`), 200)
  assert.equal(data.filter(({ role }: { role: string }) => role === 'user').length, 1)
})
