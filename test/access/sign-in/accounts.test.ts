/** The operator disables, signs out and deletes users of any organization. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
  untilStatus,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import type { Call } from '../../../apps/server/test/server.ts'
import { createSession } from '../../../apps/server/test/session.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let operator: Awaited<ReturnType<typeof signInAdmin>>

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  operator = await signInAdmin(server)
})

const accountPath = ({ id }: { id: string }) => `/v1/accounts/${id}`
const read = (call: Call) => call('GET', '/v1/agents')
const login = ({ email, password }: Person) =>
  server.call('POST', '/v1/auth/login', { email, password })
const setDisabled = (person: { id: string }, disabled: boolean, call = operator.call) =>
  call('PATCH', accountPath(person), { disabled })

/** Calls with a user's sign-in and key and with session tokens of each. All of them succeed. */
async function callsOf(person: Person) {
  const key = await createKey(server, person)
  const session = await createSession({ url: server.url, call: person.call })
  const path = `/v1/sessions/${session.id}`
  const withToken = async (call: Call) => {
    const { token } = expectStatus(await call('POST', `${path}/tokens`), 201)
    return () => callerWith(server.url, `Bearer ${token}`)('GET', path)
  }
  const [ofLogin, ofKey] = [await withToken(person.call), await withToken(key.call)]
  const signedIn = [() => read(person.call), ofLogin]
  const byKey = [() => read(key.call), ofKey]
  for (const call of [...signedIn, ...byKey]) expectStatus(await call(), 200)
  return { signedIn, byKey }
}

test('a disabled account loses its sign-ins, keys and session tokens, and cannot sign in', async () => {
  const person = await registerPerson(server)
  const { signedIn, byKey } = await callsOf(person)
  assert.ok(expectStatus(await setDisabled(person, true), 200).disabled_at)
  for (const call of [...signedIn, ...byKey]) await untilStatus(call, 401)
  const { refresh_token } = person.tokens
  expectStatus(await server.call('POST', '/v1/auth/refresh', { refresh_token }), 401)
  expectStatus(await login(person), 401, 'invalid_login')
  const again = { email: person.email, password: person.password, name: 'Again' }
  expectStatus(await server.call('POST', '/v1/auth/register', again), 401, 'email_taken')

  assert.equal(expectStatus(await setDisabled(person, false), 200).disabled_at, null)
  expectStatus(await login(person), 200)
  for (const call of [...signedIn, ...byKey]) assert.equal((await call()).status, 401)
})

test('a disabled account loses its links, also after it is enabled again', async () => {
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  const session = await createSession({ url: server.url, call: owner.call })
  const path = `/v1/sessions/${session.id}`
  const linkOf = async (call: Call) => {
    const { token } = expectStatus(await call('POST', `${path}/shares`, {}), 201)
    return () => callerWith(server.url, `Bearer ${token}`)('GET', path)
  }
  const key = await createKey(server, member)
  const [kept, ...links] = [
    await linkOf(owner.call),
    await linkOf(member.call),
    await linkOf(key.call),
  ]
  expectStatus(await operator.call('DELETE', `${accountPath(member)}/logins`), 204)
  await untilStatus(() => read(member.call), 401)
  for (const link of links) expectStatus(await link(), 200)
  expectStatus(await setDisabled(member, true), 200)
  for (const link of links) await untilStatus(link, 401)
  expectStatus(await setDisabled(member, false), 200)
  expectStatus(await login(member), 200)
  for (const link of links) expectStatus(await link(), 401, 'invalid_token')
  expectStatus(await kept!(), 200)
})

test('ending the sign-ins of an account leaves its keys', async () => {
  const person = await registerPerson(server)
  const { signedIn, byKey } = await callsOf(person)
  expectStatus(await operator.call('DELETE', `${accountPath(person)}/logins`), 204)
  for (const call of signedIn) await untilStatus(call, 401)
  for (const call of byKey) expectStatus(await call(), 200)
  expectStatus(await login(person), 200)
})

test('a deleted account is gone, and its address is free', async () => {
  const person = await registerPerson(server)
  const { signedIn, byKey } = await callsOf(person)
  expectStatus(await operator.call('DELETE', accountPath(person)), 204)
  for (const call of [...signedIn, ...byKey]) await untilStatus(call, 401)
  expectStatus(await operator.call('DELETE', accountPath(person)), 404, 'not_found')
  const found = await operator.call('GET', `/v1/accounts?search=${person.email}`)
  assert.equal(expectStatus(found, 200).total, 0)
  await registerPerson(server, { email: person.email })
})

test('the last owner of an organization with other members can be disabled, not deleted', async () => {
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  expectStatus(await operator.call('DELETE', accountPath(owner)), 409, 'last_owner')
  expectStatus(await setDisabled(owner, true), 200)
  expectStatus(await read(member.call), 200)
})

test('accounts require an operator, and the last administrator cannot be disabled', async () => {
  const person = await registerPerson(server)
  for (const call of [person.call, (await createKey(server, person)).call]) {
    expectStatus(await call('GET', '/v1/accounts'), 403, 'forbidden')
    expectStatus(await setDisabled(person, true, call), 403, 'forbidden')
    expectStatus(await call('DELETE', accountPath(person)), 403, 'forbidden')
  }
  const me = expectStatus(await operator.call('GET', '/v1/auth/me'), 200)
  expectStatus(await setDisabled(me, true), 409, 'account_protected')
  expectStatus(await operator.call('DELETE', accountPath(me)), 409, 'account_protected')
  // A key with the scope admin is not an owner.
  const key = await createKey(server, operator, { scopes: ['admin'] })
  expectStatus(await setDisabled(me, true, key.call), 403, 'forbidden')
  expectStatus(await key.call('DELETE', `${accountPath(me)}/logins`), 403, 'forbidden')
  expectStatus(await setDisabled(person, true, key.call), 200)
})

test("both organizations have the operator's actions in their audit logs", async () => {
  const owner = await registerPerson(server)
  const member = await addMember(server, owner, 'member')
  expectStatus(await setDisabled(member, true), 200)
  for (const call of [owner.call, operator.call]) {
    const { data } = expectStatus(await call('GET', '/v1/audit-log?action=update_account'), 200)
    assert.equal(data[0].target, member.id)
    assert.deepEqual(data[0].details, { email: member.email, disabled: true })
  }
})
