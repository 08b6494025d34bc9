import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { newId } from '../../apps/server/src/ids.ts'
import { createSecrets } from '../../apps/server/src/secrets.ts'
import { keyDestination, keyPlace } from '../../apps/server/src/store/models/providers.ts'
import { defaultOrganization } from '../../apps/server/src/store/models/seeds.ts'
import { checkMasterKeys } from '../../apps/server/src/store/start/master-keys.ts'
import {
  connectTo,
  createTestDatabase,
  openTestPool,
  untilLocked,
} from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, replyOf } from '../../apps/server/test/session.ts'
import { sessionWith, type ToolUse, useTools } from '../../apps/server/test/tool-session.ts'
import { startFails } from '../process.ts'
import {
  addProvider,
  both,
  onlyV1,
  onlyV2,
  query,
  rotateKeys,
  runCommand,
  sealedUnder,
  startVendor,
  v1,
  v2,
} from './rotating.ts'

/** Where the keys of these tests may be sent. */
const destination = keyDestination({ provider_type: 'openai' })

test('a rotation changes nothing in a database that no server has used', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  await query(databaseUrl, 'drop table outlast_migrations, master_keys')
  const { code, output } = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(code, 1)
  assert.match(output, /^rotate-keys: No server has used a master key with this database/)
  const tables = `select to_regclass('outlast_migrations') as name`
  assert.deepEqual(await query(databaseUrl, tables), [{ name: null }])
})

test('a provider keeps its key through a change of the master key', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const vendor = await startVendor(t)
  const start = (env: Record<string, string>) => startServer(t, { databaseUrl, env })
  const apiKey = 'sk-of-the-vendor'
  const first = await start(onlyV1)
  const { id, sessionId } = await addProvider(first, { baseUrl: vendor.url, apiKey })
  await first.stop()

  const second = await start(both)
  assert.equal(replyOf(await converse(t, second, sessionId, 'Still there?')), 'Yes.')
  assert.deepEqual(await sealedUnder(databaseUrl), { 'kek-v1': 1 })
  const readProvider = () => second.call('GET', `/v1/llm-providers/${id}`)
  const before = await readProvider()
  // The node keeps running meanwhile.
  const { code, output } = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(code, 0, output)
  assert.match(output, /Under kek-v2: 1\. Wrapped again: 1\. Unreadable: 0\./)
  assert.match(output, /kek-v1 any more\. Next: remove SECRETS_ENCRYPTION_KEY_PREVIOUS/)
  assert.doesNotMatch(output, /sk-of|AQEB|AgIC/)
  assert.deepEqual((await readProvider()).body, before.body)
  assert.equal(replyOf(await converse(t, second, sessionId, 'And now?')), 'Yes.')
  await second.stop()

  assert.deepEqual(await sealedUnder(databaseUrl), { 'kek-v2': 1 })
  const third = await start(onlyV2)
  assert.equal(replyOf(await converse(t, third, sessionId, 'Without the old one?')), 'Yes.')
  assert.deepEqual(vendor.keys, Array(3).fill(`Bearer ${apiKey}`))
  await third.stop()

  const refused = await startFails({ ...onlyV1, DATABASE_URL: databaseUrl })
  assert.equal(refused.code, 1)
  assert.match(refused.output, /sealed with master key kek-v2, which this node does not have/)
  const back = { SECRETS_ENCRYPTION_KEY: v1, SECRETS_ENCRYPTION_KEY_PREVIOUS: v2 }
  assert.equal((await rotateKeys({ ...back, DATABASE_URL: databaseUrl })).code, 0)
  await (await start(onlyV1)).stop()
})

