import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { harnessId } from '@outlast/contract'
import { beforeAll } from '../../../../test/hooks.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
let call: Call
beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  call = server.call
})

test('the one harness is that of every agent and session', async () => {
  const { status, body } = await call('GET', '/v1/harnesses')
  assert.equal(status, 200)
  const { data, ...rest } = body
  assert.deepEqual(rest, { total: 1, offset: 0, limit: 1 })
  const [base] = data
  assert.deepEqual([base.id, base.name, base.is_built_in], [harnessId, 'base', true])
  const agent = await createAgent(server)
  const session = await createSession(server, { agent_id: agent.id })
  for (const name of [agent.harness_id, session.harness_id, 'base', 'generic', 'default']) {
    assert.deepEqual((await call('GET', `/v1/harnesses/${name}`)).body, base)
  }
  assert.deepEqual((await call('GET', '/v1/harness-examples')).body, [])
})

test('a search and a page apply to the list of harnesses', async () => {
  const total = async (query: string) => (await call('GET', `/v1/harnesses?${query}`)).body.total
  assert.equal(await total('search=BUILT-IN'), 1)
  assert.equal(await total('search=research'), 0)
  assert.deepEqual((await call('GET', '/v1/harnesses?offset=1&limit=5')).body, {
    data: [],
    total: 1,
    offset: 1,
    limit: 5,
  })
})

test('an unknown harness is 404, and no harness is written', async () => {
  assert.equal((await call('GET', '/v1/harnesses/deep-research')).body.code, 'not_found')
  for (const [method, path] of [
    ['POST', ''],
    ['PATCH', `/${harnessId}`],
    ['DELETE', '/base'],
  ] as const) {
    const body = method === 'DELETE' ? undefined : { name: 'mine' }
    const refused = await call(method, `/v1/harnesses${path}`, body)
    assert.deepEqual([refused.status, refused.body.code], [403, 'harness_built_in'])
  }
})
