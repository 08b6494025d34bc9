import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../test/access.ts'
import { createAgent, createSession, post } from '../../test/session.ts'
import { follow, framesOf } from '../../test/stream.ts'

async function sessionWithKey(server: Awaited<ReturnType<typeof startGuarded>>) {
  const person = await registerPerson(server)
  const key = await createKey(server, person)
  const mine = { url: server.url, call: key.call }
  const agent = await createAgent(mine)
  const session = await createSession(mine, { agent_id: agent.id })
  return { person, key, agent, session, path: `/v1/sessions/${session.id}` }
}

test('a browser talks to one session with a token that its server made', async (t) => {
  const server = await startGuarded(t)
  const { key, path, session } = await sessionWithKey(server)
  const made = await key.call('POST', `${path}/tokens`, { access: 'write', expires_in: 60 })
  const { token, ...about } = expectStatus(made, 201)
  assert.deepEqual([about.session_id, about.access], [session.id, 'write'])
  assert.ok(Math.abs(Date.parse(about.expires_at) - Date.now() - 60_000) < 10_000)
  const call = callerWith(server.url, `Bearer ${token}`)
  const query = `?access_token=${token}`
  const stream = await follow(t, server.url, { sessionId: session.id, query })
  expectStatus(await post({ url: server.url, call }, session.id, 'Hello'), 201)
  await stream.event('session.idled')
  assert.ok(!stream.events.some(({ type }) => type === 'llm.generation'))
  const own = expectStatus(await call('GET', `${path}/events`), 200)
  assert.ok(own.data.length > 0)
  assert.ok(!own.data.some(({ type }: { type: string }) => type === 'llm.generation'))
  const whole = expectStatus(await key.call('GET', `${path}/events`), 200)
  assert.ok(whole.data.some(({ type }: { type: string }) => type === 'llm.generation'))
})

test('a token that cannot be is refused', async (t) => {
  const server = await startGuarded(t)
  const { key, path } = await sessionWithKey(server)
  for (const body of [{ access: 'admin' }, { expires_in: 0 }, { expires_in: 86_401 }]) {
    expectStatus(await key.call('POST', `${path}/tokens`, body), 400, 'invalid_request')
  }
  const unknown = `/v1/sessions/session_${'0'.repeat(32)}/tokens`
  expectStatus(await key.call('POST', unknown, {}), 404, 'not_found')
})

for (const how of ['its key is revoked', 'it expires', 'its maker is taken out']) {
  test(`a stream that a token opened ends when ${how}`, async (t) => {
    const server = await startGuarded(t)
    const { key, path, person } = await sessionWithKey(server)
    const expires_in = how === 'it expires' ? 1 : 600
    const { token } = expectStatus(await key.call('POST', `${path}/tokens`, { expires_in }), 201)
    const response = await fetch(`${server.url}${path}/sse?access_token=${token}`)
    assert.equal(response.status, 200)
    if (how === 'its key is revoked') {
      expectStatus(await person.call('DELETE', `/v1/auth/api-keys/${key.id}`), 204)
    }
    if (how === 'its maker is taken out') {
      const friend = await registerPerson(server)
      const fields = { email: friend.email, role: 'owner' }
      const members = `/v1/orgs/${person.orgId}`
      const invited = await person.call('POST', `${members}/invitations`, fields)
      await friend.call('POST', '/v1/invitations/accept', { token: invited.body.token })
      expectStatus(await friend.call('DELETE', `${members}/members/${person.id}`), 204)
    }
    const frames = []
    for await (const frame of framesOf(response)) frames.push(frame)
    const last = frames.at(-1)!
    assert.equal(last.event, 'disconnecting')
    assert.equal(JSON.parse(last.data!).reason, 'access_ended')
  })
}
