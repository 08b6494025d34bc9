import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileInfo } from '@outlast/contract'
import pg from 'pg'
import { openTestPool } from '../../../test/database.ts'
import { expectError, pathsIn, serverOfFiles } from '../../../test/files.ts'
import { eventsOf } from '../../../test/session.ts'
import { sweepBlobs } from './file-changes.ts'

const { server, fresh } = serverOfFiles({ FILE_SIZE_MB: '1', SESSION_FILES_MB: '3' })

test('lists more than one batch once each, in order', async () => {
  const { sessionId, call, create } = await fresh()
  const { sql, end } = await connect()
  await sql(
    `insert into files (org_id, session_id, path, directory, id, is_directory, is_readonly, size_bytes, created_at, updated_at)
    select s.org_id, s.id, '/many/' || lpad(n::text, 5, '0'), '/many', gen_random_uuid(), n % 2 = 0, false, 0, now(), now()
    from sessions s, generate_series(1, 5000) n where s.id = '${sessionId}'`,
  )
  await end()
  await create('/many', { is_directory: true })
  const paths = pathsIn(await call('GET', '/many'))
  assert.equal(new Set(paths).size, 5000)
  const odd = (path: string) => Number(path.slice(6)) % 2
  const sorted = paths.toSorted((a: string, b: string) => odd(a) - odd(b) || (a < b ? -1 : 1))
  assert.deepEqual(paths, sorted)
  assert.equal(pathsIn(await call('GET', '/many?recursive=true')).join(), paths.toSorted().join())
})

async function connect() {
  const client = new pg.Client(server().databaseUrl)
  await client.connect()
  return { sql: (text: string) => client.query(text), end: () => client.end() }
}

test('refuses a file or session that grows too large, and stores nothing of it', async () => {
  const { call, create, told } = await fresh()
  const megabyte = 'x'.repeat(1_048_576)
  expectError(await create('/big', { content: `${megabyte}x` }), [413, 'file_too_large'])
  for (const name of ['/1', '/2']) await create(name, { content: megabyte })
  await create('/3', { content: megabyte.replace('x', 'y') })
  expectError(await create('/4', { content: 'x' }), [413, 'session_files_full'])
  expectError(await call('POST', '/_/copy', { src_path: '/1', dst_path: '/new/5' }), [
    413,
    'session_files_full',
  ])
  assert.equal((await call('PUT', '/1', { content: 'small' })).status, 200)
  assert.equal((await create('/4', { content: 'x' })).status, 201)
  assert.deepEqual(pathsIn(await call('GET', '?recursive=true')), ['/1', '/2', '/3', '/4'])
  assert.equal((await told()).length, 5)
  const huge = await create('/huge', { content: 'x'.repeat(17 * 1_048_576) })
  expectError(huge, [413, 'body_too_large'])
})

test('stores the same bytes once in an organization, and deletes them with their last file', async () => {
  const [first, second] = [await fresh(), await fresh()]
  const bytes = Buffer.alloc(500_000, 'once').toString()
  await first.create('/a', { content: bytes })
  await first.call('POST', '/_/copy', { src_path: '/a', dst_path: '/b' })
  await second.create('/c', { content: bytes })
  const { sql, end } = await connect()
  const stored = async () =>
    (await sql('select count(*)::int as n from blobs where octet_length(bytes) = 500000')).rows[0].n
  assert.equal(await stored(), 1)
  assert.deepEqual((await first.call('DELETE', '/a')).body, { deleted: true })
  assert.equal((await first.call('GET', '/b')).body.content, bytes)
  await server().call('DELETE', `/v1/sessions/${first.sessionId}`)
  assert.equal((await second.call('GET', '/c')).body.content, bytes)
  const bytesOf = async () =>
    (await sql(`select sum(stored_bytes)::int as n from counters`)).rows[0].n
  const before = await bytesOf()
  await server().call('DELETE', `/v1/sessions/${second.sessionId}`)
  assert.ok((await bytesOf()) < before - 500_000)
  const db = openTestPool(server().databaseUrl)
  await sweepBlobs(db)
  assert.equal(await stored(), 1, 'bytes stay for a while')
  const kept = await fresh()
  await kept.create('/kept', { content: 'kept' })
  await sql(
    `insert into blobs (org_id, hash, bytes) select org, n::text, '' from unnest('{a,z}'::text[]) org, generate_series(1, 6000) n`,
  )
  await sql(`update blobs set created_at = now() - interval '2 hours'`)
  await sweepBlobs(db)
  assert.equal(await stored(), 0)
  assert.equal((await sql(`select from blobs where bytes = ''`)).rowCount, 0)
  assert.equal((await kept.call('GET', '/kept')).body.content, 'kept')
  await db.close()
  await end()
})

test('serializes concurrent changes: one of two wins, and sizes stay right', async () => {
  const { sessionId, call, create } = await fresh()
  const racing = await Promise.all(
    Array.from({ length: 20 }, (_, n) => create('/race/same', { content: `${n}` })),
  )
  assert.deepEqual(racing.map(({ status }) => status).toSorted(), [201, ...Array(19).fill(409)])
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      n % 2 ? create(`/race/${n}`, { content: 'xx' }) : call('DELETE', '/race?recursive=true'),
    ),
  )
  const left = (await call('GET', '?recursive=true')).body.data as FileInfo[]
  const { sql, end } = await connect()
  const { rows } = await sql(
    `select file_bytes, file_count, sequence from sessions where id = '${sessionId}'`,
  )
  await end()
  const size = left.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  assert.deepEqual([Number(rows[0].file_bytes), rows[0].file_count], [size, left.length])
  const events = await eventsOf(server(), sessionId)
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    Array.from({ length: rows[0].sequence }, (_, n) => n + 1),
  )
})

test('a refused change leaves no bytes behind', async () => {
  const { create, call } = await fresh()
  await create('/there', { content: 'x' })
  const { sql, end } = await connect()
  const content = 'refused '.repeat(1_000)
  const nobody = `/v1/sessions/session_${'0'.repeat(32)}/fs/there`
  assert.equal((await create('/there', { content })).status, 409)
  assert.equal((await call('PUT', '/missing', { content })).status, 404)
  assert.equal((await server().call('PUT', nobody, { content })).status, 404)
  const left = await sql(`select from blobs where octet_length(bytes) = ${content.length}`)
  assert.equal(left.rowCount, 0)
  await end()
})
