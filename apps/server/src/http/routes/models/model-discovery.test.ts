import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Model, ModelSync } from '@outlast/contract'
import pg from 'pg'
import { expectStatus } from '../../../../test/access.ts'
import {
  type Asked,
  addProvider,
  vendorKey as key,
  modelsOf,
  sendJson,
  startAnyVendor,
} from '../../../../test/remotes/any-vendor.ts'
import { type Call, startServer } from '../../../../test/server.ts'

/** A compatible server whose list a test can change, and a provider with a key that names it. */
async function startListed(t: TestContext, ids: string[], env: Record<string, string> = {}) {
  const list = { ids }
  const vendor = await startAnyVendor(t, (_, response) =>
    sendJson(response, { object: 'list', data: modelsOf(list.ids) }),
  )
  const server = await startServer(t, { env })
  const provider = await addProvider(server.call, `${vendor.url}/v1`)
  return { ...server, vendor, list, ...provider }
}

/** Vendors are asked once a day. */
const daily = { MODEL_SYNC_INTERVAL_HOURS: '24' }

const namesOf = (models: Model[]) => models.map(({ model_id }) => model_id)

test('models of the vendor are added, and asked for with the stored key', async (t) => {
  const { call, vendor, path, sync, models } = await startListed(t, ['alpha', 'beta'])
  const { last_synced_at, ...counts } = await sync()
  assert.deepEqual(counts, { discovered: 2, total: 2, stale: 0, truncated: false })
  const [asked] = vendor.asked
  assert.deepEqual([asked!.method, asked!.url], ['GET', '/v1/models'])
  assert.equal(asked!.headers.authorization, `Bearer ${key}`)
  assert.equal((await call('GET', path)).body.last_synced_at, last_synced_at)
  const [alpha] = await models()
  const { id: _, created_at: __, updated_at: ___, ...fields } = alpha!
  assert.deepEqual(fields, {
    provider_id: path.split('/').at(-1),
    provider_name: 'Mine',
    provider_type: 'openai_completions',
    model_id: 'alpha',
    display_name: 'alpha',
    capabilities: [],
    is_default: false,
    is_favorite: false,
    status: 'active',
    source: 'discovered',
    is_stale: false,
    enabled: true,
    healthy: true,
  })
  const audit = (await call('GET', '/v1/audit-log')).body.data
  assert.ok(audit.some(({ action }: { action: string }) => action === 'sync_models'))
})

test('a model that is no longer listed is stale until it is again; nothing is deleted', async (t) => {
  const { call, list, path, sync, models } = await startListed(t, ['alpha', 'beta'])
  await call('POST', `${path}/models`, { model_id: 'manual', display_name: 'Manual' })
  await sync()
  list.ids = ['beta', 'gamma']
  const second = await sync()
  assert.deepEqual([second.discovered, second.total, second.stale], [1, 2, 1])
  assert.deepEqual(namesOf(await models()), ['alpha', 'beta', 'gamma'])
  assert.deepEqual(
    (await models()).map(({ is_stale }) => is_stale),
    [true, false, false],
  )
  assert.deepEqual(namesOf(await models('&include_stale=true')), ['alpha', 'beta', 'gamma'])
  assert.deepEqual(namesOf(await models('&include_stale=false')), ['beta', 'gamma'])
  const all = (await call('GET', '/v1/llm-models?include_stale=false&limit=100')).body
  assert.ok(namesOf(all.data).includes('manual') && all.total === all.data.length)
  const ofProvider: Model[] = (await call('GET', `${path}/models`)).body.data
  assert.deepEqual(namesOf(ofProvider.filter(({ is_stale }) => is_stale)), ['alpha'])
  list.ids = ['alpha', 'beta', 'gamma']
  assert.deepEqual([(await sync()).stale, (await sync()).discovered], [0, 0])
})

test('a sync keeps status, name, favorite and source', async (t) => {
  const { call, list, path, sync, models } = await startListed(t, ['alpha', 'manual'])
  const mine = { model_id: 'manual', display_name: 'My own' }
  const { id } = expectStatus(await call('POST', `${path}/models`, mine), 201)
  await sync()
  const [alpha, ...others] = await models()
  assert.deepEqual(others, [])
  const change = { status: 'disabled', display_name: 'A', is_favorite: true }
  expectStatus(await call('PATCH', `/v1/llm-models/${alpha!.id}`, change), 200)
  await sync()
  const kept = (await call('GET', `/v1/llm-models/${alpha!.id}`)).body
  assert.deepEqual({ ...kept, ...change, source: 'discovered' }, kept)
  list.ids = []
  assert.equal((await sync()).stale, 1)
  const manual = (await call('GET', `/v1/llm-models/${id}`)).body
  assert.deepEqual(
    [manual.source, manual.is_stale, manual.display_name],
    ['manual', false, 'My own'],
  )
})

