import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Execution } from '@outlast/contract'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import {
  createSchedule,
  everySecond,
  executionsOf,
  schedules,
  sending,
} from '../../apps/server/test/schedules.ts'
import { insistent, startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, eventsOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startPostgresProxy } from '../postgres-proxy.ts'
import { auditLog } from './audit.ts'
import { type Node, type Scope, scopeOf, startNode } from './scenario.ts'

/** A world without effects: these agents have no tools. */
const worldUrl = 'http://127.0.0.1:9'

type Ticking = { id: string; sessionId: string }

/** Schedules that send a message each second, each to a session of its own. */
async function everySecondSchedules(node: Node, count: number): Promise<Ticking[]> {
  const { id: agent_id } = await createAgent(node)
  return Promise.all(
    Array.from({ length: count }, async () => {
      const { id: sessionId } = await createSession(node, { agent_id })
      const target = sending(sessionId, { text: 'Say tick' })
      const { id } = await createSchedule(node, { cron_expression: everySecond, target })
      return { id, sessionId }
    }),
  )
}

/** All executions of a schedule, oldest first. */
async function allOf(node: Node, id: string): Promise<Execution[]> {
  const all: Execution[] = []
  for (;;) {
    const page = await executionsOf(
      { ...node, call: insistent(node.call) },
      id,
      `?limit=100&offset=${all.length}`,
    )
    all.push(...page)
    if (page.length < 100) return all.reverse()
  }
}

const untilExecutions = (node: Node, id: string, count: number) =>
  eventually(async () => (await allOf(node, id)).length >= count)

const isOver = ({ status }: Execution) => status !== 'running' && status !== 'pending'

/** Waits until all executions that have begun are over. */
async function untilOver(node: Node, ids: string[]) {
  const now = new Date().toISOString()
  for (const id of ids) {
    await eventually(async () =>
      (await allOf(node, id)).every((one) => one.scheduled_at > now || isOver(one)),
    )
  }
}

/** Each second of the schedule's run occurred once, ended, and sent its message once, in order. */
async function audit(node: Node, { id, sessionId }: Ticking): Promise<Execution[]> {
  // While a batch locks the row for longer than a request waits for it, the response is 503.
  await eventually(async () => {
    const { status } = await node.call('POST', `${schedules}/${id}/pause`)
    if (status !== 503) assert.equal(status, 200)
    return status === 200
  })
  const all = await eventually(async () => {
    const found = await allOf(node, id)
    return found.every(isOver) ? found : undefined
  })
  const times = all.map(({ scheduled_at }) => Date.parse(scheduled_at))
  assert.deepEqual(
    times,
    times.map((_, n) => times[0]! + n * 1_000),
    'no second is missing or repeated',
  )
  assert.deepEqual(
    all.filter(({ status }) => status !== 'completed'),
    [],
  )
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  const messages = events.flatMap(({ type, data }) =>
    type === 'input.message' ? [data.message.metadata?.execution_id] : [],
  )
  assert.deepEqual(
    messages,
    all.map((execution) => execution.id),
    'each execution has its message, and there are no others',
  )
  return all
}

type Moment = { label: string; when: 'before' | 'after' }

/** A node that, once armed, is killed with -9 at a statement. Resolves when it is dead. */
async function doomedNode(scope: Scope, databaseUrl: string, { label, when }: Moment) {
  let armed = false
  let kill = () => {}
  const proxy = await startPostgresProxy(databaseUrl, {
    onStatement(seen) {
      if (!armed || seen !== label) return undefined
      armed = false
      return { when, act: () => kill() }
    },
  })
  scope.after(proxy.close)
  const node = await startNode(scope, { databaseUrl: proxy.url, worldUrl })
  const dead = once(node.child, 'exit')
  kill = () => void node.child.kill('SIGKILL')
  return () => {
    armed = true
    return dead
  }
}

/**
 * Points at which two nodes die in turn: nothing claimed, a message stored, all stored; around
 * commit.
 */