test('secrets of sessions are sealed again with the keys of providers', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const start = (env: Record<string, string>) => startServer(t, { databaseUrl, env })
  const first = await start(onlyV1)
  const session = await sessionWith(first, 'session_storage')
  const keep: ToolUse[] = ['a', 'b\nc'].map((name) => ['set_secret', { name, value: 'hush' }])
  await useTools(t, first, session.id, ...keep, ['set_value', { key: 'a', value: 'plain' }])
  await first.stop()

  const secret = createSecrets([v1.replace('kek-v1', 'kek-v0')]).seal('lost', 'anywhere')
  await query(
    databaseUrl,
    `insert into session_storage (org_id, session_id, kind, name, body)
      select org_id, id, 'secret', 'lost', $1 from sessions`,
    [secret],
  )
  const rotated = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.equal(rotated.code, 1, rotated.output)
  assert.match(rotated.output, /Under kek-v2: 2\. Wrapped again: 2\. Unreadable: 1\./)
  const lost = `secret "lost" of ${session.id} of ${session.organization_id}: master key kek-v0`
  assert.ok(rotated.output.includes(lost), rotated.output)
  assert.doesNotMatch(rotated.output, /hush|plain/)

  const second = await start(onlyV2)
  const get = (name: string): ToolUse => ['get_secret', { name }]
  const forget: ToolUse = ['delete_secret', { name: 'lost' }]
  const answers = await useTools(t, second, session.id, get('a'), get('b\nc'), get('lost'), forget)
  assert.deepEqual(
    answers.map((answer) => answer.value ?? answer.deleted ?? answer),
    ['hush', 'hush', 'The secret cannot be decrypted: master key kek-v0 is not configured.', true],
  )
  await second.stop()
  const done = await rotateKeys({ ...both, DATABASE_URL: databaseUrl })
  assert.match(done.output, /Under kek-v2: 2\. Wrapped again: 0\. Unreadable: 0\./)
  assert.equal(done.code, 0)
})

/** A database with many keys under the first master key. */
async function manyKeys(t: TestContext, count: number) {
  const databaseUrl = await createTestDatabase(t)
  const db = openTestPool(databaseUrl)
  await checkMasterKeys(db, [v1]).finally(db.close)
  const secrets = createSecrets([v1])
  const ids = Array.from({ length: count }, () => newId('provider')).sort()
  const sealed = ids.map((id) => secrets.seal(`sk-${id}`, keyPlace(defaultOrganization, id)))
  await query(
    databaseUrl,
    `insert into providers (org_id, id, name, provider_type, api_key)
      select $1, id, 'Many', 'openai', api_key from unnest($2::text[], $3::text[]) as t (id, api_key)`,
    [defaultOrganization, ids, sealed],
  )
  return { databaseUrl, ids, env: { ...both, DATABASE_URL: databaseUrl } }
}

/** Every key opens with the second master key alone and is the one of its provider. */
async function allRotated(databaseUrl: string, ids: string[]) {
  assert.deepEqual(await sealedUnder(databaseUrl), { 'kek-v2': ids.length })
  const secrets = createSecrets([both.SECRETS_ENCRYPTION_KEY])
  const rows = await query<{ id: string; api_key: string }>(
    databaseUrl,
    'select id, api_key from providers where api_key is not null',
  )
  for (const { id, api_key } of rows) {
    const place = keyPlace(defaultOrganization, id)
    assert.equal(secrets.open(api_key, place, destination), `sk-${id}`)
  }
}

/** Locks a provider's row, and returns once the command waits for it. */
async function holdRow(t: TestContext, url: string, id: string) {
  const client = await connectTo(t, url)
  await client.query('begin')
  await client.query('select 1 from providers where id = $1 for update', [id])
  return { client, awaited: () => untilLocked(url) }
}

test('a rotation that is killed in the middle is finished by the next one', async (t) => {
  const { databaseUrl, ids, env } = await manyKeys(t, 600)
  const held = await holdRow(t, databaseUrl, ids[300]!)
  const killed = runCommand(env)
  await held.awaited()
  killed.crash()
  assert.equal((await killed.ended).code, null)
  await held.client.query('rollback')
  // PostgreSQL may still finish the statement that waited.
  const left = (await sealedUnder(databaseUrl))['kek-v1']
  assert.ok(left === 300 || left === 299, String(left))
  const { code, output } = await rotateKeys(env)
  assert.equal(code, 0, output)
  assert.match(output, /Under kek-v2: 600\. Wrapped again: (300|299)\./)
  await allRotated(databaseUrl, ids)
  assert.match((await rotateKeys(env)).output, /Under kek-v2: 600\. Wrapped again: 0\./)
})

