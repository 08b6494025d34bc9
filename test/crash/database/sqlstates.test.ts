import assert from 'node:assert/strict'
import test, { afterEach } from 'node:test'
import { addBudget, ledgerOf } from '../../../apps/server/test/budgets.ts'
import { createTestDatabase, runSql } from '../../../apps/server/test/database.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { insistent } from '../../../apps/server/test/server.ts'
import {
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
} from '../../../apps/server/test/session.ts'
import { type PostgresProxy, startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { gatedWorld } from '../gates.ts'
import { followSoon, type Node, scopeOf, startNodeHere, untilIdle } from '../scenario.ts'
import { startWorld, type World, worldlySession } from '../world.ts'

/** PostgreSQL's part in any state, and the lease: without it a node would only wait. */
const always =
  /^(begin|rollback|commit|set |select pg_is_in_recovery|select case when pg_is_in_recovery|listen|unlisten|notify$|renew-lease$)/i

type Refusing = { code: string; statements: RegExp; refused: (label: string) => void }

let refusing: Refusing | undefined
let node: Node
/** Repeats no refused request. */
let plain: Node
let world: World
let agentId: string
let databaseUrl: string
const gates = gatedWorld()

beforeAll(async (t) => {
  const scope = scopeOf(t as never)
  databaseUrl = await createTestDatabase(scope)
  const proxy: PostgresProxy = await startPostgresProxy(databaseUrl, {
    onStatement(label) {
      if (!refusing?.statements.test(label) || always.test(label)) return undefined
      const { code, refused } = refusing
      refused(label)
      return { when: 'refused', code }
    },
  })
  scope.after(proxy.close)
  world = await startWorld(scope, gates)
  const env = { WORKER_SLOTS: '4', LOG_LEVEL: 'silent' }
  plain = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url, env })
  node = { ...plain, call: insistent(plain.call) }
  agentId = (await worldlySession(node, world)).agent.id
})

/** The next test needs the database, also after a failure. */
afterEach(() => {
  refusing = undefined
})

/** Refuses statements from now on; resolves after so many refused appends. */
function refuse(code: string, statements: RegExp, times: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = times
  const refused = (label: string) => {
    if (!/^(append-|retake-)/.test(label)) return
    left -= 1
    if (left === 0) resolve()
  }
  refusing = { code, statements, refused }
  return promise
}

const newSession = () => createSession(node, { agent_id: agentId })

/** Turns that have a reply or a tool's result once their gates open. Half come from the queue. */
async function beginTurns(words: string[]) {
  return Promise.all(
    words.map(async (text) => {
      const { id } = await newSession()
      await post(node, id, text)
      await gates.gate(text).reached
      return { id, text }
    }),
  )
}

const everything = /./
/** The first refusal is followed by a new attempt; that one and the next append are refused too. */
const refusalsEach = 2

const unavailable = ['25006', '28P01', '3D000', '40001', '40P01', '53100', '55P03', 'QQ123']
const others = ['42703', 'XX000']

for (const code of [...unavailable, ...others]) {
  test(`stores replies and tool results once the database accepts them, after ${code}`, async (t) => {
    const asked = world.prompts.length
    const paid = world.count('pay')
    const idle = await newSession()
    const talks = await beginTurns(['text', 'text too', 'pay'].map((word) => `${word} ${code}`))
    const refused = refuse(code, everything, talks.length * refusalsEach)
    for (const { text } of talks) gates.gate(text).open()
    const answer = await post(plain, idle.id, 'hello')
    if (unavailable.includes(code)) {
      assert.deepEqual([answer.status, answer.body.code], [503, 'database_unavailable'])
      assert.ok(Number(answer.headers.get('retry-after')) > 0)
    } else assert.equal(answer.status, 500)
    await refused
    refusing = undefined
    const scope = scopeOf(t)
    for (const { id, text } of talks) {
      await untilIdle(scope, node, id)
      const events = await eventsOf(node, id)
      auditLog(events)
      assert.match(replyOf(events), new RegExp(text))
      assert.ok(events.every(({ data }) => !JSON.stringify(data).includes('interrupted')))
    }
    assert.equal(world.prompts.length - asked, 2 * 1 + 1 * 2, 'no model is called again')
    assert.equal(world.count('pay') - paid, 1, 'every effect happened once')
    await post(node, idle.id, 'hello again')
    await untilIdle(scope, node, idle.id)
  })
}

test('ends a turn as failed when the database can never store its reply', async (t) => {
  const asked = world.prompts.length
  const budget = await addBudget({ databaseUrl }, { limit: 10_000_000 })
  const [talk] = await beginTurns(['text that is refused'])
  const refused = refuse('22021', /^append-events/, 1)
  gates.gate(talk!.text).open()
  await refused
  refusing = undefined
  const stream = await followSoon(scopeOf(t), node, talk!.id)
  await stream.event('session.idled')
  const events = await eventsOf(node, talk!.id)
  auditLog(events)
  const { error_code, error } = dataOf(events, 'turn.failed')
  assert.equal(error_code, 'turn_unstorable')
  assert.equal(error, 'The database could not store the events of the turn.')
  assert.equal(world.prompts.length - asked, 1, 'the model is not called again')
  await post(node, talk!.id, 'hello')
  await stream.event('session.idled', 2)
  assert.match(replyOf(await eventsOf(node, talk!.id)), /hello/)

  const [same] = await beginTurns(['text that is stored!'])
  gates.gate(same!.text).open()
  await untilIdle(scopeOf(t), node, same!.id)
  const ledger = await ledgerOf({ databaseUrl }, budget)
  const [lost, stored] = [talk, same].map((each) => ledger.find((e) => e.session_id === each!.id))
  assert.equal(lost!.amount, stored!.amount, 'a lost reply is charged like a stored one')
  await runSql(databaseUrl, `delete from budgets where id = '${budget}'`)
})

test('returns a turn without outcomes to the queue for a node that fits the database', async (t) => {
  const scope = scopeOf(t)
  const { id } = await newSession()
  const refused = refuse('42703', /^append-events/, 1)
  gates.gate('text for another node').open()
  await post(node, id, 'text for another node')
  await refused
  await startNodeHere(scope, { databaseUrl, worldUrl: world.url })
  await untilIdle(scope, node, id)
  refusing = undefined
  const events = await eventsOf(node, id)
  auditLog(events)
  assert.match(replyOf(events), /text for another node/)
})

test('ends a turn as failed when PostgreSQL breaks at each of its attempts', async (t) => {
  const scope = scopeOf(t)
  const { id } = await newSession()
  const refused = refuse('XX001', /^append-events/, 3)
  await post(node, id, 'text that breaks')
  await refused
  refusing = undefined
  await untilIdle(scope, node, id)
  const events = await eventsOf(node, id)
  auditLog(events)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'turn_crashed')
})