const moments: [Moment, Moment][] = [
  [
    { label: 'claim-schedules', when: 'after' },
    { label: 'accept-message', when: 'before' },
  ],
  [
    { label: 'accept-message', when: 'after' },
    { label: 'advance-schedules', when: 'after' },
  ],
  [
    { label: 'commit', when: 'before' },
    { label: 'commit', when: 'after' },
  ],
]

test('nodes killed in the middle of a batch neither lose nor repeat an execution', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const watcher = await startServer(scope, { databaseUrl, env: { ROLE: 'api' } })
  const ticking = await everySecondSchedules(watcher, 4)
  for (const pair of moments) {
    const arm = await Promise.all(pair.map((moment) => doomedNode(scope, databaseUrl, moment)))
    // A turn fails after three dead nodes: each sees at most these two die.
    await untilOver(
      watcher,
      ticking.map(({ id }) => id),
    )
    await Promise.all(arm.map((die) => die()))
  }
  const survivor = await startServer(scope, { databaseUrl })
  const now = new Date().toISOString()
  await eventually(async () => {
    const [last] = await executionsOf(survivor, ticking[0]!.id, '?limit=1')
    return last !== undefined && last.scheduled_at > now
  })
  for (const one of ticking) await audit(survivor, one)
})

test('a node whose network stalls in the middle of a batch delays the others by seconds only', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const stalled = Promise.withResolvers<void>()
  let stalls = false
  const proxy = await startPostgresProxy(databaseUrl, {
    onStatement(label) {
      if (!stalls || label !== 'insert-executions') return undefined
      proxy.stall()
      stalled.resolve()
      return undefined
    },
  })
  scope.after(proxy.close)
  const first = await startServer(scope, { databaseUrl: proxy.url })
  scope.after(async () => proxy.pass())
  const ticking = await everySecondSchedules(first, 3)
  stalls = true
  await stalled.promise
  const second = await startServer(scope, { databaseUrl })
  await untilExecutions(second, ticking[0]!.id, 5)
  proxy.pass()
  await untilExecutions(second, ticking[0]!.id, 8)
  for (const one of ticking) await audit(second, one)
})

for (const how of ['refuse', 'stall'] as const) {
  test(`while the database is away (${how}) no schedule runs, and afterwards all that are due`, async (t) => {
    const scope = scopeOf(t)
    const databaseUrl = await createTestDatabase(scope)
    const proxy = await startPostgresProxy(databaseUrl)
    scope.after(proxy.close)
    const node = await startServer(scope, { databaseUrl: proxy.url, env: { LOG_LEVEL: 'silent' } })
    const ticking = await everySecondSchedules(node, 3)
    await untilExecutions(node, ticking[0]!.id, 2)
    proxy[how]()
    await sleep(4_000)
    proxy.pass()
    const ready = async () => (await node.call('GET', '/v1/durable/schedules')).status === 200
    await eventually(ready)
    const { length } = await allOf(node, ticking[0]!.id)
    await untilExecutions(node, ticking[0]!.id, length + 3)
    for (const one of ticking) await audit(node, one)
  })
}

test('schedules depend on the clock of the database, not on that of a node', async (t) => {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const clock = new URL('shifted-clock.ts', import.meta.url).href
  const hourMs = 3_600_000
  const nodes = await Promise.all(
    [hourMs, -hourMs].map((shiftMs) => {
      const env = { NODE_OPTIONS: `--import=${clock}`, CLOCK_SHIFT_MS: String(shiftMs) }
      return startNode(scope, { databaseUrl, worldUrl, env })
    }),
  )
  const ticking = await everySecondSchedules(nodes[0]!, 4)
  await untilExecutions(nodes[1]!, ticking[0]!.id, 6)
  for (const one of ticking) {
    for (const { scheduled_at, started_at } of await audit(nodes[1]!, one)) {
      const lateMs = Date.parse(started_at) - Date.parse(scheduled_at)
      assert.ok(lateMs >= 0 && lateMs < hourMs / 2, `${lateMs} ms late`)
      assert.ok(Math.abs(Date.parse(scheduled_at) - Date.now()) < hourMs / 2)
    }
  }
})