const types: [
  string,
  base: string,
  (asked: Asked, response: ServerResponse) => void,
  string[][],
][] = [
  [
    'openai',
    '/v1/responses',
    ({ headers }, response) => {
      assert.equal(headers.authorization, `Bearer ${key}`)
      sendJson(response, { data: modelsOf(['gpt-5', 'text-embedding-3', 'whisper-1']) })
    },
    [['gpt-5', 'gpt-5']],
  ],
  [
    'anthropic',
    '/v1',
    ({ url, headers }, response) => {
      assert.deepEqual([headers['x-api-key'], headers['anthropic-version']], [key, '2023-06-01'])
      const second = url.endsWith('&after_id=claude-a')
      const id = second ? 'claude-b' : 'claude-a'
      const data = [{ type: 'model', id, display_name: id.toUpperCase() }]
      sendJson(response, { data, first_id: id, last_id: id, has_more: !second })
    },
    [
      ['claude-a', 'CLAUDE-A'],
      ['claude-b', 'CLAUDE-B'],
    ],
  ],
  [
    'google',
    '/v1beta',
    ({ url, headers }, response) => {
      assert.equal(headers['x-goog-api-key'], key)
      const model = (name: string, method: string) => ({
        name: `models/${name}`,
        displayName: `The ${name}`,
        supportedGenerationMethods: [method],
      })
      if (url.includes('pageToken=')) {
        return sendJson(response, { models: [model('gemini-b', 'generateContent')] })
      }
      assert.equal(url, '/v1beta/models?pageSize=1000')
      const models = [model('gemini-a', 'generateContent'), model('embed', 'embedContent')]
      sendJson(response, { models, nextPageToken: 'a/b=' })
    },
    [
      ['gemini-a', 'The gemini-a'],
      ['gemini-b', 'The gemini-b'],
    ],
  ],
  [
    'azure_openai',
    '/openai/v1',
    ({ url, headers }, response) => {
      assert.equal(headers['api-key'], key)
      assert.match(url, /^\/openai\/deployments\?api-version=/)
      const data = [
        { id: 'mine', model: 'gpt-5', status: 'succeeded' },
        { id: 'new', model: 'gpt-5', status: 'running' },
      ]
      sendJson(response, { data })
    },
    [['mine', 'mine (gpt-5)']],
  ],
  [
    'azure_openai',
    '/gateway/v1',
    ({ url }, response) => {
      if (url !== '/gateway/v1/models') return sendJson(response, {}, 404)
      const talks = (chat_completion: boolean) => ({ chat_completion })
      const data = [
        { id: 'gpt-5', capabilities: talks(true) },
        { id: 'ada', capabilities: talks(false) },
      ]
      sendJson(response, { data })
    },
    [['gpt-5', 'gpt-5']],
  ],
]

for (const [provider_type, base, answer, expected] of types) {
  test(`${provider_type} at ${base} is asked as its vendor has it`, async (t) => {
    const vendor = await startAnyVendor(t, answer)
    const { call } = await startServer(t)
    const { sync, models } = await addProvider(call, vendor.url + base, { provider_type })
    await sync()
    const found = (await models()).map(({ model_id, display_name }) => [model_id, display_name])
    assert.deepEqual(found, expected)
  })
}

test('no transaction waits for a vendor, and two concurrent syncs both succeed', async (t) => {
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let waiting = 0
  const vendor = await startAnyVendor(t, async (_, response) => {
    waiting += 1
    if (waiting === 12) asked.resolve()
    await go.promise
    sendJson(response, { data: modelsOf(['alpha', 'beta']) })
  })
  const { call } = await startServer(t)
  const { path, models } = await addProvider(call, `${vendor.url}/v1`)
  const syncs = Array.from({ length: 12 }, (_, at) =>
    call(
      'POST',
      `${path}/sync-models`,
      undefined,
      at < 6 ? { 'idempotency-key': `sync-${at}` } : {},
    ),
  )
  await asked.promise
  // With a transaction each, no connection would be left.
  expectStatus(await call('GET', '/v1/agents'), 200)
  go.resolve()
  const answers = (await Promise.all(syncs)).map((answer): ModelSync => expectStatus(answer, 200))
  assert.equal(
    answers.reduce((sum, { discovered }) => sum + discovered, 0),
    2,
  )
  assert.deepEqual(namesOf(await models()), ['alpha', 'beta'])
  const again = await call('POST', `${path}/sync-models`, undefined, {
    'idempotency-key': 'sync-0',
  })
  // The key is ignored: the models are read again.
  assert.deepEqual([again.status, again.body.discovered, again.body.total], [200, 0, 2])
  assert.equal(again.headers.get('idempotency-replayed'), null)
  assert.equal(vendor.asked.length, 13)
})

