/** Conditions of the statements that write turns, on real rows: a refusal changes nothing. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Database } from '../../apps/server/src/store/database.ts'
import { createHistory } from '../../apps/server/src/store/history.ts'
import type { NewEvent } from '../../apps/server/src/store/log/log-sql.ts'
import { renewLease } from '../../apps/server/src/store/turns/nodes.ts'
import { type Appending, appendToTurn } from '../../apps/server/src/store/turns/turn-appends.ts'
import {
  cancelTurn,
  forgiveAttempt,
  refuseTurn,
  type TurnRun,
  takeTurn,
} from '../../apps/server/src/store/turns/turns.ts'
import { openTestPool } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post } from '../../apps/server/test/session.ts'

type Server = Awaited<ReturnType<typeof startServer>>

let server: Server
let db: Database

/** Turns stay in place: an api node takes none. */
beforeAll(async (t) => {
  const scope = t as TestContext
  server = await startServer(scope, { env: { ROLE: 'api' } })
  db = openTestPool(server.databaseUrl, 2)
  // Then its own renewals find no turns without a node.
  await db.kysely.updateTable('nodes').set({ started_at: 'infinity' }).execute()
  scope.after(db.close)
})

type Ref = Omit<TurnRun, 'attempt'>

async function newTurn(): Promise<Ref> {
  const { id } = await createSession(server)
  await post(server, id, 'hello')
  return db.kysely
    .selectFrom('sessions')
    .where('id', '=', id)
    .select(['org_id as orgId', 'id as sessionId', 'turn_id as turnId'])
    .$narrowType<Ref>()
    .executeTakeFirstOrThrow()
}

const event = (type: NewEvent['type']): NewEvent => ({ type, context: '{}', data: '{}' })
const started = event('turn.started')
const events = [started]

const take = async (ref: Ref, nodeId: string) => (await takeTurn(db, ref, nodeId))?.turn_attempt

/** All rows that the statements could have changed. */
const rowsOf = ({ sessionId }: Ref) =>
  db.run(
    {
      name: 'all-of-a-turn',
      text: `
select row_to_json(s) as session,
  (select json_agg(e order by e.sequence) from events e where e.session_id = s.id) as events,
  (select json_agg(t) from turns t where t.session_id = s.id) as turns
from sessions s where s.id = $1`,
    },
    [sessionId],
  )

const lastOf = async ({ sessionId }: Ref) => (await eventsOf(server, sessionId)).at(-1)!
const sequenceOf = async (ref: Ref) => (await lastOf(ref)).sequence!

/** An append that has to be refused: undefined, and every row unchanged. */
async function expectRefused(run: TurnRun, what: Appending) {
  const before = await rowsOf(run)
  assert.equal(await appendToTurn(db, run, what), undefined)
  assert.deepEqual(await rowsOf(run), before)
}

let nodes = 0

/** A node whose lease ends `ms` from now. */
async function newNode(ms: number) {
  nodes += 1
  const id = `node_test${nodes}`
  await renew(id, { ms, judging: false })
  return id
}

type Renewing = { ms: number; judging: boolean; alone?: boolean; after?: string }

const renew = (id: string, { ms, judging, alone = true, after = '' }: Renewing) =>
  renewLease(
    { db, history: createHistory() },
    { id, version: '1', catalogHash: 'a', role: 'all', slots: 1, ms, draining: false, alone },
    { judging, taken: [], known: [], strays: [], after },
  )

const longMs = 60_000

test('an append of a superseded attempt is refused', async () => {
  const ref = await newTurn()
  const old = await take(ref, 'node_dead')
  const current = await take(ref, 'node_next')
  assert.deepEqual([old, current], [1, 2])
  await expectRefused({ ...ref, attempt: 1 }, { events })
  await expectRefused({ ...ref, attempt: 3 }, { events })
  assert.equal((await appendToTurn(db, { ...ref, attempt: 2 }, { events }))?.added, 1)
})

test('the end of a superseded attempt is refused', async () => {
  const ref = await newTurn()
  await take(ref, 'node_dead')
  await take(ref, 'node_next')
  const end = [event('turn.completed'), event('session.idled')]
  const ending = { events: end, sequence: await sequenceOf(ref), next: undefined }
  await expectRefused({ ...ref, attempt: 1 }, { events: [], ending })
  const ended = await appendToTurn(db, { ...ref, attempt: 2 }, { events: [], ending })
  assert.deepEqual([ended?.ended, ended?.added], [true, 2])
  await expectRefused({ ...ref, attempt: 2 }, { events })
})

