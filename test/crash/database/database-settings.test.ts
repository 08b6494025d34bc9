import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { alterDatabase, createTestDatabase, runSql } from '../../../apps/server/test/database.ts'
import { insistent } from '../../../apps/server/test/server.ts'
import {
  createSession,
  eventsOf,
  post,
  replyOf,
  typesOf,
} from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { startFails } from '../../process.ts'
import { auditLog } from '../audit.ts'
import { gatedWorld } from '../gates.ts'
import { postUntilAccepted, type Scope, scopeOf, startNodeHere, untilIdle } from '../scenario.ts'
import { startWorld, worldlySession } from '../world.ts'

const hostile = [
  "default_transaction_isolation = 'serializable'",
  "datestyle = 'SQL, DMY'",
  "timezone = 'Asia/Kolkata'",
  "lock_timeout = '20ms'",
  "statement_timeout = '20ms'",
  "transaction_timeout = '20ms'",
  "idle_in_transaction_session_timeout = '20ms'",
  "standard_conforming_strings = 'off'",
]

const withOptions = (url: string, options: string) => {
  const changed = new URL(url)
  changed.searchParams.set('options', options)
  return changed.href
}

const minuteMs = 60_000
const turnsAtOnce = 8

async function auditTalk(scope: Scope, node: Parameters<typeof untilIdle>[1], id: string) {
  await untilIdle(scope, node, id)
  // Messages that arrive after the end of a turn begin another one.
  await eventually(async () => {
    const { body } = await node.call('GET', `/v1/sessions/${id}`)
    return body.status === 'idle'
  })
  const events = await eventsOf(node, id)
  auditLog(events)
  assert.ok(typesOf(events).includes('turn.completed'), typesOf(events).join(' '))
  for (const { ts } of events) {
    assert.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    assert.ok(Math.abs(Date.parse(ts) - Date.now()) < 5 * minuteMs, ts)
  }
  return events
}

test('database defaults and options of the URL change neither times nor transactions', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  for (const setting of hostile) await alterDatabase(databaseUrl, `set ${setting}`)
  const world = await startWorld(scope, gatedWorld())
  const url = withOptions(databaseUrl, '-c work_mem=8MB -c timezone=Asia/Kolkata -c lock_timeout=1')
  const node = await startNodeHere(scope, { databaseUrl: url, worldUrl: world.url })
  const { agent, session } = await worldlySession(node, world)
  assert.ok(Math.abs(Date.parse(session.created_at) - Date.now()) < 5 * minuteMs)
  const ids = await Promise.all(
    Array.from({ length: turnsAtOnce }, async (_, n) => {
      const { id } = await createSession(node, { agent_id: agent.id })
      const answers = await Promise.all(
        [1, 2, 3].map((count) => post(node, id, `message ${count} of ${n}`)),
      )
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201, 201, 201],
      )
      return id
    }),
  )
  for (const id of ids) await auditTalk(scope, node, id)
})

test('applies options of the URL to the database, and refuses to start on a read-only one', async (t) => {
  const databaseUrl = await createTestDatabase(scopeOf(t))
  const url = withOptions(databaseUrl, '-c default_transaction_read_only=on')
  const { code, output } = await startFails({ DATABASE_URL: url })
  assert.equal(code, 1)
  assert.match(
    output,
    /^outlast: The database of DATABASE_URL .* read-only.*Outlast needs the primary\.$/m,
  )
  assert.doesNotMatch(output, /\n\s+at /)
})

test('a role that cannot connect for a while loses no reply and no result', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const role = `role_${randomBytes(6).toString('hex')}`
  await runSql(databaseUrl, `create role ${role} superuser login password 'secret'`)
  scope.after(() => runSql(process.env.OUTLAST_TEST_DATABASE_URL!, `drop role ${role}`))
  const own = new URL(databaseUrl)
  own.username = role
  own.password = 'secret'
  const proxy = await startPostgresProxy(own.href)
  scope.after(proxy.close)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const env = { LOG_LEVEL: 'silent' }
  const plain = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url, env })
  const node = { ...plain, call: insistent(plain.call) }
  const { agent, session } = await worldlySession(node, world)
  const words = ['text in hand', 'pay in hand']
  const ids = await Promise.all(
    words.map(async (text) => {
      const { id } = await createSession(node, { agent_id: agent.id })
      await post(node, id, text)
      await gates.gate(text).reached
      return id
    }),
  )
  await runSql(databaseUrl, `alter role ${role} nologin`)
  proxy.cut()
  for (const text of words) gates.gate(text).open()
  const refused = await post(plain, session.id, 'hello')
  assert.deepEqual([refused.status, refused.body.code], [503, 'database_unavailable'])
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  await runSql(databaseUrl, `alter role ${role} login`)
  for (const [index, id] of ids.entries()) {
    const events = await auditTalk(scope, node, id)
    assert.match(replyOf(events), new RegExp(words[index]!))
    assert.ok(events.every(({ data }) => !JSON.stringify(data).includes('interrupted')))
  }
  assert.equal(world.prompts.length, 1 + 2)
  assert.equal(world.count('pay'), 1)
  await postUntilAccepted(node, session.id, { text: 'hello again', key: 'again' })
  await auditTalk(scope, node, session.id)
})