test('a provider without a model list or a key is 409', async (t) => {
  const { call } = await startServer(t)
  const seeded = (tail: string) => `/v1/providers/provider_01933b5a0000700080000000000000${tail}`
  for (const tail of ['01', '02']) {
    expectStatus(await call('POST', `${seeded(tail)}/sync-models`), 409, 'provider_without_key')
  }
  const answer = await call('POST', `${seeded('03')}/sync-models`)
  assert.match(expectStatus(answer, 409, 'models_not_listed').error, /llmsim/)
})

async function untilSynced(call: Call, path: string): Promise<string> {
  for (;;) {
    const { last_synced_at } = (await call('GET', path)).body
    if (last_synced_at) return last_synced_at
    await sleep(20)
  }
}

async function query(connectionString: string, text: string) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** The clock of the queue, which runs in this process, stops far from minute 23. */
const stopClock = (t: TestContext) =>
  t.mock.timers.enable({ apis: ['Date'], now: new Date().setUTCMinutes(50) })

/** The sync that runs at minute 23 of every hour. */
async function runHourly(url: string) {
  await query(url, "select graphile_worker.add_job('hourly', '{}', job_key => 'hourly')")
  const waiting = "select 1 from graphile_worker.jobs where task_identifier = 'hourly'"
  while ((await query(url, waiting)).length > 0) await sleep(20)
}

test('every day each provider is asked by one node; llmsim and those without a key are not', async (t) => {
  stopClock(t)
  const { call, vendor, path, models, id, databaseUrl } = await startListed(t, ['alpha'], daily)
  const other = await startServer(t, { databaseUrl, env: daily })
  const disabled = await addProvider(call, `${vendor.url}/disabled`)
  await call('PATCH', disabled.path, { status: 'disabled' })
  await Promise.all([runHourly(databaseUrl), runHourly(databaseUrl)])
  const first = await untilSynced(call, path)
  assert.deepEqual(namesOf(await models()), ['alpha'])
  assert.equal((await models())[0]!.is_default, false)
  await runHourly(databaseUrl)
  assert.equal(vendor.asked.length, 1)
  const dayAgo = "now() - interval '23 hours 58 minutes'"
  const times = `last_synced_at = ${dayAgo}, sync_tried_at = ${dayAgo}`
  await query(databaseUrl, `update providers set ${times} where id = '${id}'`)
  await runHourly(databaseUrl)
  assert.ok((await untilSynced(other.call, path)) > first)
  assert.deepEqual(
    vendor.asked.map(({ url }) => url),
    ['/v1/models', '/v1/models'],
  )
  const { data } = (await call('GET', '/v1/llm-providers')).body
  const synced = data.filter((one: { last_synced_at?: string }) => one.last_synced_at)
  assert.equal(synced.length, 1)
})

test('a vendor that fails is asked again an hour later, and the others are asked all the same', async (t) => {
  stopClock(t)
  const env = { ...daily, LOG_LEVEL: 'silent' }
  const { call, vendor, path, databaseUrl } = await startListed(t, ['alpha'], env)
  const broken = await startAnyVendor(t, (_, response) => sendJson(response, {}, 500))
  const { path: brokenPath } = await addProvider(call, broken.url)
  await runHourly(databaseUrl)
  await runHourly(databaseUrl)
  await untilSynced(call, path)
  assert.equal((await call('GET', brokenPath)).body.last_synced_at, undefined)
  assert.deepEqual([broken.asked.length, vendor.asked.length], [1, 1])
  await query(databaseUrl, "update providers set sync_tried_at = now() - interval '1 hour'")
  await runHourly(databaseUrl)
  assert.deepEqual([broken.asked.length, vendor.asked.length], [2, 1])
})

test('a node that stops waits for no vendor', async (t) => {
  const asked = Promise.withResolvers<void>()
  const vendor = await startAnyVendor(t, () => asked.resolve())
  const { call, stop, databaseUrl } = await startServer(t, {
    env: { ...daily, LOG_LEVEL: 'silent' },
  })
  await addProvider(call, vendor.url)
  await query(databaseUrl, "select graphile_worker.add_job('hourly', '{}')")
  await asked.promise
  await stop()
})

test('providers are asked at minute 23 of every hour, unless the interval is 0', async (t) => {
  // In the past for PostgreSQL, which runs the job at once.
  const before = new Date(Date.now() - 3_600_000).setUTCMinutes(22, 59, 950)
  t.mock.timers.enable({ apis: ['Date'], now: before })
  const off = await startListed(t, ['alpha'], { MODEL_SYNC_INTERVAL_HOURS: '0' })
  const on = await startListed(t, ['alpha'], daily)
  const jobs = "select 1 from graphile_worker.jobs where task_identifier = 'hourly'"
  for (const { databaseUrl, vendor } of [off, on]) {
    assert.deepEqual([(await query(databaseUrl, jobs)).length, vendor.asked.length], [0, 0])
  }
  t.mock.timers.setTime(before + 100)
  await untilSynced(on.call, on.path)
  assert.deepEqual([(await query(off.databaseUrl, jobs)).length, off.vendor.asked.length], [0, 0])
})
