import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { builtins } from '../index.ts'

/** Invalid configs with the path of the error. */
const wrong: [ref: string, config: object, at: string][] = [
  ['ask_user', { expires_in_seconds: 0 }, '/expires_in_seconds'],
  ['ask_user', { expires_in_seconds: 604_801 }, '/expires_in_seconds'],
  ['current_time', { timezone: 'Mars/Olympus' }, '/timezone'],
  ['fake_aws', { region: 'here' }, '/region'],
  ['fake_aws', { readonly: 'yes' }, '/readonly'],
  ['fake_aws', { data: { buckets: [{ bucket_name: 'a' }] } }, '/data/buckets/0'],
  ['fake_crm', { default_tier: 'gold' }, '/default_tier'],
  ['fake_crm', { data: { customers: 'all' } }, '/data/customers'],
  ['fake_financial', { currency: '$' }, '/currency'],
  ['fake_financial', { seed: 'some' }, '/seed'],
  ['fake_warehouse', { path: 'warehouse' }, '/path'],
  ['fake_warehouse', { path: '/a/../b' }, '/path'],
  ['fake_warehouse', { path: '/a/.' }, '/path'],
  ['fake_warehouse', { path: '/_a' }, '/path'],
  ['fake_warehouse', { path: '/a\n/b' }, '/path'],
  ['fake_warehouse', { path: '/' }, '/path'],
  ['fake_warehouse', { currency: 'euro' }, '/currency'],
  ['fake_warehouse', { data: { stock: [] } }, '/data'],
  ['fake_warehouse', { data: { inventory: [{ sku: 'A' }] } }, '/data/inventory/0'],
  ['noop', { note: 1 }, '/note'],
  ['sample_data', { path: '/samples/' }, '/path'],
  ['sample_data', { datasets: ['users', 'config', 'users'] }, '/datasets'],
  ['sample_data', { datasets: ['people'] }, '/datasets/0'],
  ['session_storage', { secrets: 'no' }, '/secrets'],
  ['session_storage', { value_bytes_max: 0 }, '/value_bytes_max'],
  ['session_storage', { value_bytes_max: 65_537 }, '/value_bytes_max'],
  ['stateless_todo_list', { items_max: 501 }, '/items_max'],
  ['stateless_todo_list', { strict: 1 }, '/strict'],
  ['test_math', { precision: 16 }, '/precision'],
  ['test_math', { precision: 0.5 }, '/precision'],
  ['test_weather', { units: 'kelvin' }, '/units'],
]

test('refuses an invalid config and unknown fields with the path', async (t) => {
  const { call } = await startServer(t)
  const unknown = builtins.map(({ id }): (typeof wrong)[number] => [id, { not_a_field: 1 }, ''])
  for (const [ref, config, at] of [...wrong, ...unknown]) {
    const agent = { name: 'Ada', system_prompt: 'x', capabilities: [{ ref, config }] }
    const { status, body } = await call('POST', '/v1/agents', agent)
    assert.deepEqual([status, body.code], [400, 'invalid_request'], JSON.stringify(config))
    assert.equal(body.details[0].path, `capabilities/0/config${at}`)
  }
})
