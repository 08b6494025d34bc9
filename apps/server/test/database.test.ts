import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { createTestDatabase } from './database.ts'

test('tests that run at once each get a migrated database of their own', async (t) => {
  const urls = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase(t)))
  assert.equal(new Set(urls).size, urls.length)
  for (const url of urls) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query(
      `select to_regclass('sessions') is not null as ours, to_regclass('graphile_worker.jobs') is not null as queue`,
    )
    await client.end()
    assert.deepEqual(rows, [{ ours: true, queue: true }])
  }
})