test('concurrent rotations do not interfere', async (t) => {
  const { databaseUrl, ids, env } = await manyKeys(t, 600)
  const ended = await Promise.all([rotateKeys(env), rotateKeys(env), rotateKeys(env)])
  for (const { code, output } of ended) assert.equal(code, 0, output)
  await allRotated(databaseUrl, ids)
})

test('a key that a user changes during the rotation stays changed', async (t) => {
  const { databaseUrl, ids, env } = await manyKeys(t, 3)
  const held = await holdRow(t, databaseUrl, ids[1]!)
  const running = runCommand(env)
  await held.awaited()
  const place = keyPlace(defaultOrganization, ids[1]!)
  const changed = createSecrets([v1]).seal('sk-changed', place)
  await held.client.query('update providers set api_key = $1 where id = $2', [changed, ids[1]])
  await held.client.query('commit')
  const { code, output } = await running.ended
  assert.equal(code, 0, output)
  assert.deepEqual(await sealedUnder(databaseUrl), { 'kek-v2': 3 })
  const [row] = await query<{ api_key: string }>(
    databaseUrl,
    'select api_key from providers where id = $1',
    [ids[1]],
  )
  const secrets = createSecrets([both.SECRETS_ENCRYPTION_KEY])
  assert.equal(secrets.open(row!.api_key, place, destination), 'sk-changed')
})

test('a key that cannot be opened is skipped, reported and fails the command; the others are sealed again', async (t) => {
  const { databaseUrl, ids, env } = await manyKeys(t, 4)
  const [lost, moved] = ids as [string, string]
  const seal = (id: string, place: string) =>
    createSecrets([v1.replace('kek-v1', id)]).seal('x', place)
  const set = (id: string, envelope: string) =>
    query(databaseUrl, 'update providers set api_key = $1 where id = $2', [envelope, id])
  await set(lost, seal('kek-v0', keyPlace(defaultOrganization, lost)))
  await set(moved, seal('kek-v1', keyPlace(defaultOrganization, lost)))
  const { code, output } = await rotateKeys(env)
  assert.equal(code, 1, output)
  assert.match(output, /Under kek-v2: 2\. Wrapped again: 2\. Unreadable: 2\./)
  assert.match(output, new RegExp(`${lost} of org_0+1: master key kek-v0 is not configured`))
  assert.match(output, new RegExp(`${moved} of org_0+1: it was changed or moved`))
  assert.doesNotMatch(output, /any more\. Next/)
  assert.deepEqual(await sealedUnder(databaseUrl), { 'kek-v0': 1, 'kek-v1': 1, 'kek-v2': 2 })
})

test('the command reports invalid input in one line', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const cases: [Record<string, string>, string[], RegExp][] = [
    [{ DATABASE_URL: databaseUrl }, [], /SECRETS_ENCRYPTION_KEY is not set/],
    [
      { ...both, DATABASE_URL: databaseUrl },
      ['--drop-previous'],
      /remove SECRETS_ENCRYPTION_KEY_P/,
    ],
    [{ ...both, DATABASE_URL: databaseUrl }, ['now'], /npm run rotate-keys \[-- --drop-previous\]/],
    [{ ...both, SECRETS_ENCRYPTION_KEY: 'x' }, [], /SECRETS_ENCRYPTION_KEY must look like kek-v1/],
    [{ DATA_DIR: '/nowhere/at/all' }, [], /DATA_DIR \/nowhere\/at\/all has no master key/],
    [{ ...both, DATABASE_URL: 'postgres://x@127.0.0.1:1/x' }, [], /cannot be used/],
  ]
  for (const [env, args, said] of cases) {
    const { code, output } = await rotateKeys(env, ...args)
    assert.equal(code, 1, output)
    assert.match(output, said)
    assert.equal(output.trim().split('\n').length, 1, output)
  }
})
