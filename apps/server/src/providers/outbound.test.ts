import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import { type TestContext, test } from 'node:test'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../test/access.ts'
import { createAgent, createSession, post } from '../../test/session.ts'
import { follow } from '../../test/stream.ts'

const privatePlaces = [
  'http://127.0.0.1:1/v1',
  'http://2130706433/v1',
  'http://0x7f.1/v1',
  'http://localhost:1/v1',
  'http://localhost.:1/v1',
  'http://[::1]/v1',
  'http://[::ffff:127.0.0.1]/v1',
  'http://10.0.0.8/v1',
  'http://169.254.169.254/latest/meta-data',
  'http://[fd00::1]/v1',
  'http://0.0.0.0/v1',
  `http://${os.hostname().split('.')[0]}/v1`,
]

test('a provider cannot be put inside our network', async (t) => {
  const person = await registerPerson(await startGuarded(t))
  for (const base_url of privatePlaces) {
    const fields = { name: 'Inside', provider_type: 'openai_completions', base_url }
    const answer = await person.call('POST', '/v1/llm-providers', fields)
    assert.equal(answer.status, 400, base_url)
    assert.equal(answer.body.details[0].path, 'base_url')
  }
})

/** A server that answers everything the same way, and counts. */
async function startPlace(
  t: TestContext,
  host: string,
  headers: Record<string, string>,
  status: number,
) {
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    request.resume()
    response.writeHead(status, headers).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://${host}:${port}`, asked: () => asked }
}

test('a provider that is allowed cannot lead us elsewhere inside', async (t) => {
  const inside = await startPlace(t, '127.0.0.2', {}, 200)
  const allowed = await startPlace(t, '127.0.0.1', { location: `${inside.url}/v1/steal` }, 307)
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1', MODEL_ATTEMPTS_MAX: '1' }
  const server = await startGuarded(t, { env })
  const { key, call } = await createKey(server, await registerPerson(server))
  const fields = {
    name: 'Mine',
    provider_type: 'openai_completions',
    base_url: `${allowed.url}/v1`,
  }
  const provider = expectStatus(await call('POST', '/v1/llm-providers', fields), 201)
  const model = expectStatus(
    await call('POST', `/v1/llm-providers/${provider.id}/models`, {
      model_id: 'm',
      display_name: 'M',
    }),
    201,
  )
  const mine = { url: server.url, call }
  const agent = await createAgent(mine, { default_model_id: model.id })
  const session = await createSession(mine, { agent_id: agent.id })
  const headers = { authorization: key }
  const stream = await follow(t, server.url, { sessionId: session.id, headers })
  await post(mine, session.id, 'Hello')
  await stream.event('turn.failed')
  assert.equal(allowed.asked(), 1)
  assert.equal(inside.asked(), 0)
})

test("the operator's keys are for the default organization alone", async (t) => {
  const server = await startGuarded(t, { env: { DEFAULT_OPENAI_API_KEY: 'sk-operator' } })
  const person = await registerPerson(server)
  const { data } = expectStatus(await person.call('GET', '/v1/llm-providers'), 200)
  assert.deepEqual(
    data.map(({ api_key_set }: { api_key_set: boolean }) => api_key_set),
    [false, false, false, false],
  )
})
