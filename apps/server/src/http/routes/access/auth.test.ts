import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createKey,
  expectStatus,
  registerPerson,
  signInAdmin,
  startGuarded,
} from '../../../../test/access.ts'
import { createAgent } from '../../../../test/session.ts'

test('a user registers, creates a key and uses it', async (t) => {
  const server = await startGuarded(t)
  expectStatus(await server.call('GET', '/v1/agents'), 401, 'unauthenticated')
  const person = await registerPerson(server)
  const { key, call } = await createKey(server, person)
  assert.match(key, /^evr_[0-9a-f]{64}$/)
  await createAgent({ call, url: server.url })
  for (const authorization of [key, `Bearer ${key}`, `ApiKey ${key}`]) {
    const { body } = await server.call('GET', '/v1/agents', undefined, { authorization })
    assert.equal(body.data[0].name, 'Ada')
  }
  const admin = await signInAdmin(server)
  const { body } = await admin.call('GET', '/v1/agents')
  assert.equal(
    body.data.some(({ name }: { name: string }) => name === 'Ada'),
    false,
  )
})
