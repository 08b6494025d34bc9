import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CapabilityInfo } from '@outlast/contract'
import { startServer } from '../../../../test/server.ts'

test('lists capabilities by id, demo capabilities last, each with its tools and config schema', async (t) => {
  const { call } = await startServer(t)
  const { status, body } = await call('GET', '/v1/capabilities')
  assert.equal(status, 200)
  const { data, ...rest } = body as { data: CapabilityInfo[] }
  const ids = data.map(({ id }) => id)
  const idsOf = (isDemo: boolean) =>
    data.flatMap(({ id, category }) => ((category === 'Demo') === isDemo ? [id] : [])).toSorted()
  assert.deepEqual(ids, [...idsOf(false), ...idsOf(true)])
  assert.equal(idsOf(true).length, 8)
  assert.deepEqual(rest, { total: ids.length, offset: 0, limit: ids.length })
  for (const capability of data) {
    assert.equal(capability.status, 'available')
    assert.equal(capability.config_schema?.type, 'object')
    const one = await call('GET', `/v1/capabilities/${capability.id}`)
    assert.deepEqual(one.body, capability)
  }
  const math = data.find(({ id }) => id === 'test_math')
  assert.deepEqual(
    math?.tool_definitions?.map(({ type, name, policy }) => [type, name, policy]),
    ['add', 'subtract', 'multiply', 'divide'].map((name) => ['builtin', name, 'auto']),
  )
})

test('a limit asks for a page of them', async (t) => {
  const { call } = await startServer(t)
  const all = (await call('GET', '/v1/capabilities')).body
  const page = (await call('GET', '/v1/capabilities?limit=2&offset=1')).body
  assert.deepEqual(page, { data: all.data.slice(1, 3), total: all.total, offset: 1, limit: 2 })
  const beyond = (await call('GET', '/v1/capabilities?offset=100')).body
  assert.deepEqual(beyond, { data: [], total: all.total, offset: 100, limit: 1 })
  assert.equal((await call('GET', '/v1/capabilities?limit=1000')).body.limit, 100)
  for (const query of ['limit=0', 'limit=a', 'offset=-1']) {
    const { status, body } = await call('GET', `/v1/capabilities?${query}`)
    assert.deepEqual([status, body.code], [400, 'invalid_request'])
  }
})

test('an unknown capability is 404', async (t) => {
  const { call } = await startServer(t)
  for (const id of ['flying', 'TEST_MATH', 'mcp:1', '%00', 'toString', 'x'.repeat(4000)]) {
    const { status, body } = await call('GET', `/v1/capabilities/${id}`)
    assert.deepEqual([status, body.error, body.code], [404, 'Capability not found', 'not_found'])
  }
})
