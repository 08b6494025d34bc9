import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type pg from 'pg'
import { createTestDatabase } from '../../test/database.ts'
import { createPool } from './database.ts'

const limit = /^Error: Query read timeout$/

/** A pool with one connection, whose server does not limit its statements. */
async function openPool(t: TestContext, timeoutMs: number) {
  const url = await createTestDatabase(t)
  const pool = createPool({ url, max: 1, timeoutMs, waitMs: 60_000, onError() {} })
  t.after(() => pool.end())
  await pool.query('set statement_timeout = 0')
  return pool
}

/** Frees the connection also after a failure: the end of the pool waits for it. */
async function onClient(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<unknown>) {
  const client = await pool.connect()
  await work(client).finally(() => client.release(true))
}

const pidOf = async (pool: pg.Pool) =>
  (await pool.query('select pg_backend_pid() as pid')).rows[0].pid

test('a query above the limit fails, and the next one gets another connection', async (t) => {
  const pool = await openPool(t, 1_000)
  const first = await pidOf(pool)
  await assert.rejects(pool.query('select pg_sleep(600)'), limit)
  assert.notEqual(await pidOf(pool), first)
})

test('a held connection has the same limit, and a query its own', async (t) => {
  const pool = await openPool(t, 600_000)
  const own = { text: 'select pg_sleep(600)', query_timeout: 50 }
  await onClient(pool, (client) => assert.rejects(client.query(own), limit))
  const limited = await openPool(t, 1_000)
  await onClient(limited, (client) =>
    assert.rejects(client.query('select pg_sleep($1)', [600]), limit),
  )
})

test('results and errors arrive in all forms of a query', async (t) => {
  const pool = await openPool(t, 600_000)
  await onClient(pool, async (client) => {
    const named = { name: 'sum', text: 'select $1::int + 1 as n', values: [2] }
    const { rows } = await client.query<{ n: number }>(named)
    assert.deepEqual(rows, [{ n: 3 }])
    const called = new Promise((resolve, reject) => {
      client.query('select $1::int as n', [5], (error, result) =>
        error ? reject(error) : resolve(result.rows),
      )
    })
    assert.deepEqual(await called, [{ n: 5 }])
    const plain = new Promise((resolve) => {
      client.query('select 1 / 0', (error) => resolve(error))
    })
    assert.equal(((await plain) as { code: string }).code, '22012')
    await assert.rejects(client.query('select 1 / 0'), (error: Error & { code: string }) => {
      assert.match(String(error.stack), /query-limit/)
      return error.code === '22012'
    })
  })
})

test('a minor garbage collection takes ended queries with their values', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect: (options: { type: 'minor' | 'major' }) => void = runInNewContext('gc')
  const oldBytes = () =>
    getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size
  const pool = await openPool(t, 600_000)
  const run = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const values = [`${n} ${'x'.repeat(50_000)}`]
      await pool.query({ name: 'length', text: 'select length($1::text)', values })
      if (n % 10 === 0) collect({ type: 'minor' })
    }
  }
  await run(50)
  collect({ type: 'major' })
  const before = oldBytes()
  await run(300)
  assert.ok(oldBytes() - before < 5_000_000, `${oldBytes() - before} bytes stay`)
})
