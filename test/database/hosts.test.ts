import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { converse, createSession, replyOf } from '../../apps/server/test/session.ts'
import { reservePort } from '../ports.ts'
import { startFails, startProcess } from '../process.ts'

test('uses the host of a URL that accepts connections, in any position of the list', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { host } = new URL(databaseUrl)
  const closed = `127.0.0.1:${await reservePort()}`
  for (const hosts of [`${closed},${host}`, `${host},${closed}`]) {
    const url = `${databaseUrl.replace(host, hosts)}?target_session_attrs=read-write`
    const server = await startProcess({ DATABASE_URL: url })
    const session = await createSession(server)
    assert.notEqual(replyOf(await converse(t, server, session.id, 'What is 2 + 3?')), '')
    assert.equal(await server.stop(), 0)
  }
})

test('explains an invalid URL of several hosts', async () => {
  const cases: [string, RegExp][] = [
    ['postgres://one:5432,two:x/db', /must look like postgres:\/\/user:password@host:5432\/name/],
    ['postgres:///db?host=one,two', /must name several hosts before the path/],
    [
      'postgres://one,two/db?target_session_attrs=standby',
      /requires the server that accepts writes/,
    ],
    ['mysql://one/db', /must be a URL that begins with postgres:\/\//],
  ]
  for (const [url, said] of cases) {
    const { code, output } = await startFails({ DATABASE_URL: url })
    assert.equal(code, 1, url)
    assert.match(output, said)
    assert.equal(output.trim().split('\n').length, 1)
  }
})