test('a turn does not end when a message arrived after it last read the log', async () => {
  const ref = await newTurn()
  await take(ref, 'node_one')
  const end = { events: [event('turn.completed'), event('session.idled')], next: undefined }
  const sequence = await sequenceOf(ref)
  await post(server, ref.sessionId, 'late')
  const run = { ...ref, attempt: 1 }
  const early = await appendToTurn(db, run, { events, ending: { ...end, sequence } })
  assert.deepEqual([early?.ended, early?.added], [false, 1])
  const ending = { ...end, sequence: early!.sequence }
  const late = await appendToTurn(db, run, { events: [], ending })
  assert.deepEqual([late?.ended, late?.added], [true, 2])
})

test('an append for another turn or another organization is refused', async () => {
  const [ref, other] = [await newTurn(), await newTurn()]
  await take(ref, 'node_one')
  await expectRefused({ ...ref, turnId: other.turnId, attempt: 1 }, { events })
  await expectRefused({ ...ref, orgId: other.sessionId, attempt: 1 }, { events })
})

test('an append to a log that lacks the event before it is refused', async () => {
  const ref = await newTurn()
  await take(ref, 'node_one')
  const { ts } = await lastOf(ref)
  const sequence = await sequenceOf(ref)
  const run = { ...ref, attempt: 1 }
  await expectRefused(run, { events, after: { sequence, ts: '2020-01-01T00:00:00.000Z' } })
  await expectRefused(run, { events, after: { sequence: sequence + 1, ts } })
  assert.equal((await appendToTurn(db, run, { events, after: { sequence, ts } }))?.added, 1)
})

test('after a cancel the current attempt can append nothing', async () => {
  const ref = await newTurn()
  await take(ref, 'node_one')
  assert.ok(await cancelTurn(db, ref, event('turn.cancelled')))
  await expectRefused({ ...ref, attempt: 1 }, { events })
  const ending = { events: [event('turn.completed')], sequence: await sequenceOf(ref) }
  await expectRefused({ ...ref, attempt: 1 }, { events, ending: { ...ending, next: undefined } })
  assert.equal(await cancelTurn(db, ref, event('turn.cancelled')), undefined)
})

test('the end of a cancelled turn is refused when a message arrived after it last read the log', async () => {
  const ref = await newTurn()
  await take(ref, 'node_one')
  await cancelTurn(db, ref, event('turn.cancelled'))
  const run = { ...ref, attempt: null }
  const end = (sequence: number): Appending => ({
    cancelled: true,
    events: [event('tool.completed')],
    ending: { events: [event('session.idled')], sequence, next: undefined },
  })
  const seen = await sequenceOf(ref)
  await post(server, ref.sessionId, 'late')
  await expectRefused(run, end(seen))
  const ended = await appendToTurn(db, run, end(seen + 1))
  assert.deepEqual([ended?.ended, ended?.added], [true, 2])
})

test('the end of a cancelled turn is refused while the turn is not cancelled', async () => {
  const ref = await newTurn()
  await take(ref, 'node_one')
  const sequence = await sequenceOf(ref)
  const ending = { events: [event('session.idled')], sequence, next: undefined }
  await expectRefused({ ...ref, attempt: null }, { cancelled: true, events: [], ending })
})

test('a turn is not taken from a node whose lease is held, but from one whose lease lapsed', async () => {
  const [living, lapsed, taker] = [await newNode(longMs), await newNode(-1), await newNode(longMs)]
  const ref = await newTurn()
  await take(ref, living)
  const before = await rowsOf(ref)
  assert.equal(await takeTurn(db, ref, taker), undefined)
  assert.deepEqual(await rowsOf(ref), before)
  const other = await newTurn()
  await take(other, lapsed)
  const taken = await takeTurn(db, other, taker)
  assert.deepEqual([taken?.turn_attempt, taken?.taken_over], [2, true])
})

test('of the attempts that living nodes lost, every tenth counts as failed', async () => {
  const ref = await newTurn()
  const tries: (number | undefined)[] = []
  for (let attempt = 1; attempt <= 22; attempt += 1) {
    const taken = await takeTurn(db, ref, `node_slow${attempt}`)
    tries.push(taken?.turn_tries)
    for (const lost of [attempt - 1, attempt]) await forgiveAttempt(db, { ...ref, attempt: lost })
  }
  const ten = (count: number) => Array<number>(10).fill(count)
  assert.deepEqual(tries, [1, ...ten(2), ...ten(3), 4])
})

test('a refusal of a superseded attempt changes nothing', async () => {
  const ref = await newTurn()
  await take(ref, 'node_dead')
  await take(ref, 'node_next')
  const before = await rowsOf(ref)
  await refuseTurn(db, { ...ref, attempt: 1 }, { since: null, missing: ['a'] })
  assert.deepEqual(await rowsOf(ref), before)
})

