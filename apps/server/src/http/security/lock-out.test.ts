/** Password guessing: the responses, and the limit of attempts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus, registerPerson, signInAdmin, startGuarded } from '../../../test/access.ts'
import { beforeAll } from '../../../test/hooks.ts'

const attempts = 10

let server: Awaited<ReturnType<typeof startGuarded>>
let node: typeof server

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  node = await startGuarded(t as TestContext, { databaseUrl: server.databaseUrl })
})

const login = (email: string, password: string, at = server) =>
  at.call('POST', '/v1/auth/login', { email, password })

test('an unknown e-mail and a wrong password get the same answer, to the byte', async () => {
  const { email } = await registerPerson(server)
  const texts = await Promise.all(
    [email, 'nobody@example.com', 'admin@example.com', 'no address'].map(async (given) => {
      const response = await fetch(`${server.url}/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-request-id': 'same' },
        body: JSON.stringify({ email: given, password: 'a wrong password' }),
      })
      const headers = [...response.headers].filter(([name]) => name !== 'date')
      return JSON.stringify([response.status, headers, await response.text()])
    }),
  )
  assert.match(texts[0]!, /^\[401,/)
  assert.deepEqual(new Set(texts).size, 1)
})

for (const known of [true, false]) {
  test(`after ten wrong passwords an ${known ? 'account' : 'unknown e-mail'} is locked, on all nodes`, async () => {
    const person = await registerPerson(server)
    const email = known ? person.email : 'nobody-else@example.com'
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const at = attempt % 2 === 0 ? server : node
      expectStatus(await login(email, `wrong ${attempt}`, at), 401, 'invalid_login')
    }
    for (const at of [server, node]) {
      for (const spelling of [email, email.toUpperCase(), ` ${email} `]) {
        const answer = await login(spelling, person.password, at)
        const { error } = expectStatus(answer, 429, 'too_many_attempts')
        const seconds = Number(answer.headers.get('retry-after'))
        assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 1_800, String(seconds))
        assert.equal(error, `Too many attempts. Try again in ${seconds} s.`)
      }
    }
    // A user with a valid sign-in and other accounts are not locked out.
    expectStatus(await person.call('GET', '/v1/auth/me'), 200)
    await signInAdmin(server)
  })
}

test('a correct password resets the count of attempts', async () => {
  const { email, password } = await registerPerson(server)
  for (let round = 0; round < 2; round++) {
    for (let attempt = 1; attempt < attempts; attempt++) {
      expectStatus(await login(email, 'a wrong password'), 401, 'invalid_login')
    }
    expectStatus(await login(email, password, node), 200)
  }
})

test('ten guesses at once are ten guesses', async () => {
  const { email } = await registerPerson(server)
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, n) => login(email, `wrong ${n}`, n % 2 === 0 ? server : node)),
  )
  const refused = answers.filter(({ status }) => status === 429)
  assert.equal(refused.length, 16 - attempts)
})

test('a wrong current password is a guess too', async () => {
  const person = await registerPerson(server)
  const change = { current_password: 'a wrong password', new_password: 'quite another one' }
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const answer = await person.call('POST', '/v1/auth/password', change)
    expectStatus(answer, 401, 'invalid_login')
  }
  const answer = await person.call('POST', '/v1/auth/password', change)
  expectStatus(answer, 429, 'too_many_attempts')
  expectStatus(await login(person.email, person.password), 429, 'too_many_attempts')
})
