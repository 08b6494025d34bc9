import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeTurn } from '../../apps/server/src/store/turns/turns.ts'
import { parkTurn } from '../../apps/server/src/store/turns/waits.ts'
import { createTestDatabase, openTestPool } from '../../apps/server/test/database.ts'
import { post } from '../../apps/server/test/session.ts'
import { follow, watch } from '../../apps/server/test/stream.ts'
import { type Delay, startPostgresProxy } from '../postgres-proxy.ts'
import { scopeOf, startNodeHere } from './scenario.ts'
import {
  answerAll,
  auditEnd,
  calls,
  question,
  reply,
  untilWaiting,
  waitingSession,
} from './waiting.ts'
import { type Effect, startWorld } from './world.ts'

test('a turn taken while it parks is not lost', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const world = await startWorld(scope, { reply })
  const where = { databaseUrl, worldUrl: world.url }
  const first = await startNodeHere(scope, where)
  const sessionId = await waitingSession(first, world)
  await post(first, sessionId, question)
  await untilWaiting({ call: first.call, sessionId }, calls.pay)
  await first.stop()

  const db = openTestPool(databaseUrl, 3)
  const { rows } = await db.pool.query(
    `with s as (
      update sessions set waiting_for = null, wait_expires_at = null, turn_node = 'dead' where id = $1
      returning org_id, id, turn_id, turn_attempt, sequence
    ), t as (
      insert into turns (id, org_id, session_id, node_id) select turn_id, org_id, id, 'dead' from s
    ) select * from s`,
    [sessionId],
  )
  const { org_id: orgId, turn_id: turnId, turn_attempt: attempt, sequence } = rows[0]
  const [stored] = (
    await db.pool.query('select ts from events where session_id = $1 and sequence = $2', [
      sessionId,
      sequence,
    ])
  ).rows
  const last = { sequence, ts: stored.ts }
  const ref = { orgId, sessionId, turnId }
  const waitingFor = { type: 'approval' as const, tool_call_ids: [], since: '', calls: [] }
  const expiresAt = '2100-01-01T00:00:00.000Z'
  const taking = await db.transaction(async (unit) => {
    const at = { nodeId: 'dead', last, waitingFor, expiresAt }
    assert.ok(await parkTurn(unit, { ...ref, attempt }, at))
    const taken = takeTurn(db, ref, 'node_that_dies_too')
    const isBlocked = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    while ((await db.pool.query(isBlocked)).rows.length === 0) await sleep(5)
    return { taken }
  })
  assert.ok(await taking.taken, 'requests from before the park end after it')
  const left = await db.pool.query('select node_id from turns')
  assert.deepEqual(left.rows, [{ node_id: 'node_that_dies_too' }], "the turn's node can be read")
  await db.close()

  const next = await startNodeHere(scope, where)
  const stream = await follow(scope, next.url, { sessionId })
  await answerAll({ call: next.call, sessionId })
  await stream.event('session.idled')
  await auditEnd(next, world, sessionId)
})

test("a late hint about a lost turn does not end the node's current attempt", async (t) => {
  const scope = scopeOf(t)
  const passes = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const reached = passes.map(() => Promise.withResolvers<void>())
  let effects = 0
  const onEffect = ({ tool }: Effect) => {
    if (tool !== 'look') return
    const nth = effects++
    reached[nth]?.resolve()
    return passes[nth]?.promise
  }
  const script = (prompt: unknown[]) => {
    const asked = [
      { name: 'look', arguments: {} },
      { name: 'look_outside', arguments: {} },
    ]
    if (prompt.length < 3) return asked
    return prompt.length < 6 ? [{ name: 'look', arguments: {} }] : ['Done.']
  }
  const world = await startWorld(scope, { reply: script, onEffect })
  let next: Delay | undefined
  const seen = Promise.withResolvers<void>()
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (label !== 'renew-lease' || !next) return undefined
      const delay = next
      next = undefined
      seen.resolve()
      return delay
    },
  })
  scope.after(proxy.close)
  const node = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const sessionId = await waitingSession(node, world)
  const client = { call: node.call, sessionId }
  const stream = await follow(scope, node.url, { sessionId })
  await post(node, sessionId, question)
  await reached[0]!.promise

  const [sent, made, answered] = [1, 2, 3].map(() => Promise.withResolvers<void>())
  next = { when: 'late', sent: sent!.promise, made: made!.resolve, answered: answered!.promise }
  await seen.promise
  passes[0]!.resolve()
  await untilWaiting(client, 'call_1')
  sent!.resolve()
  await made!.promise
  const tool_results = [{ tool_call_id: 'call_1', result: 'blue' }]
  const url = `/v1/sessions/${sessionId}/tool-results`
  assert.equal((await node.call('POST', url, { tool_results })).status, 200)
  // A node without a lease begins no tool: on a machine this slow the test proves nothing.
  await Promise.race([reached[1]!.promise, sleep(2_000)])
  answered!.resolve()
  await reached[1]!.promise
  assert.equal((await post(node, sessionId, 'Still there?')).status, 201)
  passes[1]!.resolve()
  await stream.event('session.idled')
  assert.equal(effects, 2, 'no tool is run again')
})

test('watchers hear that a session waits, also when it parks long after its last event', async (t) => {
  const scope = scopeOf(t)
  const world = await startWorld(scope, { reply })
  const [sent, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (label !== 'park-turn') return undefined
      reached.resolve()
      const answered = Promise.resolve()
      return { when: 'late', sent: sent.promise, made() {}, answered }
    },
  })
  scope.after(proxy.close)
  const node = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url })
  const sessionId = await waitingSession(node, world)
  const changes = await watch(scope, node.url)
  await post(node, sessionId, question)
  await reached.promise
  // Its events are announced, and read, before it parks.
  await changes.session(sessionId, ({ status }) => status === 'active')
  await sleep(600)
  sent.resolve()
  const { waiting_for } = await changes.session(
    sessionId,
    (session) => session.waiting_for !== null,
  )
  assert.ok(waiting_for!.tool_call_ids.includes(calls.pay))
})