test('a turn that is refused again keeps the time of its first refusal, until a node runs it', async () => {
  const ref = await newTurn()
  await take(ref, 'node_one')
  await refuseTurn(db, { ...ref, attempt: 1 }, { since: null, missing: ['a'] })
  const first = await takeTurn(db, ref, 'node_two')
  assert.deepEqual(
    [first?.missing_capabilities, first?.overdue, first?.turn_tries],
    [['a'], false, 1],
  )
  const refused = { since: first!.refused_at!, missing: ['a', 'b'] }
  await refuseTurn(db, { ...ref, attempt: 2 }, refused)
  await db.pool.query(
    `update turns set refused_at = refused_at - interval '60 seconds' where id = $1`,
    [ref.turnId],
  )
  const second = await takeTurn(db, ref, 'node_three')
  const agedMs = Date.parse(first!.refused_at!) - Date.parse(second!.refused_at!)
  assert.deepEqual(
    [second?.missing_capabilities, second?.overdue, agedMs],
    [['a', 'b'], true, 60_000],
  )
  const third = await takeTurn(db, ref, 'node_four')
  assert.deepEqual([third?.refused_at, third?.missing_capabilities], [null, null])
})

test('a renewal that sweeps creates a job for turns without a living node, and for no others', async () => {
  const [living, lapsed, judge] = [await newNode(longMs), await newNode(-1), await newNode(longMs)]
  const turns: Record<string, Ref> = {}
  for (const nodeId of [living, lapsed, 'node_gone']) {
    turns[nodeId] = await newTurn()
    await take(turns[nodeId]!, nodeId)
  }
  await db.pool.query(
    'select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs',
  )
  // Turns of the other tests would get jobs too.
  const kept = Object.values(turns).map(({ turnId }) => turnId)
  await db.kysely.deleteFrom('turns').where('id', 'not in', kept).execute()
  assert.equal((await renew(judge, { ms: longMs, judging: false })).readded, 0)
  const { readded } = await renew(judge, { ms: longMs, judging: true })
  const jobs = await db.pool.query('select key from graphile_worker.jobs where key = any($1)', [
    kept,
  ])
  const wanted = [turns[lapsed]!.turnId, turns.node_gone!.turnId].sort()
  assert.equal(readded, 2)
  assert.deepEqual(jobs.rows.map(({ key }) => key).sort(), wanted)
})

const startAll = {
  name: 'start-queued-turns',
  text: `select start_turn(org_id, session_id, id) from turns where id < 'turn_00500'`,
}

/** Stores queued turns of some age without jobs. Their ids sort before those of other turns. */
const queueTurns = (count: number) =>
  db.pool.query(
    `insert into turns (id, org_id, session_id, created_at)
     select 'turn_0' || lpad(n::text, 4, '0'), 'o', 's', now() - interval '1 minute'
     from generate_series(1, $1::int) n`,
    [count],
  )

test('a renewal locks no job that waits, and finds turns without one behind others that have one', async () => {
  const judge = await newNode(longMs)
  const sweep = (after = '') => renew(judge, { ms: longMs, judging: true, after })
  const lost = await newTurn()
  await take(lost, 'node_gone')
  await db.kysely.deleteFrom('turns').where('id', '<>', lost.turnId).execute()
  await queueTurns(501)
  await db.run(startAll, [])
  await db.pool.query(
    'select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs where key = $1',
    [lost.turnId],
  )
  const holder = await db.begin()
  await holder.db.run(startAll, [])
  const first = await sweep()
  await holder.rollback()
  assert.deepEqual([first.readded, first.after], [2, 'turn_00500'])
  const second = await sweep(first.after)
  assert.deepEqual([second.readded, second.after], [1, ''])
  assert.equal((await sweep()).readded, 0)
  await db.kysely.deleteFrom('turns').execute()
})

test('a node sweeps no turns before its row is as old as a lease: a crash of PostgreSQL empties the table', async () => {
  const [living, judge] = [await newNode(longMs), await newNode(longMs)]
  const turn = await newTurn()
  await take(turn, living)
  await db.kysely.deleteFrom('turns').where('id', '<>', turn.turnId).execute()
  await db.pool.query(
    'select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs',
  )
  // The server keeps its row, and so finds no turns.
  await db.pool.query(`delete from nodes where id like 'node_test%'`)
  const judging = async () => {
    const { readded } = await renew(judge, { ms: longMs, judging: true, alone: false })
    return readded
  }
  assert.deepEqual([await judging(), await judging()], [0, 0])
  await db.pool.query(
    `update nodes set started_at = started_at - interval '1 minute' where id = $1`,
    [judge],
  )
  assert.equal(await judging(), 1)
})
