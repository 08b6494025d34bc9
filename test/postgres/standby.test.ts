import assert from 'node:assert/strict'
import test from 'node:test'
import { queryRows } from '../../bench/core/database.ts'
import { databaseWithStandby } from '../../chaos/cluster/standby.ts'

const count = (url: string) => queryRows<{ n: number }>(url, 'select count(*)::int as n from kept')

test('each promoted standby has every commit, and a new standby replaces it', async (t) => {
  const database = await databaseWithStandby()
  t.after(database.stop)
  const { url, standby } = database
  await queryRows(url, 'create table kept (n int)')
  for (let failovers = 1; failovers <= 2; failovers += 1) {
    await queryRows(url, 'insert into kept select generate_series(1, 1000)')
    await standby!.promote()
    assert.deepEqual(await count(url), [{ n: failovers * 1000 }])
    await standby!.replace()
  }
  await database.end!('SIGKILL')
  assert.deepEqual(await count(url), [{ n: 2_000 }])
})

test('a read-only database refuses writes until it is writable again', async (t) => {
  const database = await databaseWithStandby()
  t.after(database.stop)
  const write = () => queryRows(database.url, 'create table written ()')
  await database.setReadOnly(true)
  await assert.rejects(write, { code: '25006' })
  await database.setReadOnly(false)
  await write()
})
