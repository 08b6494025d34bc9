import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { reservePort } from '../../../../../../test/ports.ts'
import { callerWith, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { createTestDatabase } from '../../../../test/database.ts'
import {
  addProvider,
  modelsOf,
  sendJson,
  startAnyVendor,
  vendorKey,
} from '../../../../test/remotes/any-vendor.ts'
import { startServer } from '../../../../test/server.ts'

test('100,000 models are cut at 5,000, without a pause of the server; none becomes stale', async (t) => {
  let closed: Promise<unknown> | undefined
  const vendor = await startAnyVendor(t, ({ url }, response) => {
    if (url.startsWith('/few')) return sendJson(response, { data: modelsOf(['early']) })
    closed = once(response, 'close')
    sendMany(response)
  })
  const { call } = await startServer(t)
  const { path, sync, models } = await addProvider(call, `${vendor.url}/few`)
  await sync()
  await call('PATCH', path, { base_url: `${vendor.url}/many` })
  let longest = 0
  let last = process.threadCpuUsage()
  const watch = setInterval(() => {
    longest = Math.max(longest, process.threadCpuUsage(last).user / 1_000)
    last = process.threadCpuUsage()
  }, 5)
  t.after(() => clearInterval(watch))
  const { discovered, total, stale, truncated } = await sync()
  assert.deepEqual([discovered, total, stale, truncated], [5_000, 5_000, 0, true])
  assert.ok(longest < 400, `the loop was held for ${Math.round(longest)} ms of processor time`)
  await closed
  assert.equal((await models('&include_stale=false')).length, 5_001)
  assert.equal((await sync()).discovered, 0)
})

function sendMany(response: ServerResponse) {
  function* pieces() {
    yield '{"data":[{}'
    for (let at = 0; at < 100_000; at += 1_000) {
      const ids = Array.from({ length: 1_000 }, (_, index) => `model-${at + index}`)
      for (const model of modelsOf(ids)) yield `,${JSON.stringify(model)}`
    }
    yield ']}'
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  Readable.from(pieces()).pipe(response)
}

test('hostile model names of a vendor have no effect', async (t) => {
  const odd = ['ok', '', 'a\0b', 'a\nb', 'x'.repeat(256), '\ud800', 'ok', 5, null, 'größe😀']
  const vendor = await startAnyVendor(t, (_, response) =>
    sendJson(response, { data: odd.map((id) => ({ id, name: 'A\0name\ud800' })) }),
  )
  const { call } = await startServer(t)
  const { sync, models } = await addProvider(call, `${vendor.url}/v1`)
  assert.equal((await sync()).discovered, 2)
  assert.deepEqual(
    (await models()).map(({ model_id, display_name }) => [model_id, display_name]).sort(),
    [
      ['größe😀', 'Aname'],
      ['ok', 'Aname'],
    ],
  )
})

const failures: [name: string, (response: ServerResponse) => unknown, says: RegExp][] = [
  ['a bad key', (response) => sendJson(response, { error: { message: vendorKey } }, 401), /key/],
  ['no list', (response) => sendJson(response, {}, 404), /\/v1\? \(404\)/],
  [
    'too many requests',
    (response) => sendJson(response, {}, 429),
    /limiting the request rate.*\(429\)/,
  ],
  ['an outage', (response) => sendJson(response, {}, 503), /overloaded.*\(503\)/],
  ['another document', (response) => sendJson(response, { error: 'Unexpected' }), /not a list/],
  ['a page', (response) => response.end('<html>Welcome</html>'), /not a list/],
  [
    'a redirect',
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    /redirects/,
  ],
  [
    'half a list',
    (response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"data":[{"id":"half"}')
      setImmediate(() => response.destroy())
    },
    /broke/,
  ],
]

const slow: typeof failures = [
  ['silence', () => {}, /longer than 0.3 s/],
  ['drops for ever', (response) => void drip(response), /longer than 0.3 s/],
]

async function drip(response: ServerResponse) {
  while (!response.destroyed) {
    response.write(' ')
    await sleep(20)
  }
}

test('a vendor failure is 502 with the reason and without the key', async (t) => {
  const patient = await startServer(t)
  const hasty = await startServer(t, { env: { MODEL_TIMEOUT_MS: '300' } })
  for (const [name, answer, says] of [...failures, ...slow]) {
    await t.test(name, async (t) => {
      const { call } = slow.some(([other]) => other === name) ? hasty : patient
      const vendor = await startAnyVendor(t, (_, response) => answer(response))
      const { path } = await addProvider(call, `${vendor.url}/v1`)
      const { error } = expectStatus(
        await call('POST', `${path}/sync-models`),
        502,
        'provider_failed',
      )
      assert.match(error, says)
      assert.doesNotMatch(error, /sk-/)
      const { last_synced_at } = (await call('GET', path)).body
      assert.equal(last_synced_at, undefined)
    })
  }
  const { path } = await addProvider(patient.call, `http://127.0.0.1:${await reservePort()}/v1`)
  const answer = await patient.call('POST', `${path}/sync-models`)
  assert.match(expectStatus(answer, 502, 'provider_failed').error, /ECONNREFUSED/)
})

test('a provider of others cannot lead us inside when it is synced', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const inside = await startAnyVendor(t, (_, response) => sendJson(response, { data: [] }))
  const first = await startGuarded(t, {
    databaseUrl,
    env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' },
  })
  const { bearer, ...known } = await registerPerson(first)
  const { path } = await addProvider(known.call, inside.url)
  await first.stop()
  const server = await startGuarded(t, { databaseUrl })
  const person = { call: callerWith(server.url, bearer) }
  const answer = await person.call('POST', `${path}/sync-models`)
  assert.match(expectStatus(answer, 502, 'provider_failed').error, /not a public address/)
  const tested = await person.call('POST', `${path}/test`)
  expectStatus(tested, 409, 'provider_without_models')
  expectStatus(
    await person.call('POST', `${path}/models`, { model_id: 'm', display_name: 'M' }),
    201,
  )
  const { ok, kind } = expectStatus(await person.call('POST', `${path}/test`), 200)
  assert.deepEqual([ok, kind, inside.asked.length], [false, 'network', 0])
})

test('refuses provider checks of an organization over its share, and serves another one', async (t) => {
  const waiting: ServerResponse[] = []
  const full = Promise.withResolvers<void>()
  const vendor = await startAnyVendor(t, ({ url }, response) => {
    if (url.startsWith('/quick')) return sendJson(response, { data: modelsOf(['model']) })
    if (waiting.push(response) === 16) full.resolve()
  })
  const server = await startGuarded(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' } })
  const [slow, other] = [await registerPerson(server), await registerPerson(server)]
  const held = await addProvider(slow.call, `${vendor.url}/slow`)
  const checks = Array.from({ length: 16 }, () => held.sync())
  await full.promise
  const refused = await slow.call('POST', `${held.path}/sync-models`)
  expectStatus(refused, 429, 'rate_limited')
  assert.equal(refused.headers.get('retry-after'), '5')
  const served = await addProvider(other.call, `${vendor.url}/quick`)
  assert.equal((await served.sync()).discovered, 1)
  assert.equal(waiting.length, 16)
  for (const response of waiting) sendJson(response, { data: [] })
  await Promise.all(checks)
})
