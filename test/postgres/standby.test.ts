import assert from 'node:assert/strict'
import test from 'node:test'
import { runSql } from '../../apps/server/test/database.ts'
import { startPair, versions } from './standby.ts'

for (const version of versions) {
  test(`a promoted standby has what the primary acknowledged, and the primary comes back as its standby (${version})`, async (t) => {
    const { primary, standby, address, caughtUp } = await startPair(t, {
      version,
      replication: 'sync',
    })
    await runSql(address.url, 'create table kept (n integer)')
    await runSql(address.url, 'insert into kept values (1)')
    await caughtUp()
    await primary.stop()
    await standby.promote()
    address.moveTo(standby.url)
    await runSql(address.url, 'insert into kept values (2)')
    assert.deepEqual(await standby.query('select n from kept order by n'), [{ n: 1 }, { n: 2 }])
    await primary.standBy(standby)
    await primary.start()
    const [state] = await primary.query('select pg_is_in_recovery() as standby')
    assert.deepEqual(state, { standby: true })
  })

  test(`an asynchronous standby loses what it has not received (${version})`, async (t) => {
    const { primary, standby, address, caughtUp } = await startPair(t, {
      version,
      replication: 'async',
    })
    await runSql(address.url, 'create table kept (n integer)')
    await caughtUp()
    await standby.stopReceiving()
    await runSql(address.url, 'insert into kept values (1)')
    await primary.kill()
    await standby.promote()
    address.moveTo(standby.url)
    assert.deepEqual(await standby.query('select n from kept'), [])
    await runSql(address.url, 'insert into kept values (2)')
  })
}
