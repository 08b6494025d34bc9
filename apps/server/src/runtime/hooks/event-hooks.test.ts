import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import pg from 'pg'
import { createTestDatabase, queryRows, runSql } from '../../../test/database.ts'
import { firstCalls, recordEvents, withHooks } from '../../../test/event-hooks.ts'
import { startServer } from '../../../test/server.ts'
import { converse, createAgent, createSession, eventsOf } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import type { EventHook } from '../../authoring/config.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/** Lines of the log at level `warn`, in tests that make hooks fail. */
function captureLog(t: TestContext): string[] {
  const lines: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => lines.push(text) > 0)
  return lines
}
const warnings = { LOG_LEVEL: 'warn' }

const rowsOf = ({ databaseUrl }: Server, sessionId: string) =>
  queryRows<{ sequence: number; head: number; due: boolean }>(
    databaseUrl,
    'select sequence, head, due_at is not null as due from hook_positions where session_id = $1',
    [sessionId],
  )

test('a hook gets exactly the stored events of every session, in order', async (t) => {
  const organizations = new Set<string>()
  const seen = recordEvents((_, { organizationId }) => void organizations.add(organizationId))
  const server = await startServer(t, withHooks(seen.hook))
  const sessions = [await createSession(server), await createSession(server)]
  for (const { id } of sessions) {
    await converse(t, server, id, 'hello')
    await server.call('PUT', `/v1/sessions/${id}/fs/notes.txt`, { content: 'from a client' })
    const stored = await eventsOf(server, id)
    await seen.until(() => seen.of(id).length >= stored.length)
    assert.deepEqual(seen.of(id), stored)
  }
  assert.deepEqual([...organizations], [sessions[0]!.organization_id])
})

test('a hook gets the copied events of a fork, and then its own', async (t) => {
  const seen = recordEvents()
  const server = await startServer(t, withHooks(seen.hook))
  const { id } = await createSession(server)
  await converse(t, server, id, 'hello')
  const { status, body: fork } = await server.call('POST', `/v1/sessions/${id}/fork`, {})
  assert.equal(status, 201)
  await converse(t, server, fork.id, 'and again')
  const stored = await eventsOf(server, fork.id)
  await seen.until(() => seen.of(fork.id).length >= stored.length)
  assert.deepEqual(seen.of(fork.id), stored)
})

test('each hook has its own position and its own copy of an event', async (t) => {
  const changing = recordEvents((event) => {
    event.data = {} as never
  })
  const seen = recordEvents()
  const hooks = { changing: changing.hook, 'also-2': seen.hook }
  const server = await startServer(t, withHooks(hooks))
  const { id } = await createSession(server)
  await converse(t, server, id, 'hello')
  const stored = await eventsOf(server, id)
  await seen.until(() => seen.of(id).length >= stored.length)
  await changing.until(() => changing.of(id).length >= stored.length)
  assert.deepEqual(seen.of(id), stored)
})

const throws: EventHook = () => {
  throw new Error('a secret reason')
}
const throwsNoJson: EventHook = () => {
  throw { reason: 10n }
}
const rejects: EventHook = async () => {
  await Promise.resolve()
  throw new Error('a secret reason')
}
const never: EventHook = () => new Promise(() => {})
const rejectsLate: EventHook = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('too late'))))

for (const [what, failing] of Object.entries({
  'throws synchronously': throws,
  'throws a value without a form in JSON': throwsNoJson,
  rejects,
  'never settles': never,
  'rejects after its limit': rejectsLate,
})) {
  test(`an event whose hook ${what} is given again, while other sessions continue`, async (t) => {
    const log = captureLog(t)
    let broken: string | undefined
    let failures = 0
    const seen = recordEvents((event, context) => {
      if (event.session_id !== broken || failures >= 2) return
      failures += 1
      return failing(event, context)
    })
    const options = { ...withHooks(seen.hook), eventHookLimitMs: 100, env: warnings }
    const server = await startServer(t, options)
    const [one, other] = [await createSession(server), await createSession(server)]
    await seen.until(() => seen.events.length >= 2)
    broken = one.id
    await converse(t, server, one.id, 'hello, it is me')
    await converse(t, server, other.id, 'hello')
    const [stored, others] = [await eventsOf(server, one.id), await eventsOf(server, other.id)]
    await seen.until(() => seen.of(other.id).length >= others.length)
    await seen.until(() => firstCalls(seen.of(one.id)).length >= stored.length)
    assert.deepEqual(firstCalls(seen.of(one.id)), stored)
    assert.deepEqual(seen.of(other.id), others)
    assert.equal(seen.of(one.id).length, stored.length + 2)
    const told = log.filter((line) => line.includes('an event hook failed'))
    assert.equal(told.length, 2)
    for (const part of ['"hook":"default"', one.id, stored[1]!.id])
      assert.ok(told[0]!.includes(part))
    assert.ok(!log.some((line) => line.includes('it is me')), 'the log has no text of a message')
  })
}

test('a hook that blocks one session delays neither turns nor other sessions', async (t) => {
  const free = Promise.withResolvers<void>()
  t.after(() => free.resolve())
  let blocked: string | undefined
  const seen = recordEvents((event) => (event.session_id === blocked ? free.promise : undefined))
  const server = await startServer(t, { ...withHooks(seen.hook), eventHookLimitMs: 600_000 })
  const { id } = await createSession(server)
  await seen.until(() => seen.events.length >= 1)
  blocked = id
  await converse(t, server, id, 'hello')
  await converse(t, server, id, 'hello again')
  const other = await createSession(server)
  await converse(t, server, other.id, 'hello')
  const stored = await eventsOf(server, other.id)
  await seen.until(() => seen.of(other.id).length >= stored.length)
  await seen.until(() => seen.of(id).length >= 2)
  assert.equal(seen.of(id).length, 2)
  free.resolve()
  const all = await eventsOf(server, id)
  await seen.until(() => seen.of(id).length >= all.length)
  assert.deepEqual(seen.of(id), all)
})

test('sessions whose events never end leave room for another session', async (t) => {
  const noisy = new Set<string>()
  const seen = recordEvents(async ({ session_id: id }) => {
    if (!noisy.has(id)) return
    await server.call('PUT', `/v1/sessions/${id}/fs/notes.txt`, {
      content: `${seen.events.length}`,
    })
  })
  const server = await startServer(t, { ...withHooks(seen.hook), eventHookLimitMs: 2_000 })
  t.after(() => noisy.clear())
  for (let n = 0; n < 10; n += 1) {
    const { id } = await createSession(server)
    noisy.add(id)
    await server.call('POST', `/v1/sessions/${id}/fs/notes.txt`, { content: id })
  }
  await seen.until(() => [...noisy].every((id) => seen.of(id).length > 3))
  const other = await createSession(server)
  await seen.until(() => seen.of(other.id).length > 0)
  noisy.clear()
  assert.deepEqual(seen.of(other.id), await eventsOf(server, other.id))
})

test('two nodes share the sessions of a hook without a gap', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const both = Promise.withResolvers<void>()
  const called = new Set<string>()
  const order: Event[] = []
  const hookOf = (node: string) =>
    recordEvents((event) => {
      order.push(event)
      called.add(node)
      if (called.size === 2) both.resolve()
      return both.promise
    })
  const seen = [hookOf('a'), hookOf('b')]
  const nodes = await Promise.all(
    seen.map(({ hook }) => startServer(t, { ...withHooks(hook), databaseUrl })),
  )
  const agent_id = (await createAgent(nodes[0]!)).id
  // More sessions than one node passes to a hook at once.
  const sessions = await Promise.all(
    Array.from({ length: 14 }, (_, n) => createSession(nodes[n % 2]!, { agent_id })),
  )
  await both.promise
  await Promise.all(sessions.map(({ id }, n) => converse(t, nodes[n % 2]!, id, 'hello')))
  for (const { id } of sessions) {
    const stored = await eventsOf(nodes[0]!, id)
    const calls = () => firstCalls(order.filter((event) => event.session_id === id))
    await eventually(async () => calls().length >= stored.length)
    assert.deepEqual(calls(), stored)
  }
})

test('a node without a hook leaves its events to a node that has it, also after a restart', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const without = await startServer(t, { databaseUrl })
  const first = recordEvents()
  const having = await startServer(t, { ...withHooks({ audit: first.hook }), databaseUrl })
  const { id } = await createSession(having)
  await first.until(() => first.of(id).length >= 1)
  // A stop waits one second for the position; without it the event is given again.
  await eventually(async () => (await rowsOf(having, id))[0]?.due === false)
  await having.stop()
  await converse(t, without, id, 'hello')
  const late = await createSession(without)
  const second = recordEvents()
  const other = recordEvents()
  const hooks = { audit: second.hook, newer: other.hook }
  const again = await startServer(t, { ...withHooks(hooks), databaseUrl })
  await converse(t, without, id, 'more')
  const stored = await eventsOf(again, id)
  await second.until(() => second.of(id).length >= stored.length - 1)
  await second.until(() => second.of(late.id).length >= 1)
  assert.deepEqual([...first.of(id), ...second.of(id)], stored)
  await other.until(() => other.of(id).some((event) => event.id === stored.at(-1)!.id))
  const since = stored.findLastIndex(({ type }) => type === 'input.message')
  assert.deepEqual(other.of(id), stored.slice(since), 'a new name begins at its registration')
  assert.deepEqual(other.of(late.id), [])
})

test('a node with ROLE=api calls no hook', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const seen = recordEvents()
  const worker = await startServer(t, {
    ...withHooks(seen.hook),
    databaseUrl,
    env: { ROLE: 'worker' },
  })
  const none = recordEvents()
  const api = await startServer(t, { ...withHooks(none.hook), databaseUrl, env: { ROLE: 'api' } })
  const { id } = await createSession(api)
  await converse(t, api, id, 'hello')
  const stored = await eventsOf(api, id)
  await seen.until(() => seen.of(id).length >= stored.length)
  assert.deepEqual([seen.of(id), none.events], [stored, []])
  assert.ok(worker.url)
})

test('health and metrics name a hook that is behind', async (t) => {
  captureLog(t)
  const hooks = { audit: throws, fine: () => {} }
  const server = await startServer(t, { ...withHooks(hooks), env: warnings })
  const { id } = await createSession(server)
  const failed = 'outlast_event_hook_calls_total{hook="audit",outcome="failed"}'
  const metrics = async () => (await server.call('GET', '/metrics')).body as string
  await eventually(async () => (await metrics()).includes(failed))
  const health = async () => (await server.call('GET', '/v1/durable/health')).body
  // On a loaded machine a node reports for a while that it could not renew its lease.
  const untilProblems = (count: number) =>
    eventually(async () => {
      const body = await health()
      return body.problems.length === count && body
    })
  await untilProblems(0)
  const earlier = `behind_since = behind_since - interval '6 minutes'`
  await runSql(
    server.databaseUrl,
    `update hook_positions set ${earlier} where session_id = '${id}' and hook = 'audit'`,
  )
  const { status, problems } = await untilProblems(1)
  assert.deepEqual(
    [status, problems],
    ['degraded', ['The event hook audit is more than 5 minutes behind.']],
  )
  const delay = /outlast_event_hook_delay_seconds\{hook="audit"\} (\d+)/.exec(await metrics())
  assert.ok(Number(delay![1]) >= 360)
  const isOnTime = /outlast_event_hook_delay_seconds\{hook="fine"\} 0\b/
  await eventually(async () => isOnTime.test(await metrics()))
})

test('the first hook waits for transactions that hold the sessions', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const holder = new pg.Client({ connectionString: databaseUrl })
  await holder.connect()
  await holder.query('begin; lock table sessions in share update exclusive mode')
  const log = captureLog(t)
  const seen = recordEvents()
  const starting = startServer(t, { ...withHooks(seen.hook), databaseUrl, env: warnings })
  await eventually(async () => log.some((line) => line.includes('waiting for the database')))
  const without = await startServer(t, { databaseUrl })
  const early = await createSession(without)
  await holder.query('commit')
  await holder.end()
  const server = await starting
  const { id } = await createSession(server)
  await seen.until(() => seen.of(id).length >= 1)
  assert.deepEqual(seen.of(early.id), [])
})

test('a deleted session leaves no position and no job of a hook that fails', async (t) => {
  captureLog(t)
  const server = await startServer(t, { ...withHooks(throws), env: warnings })
  const { id } = await createSession(server)
  await eventually(async () => (await rowsOf(server, id))[0]?.due)
  assert.equal((await server.call('DELETE', `/v1/sessions/${id}`)).status, 204)
  assert.deepEqual(await rowsOf(server, id), [])
  const jobs = 'select 1 from graphile_worker.jobs where key like $1'
  await eventually(
    async () => (await queryRows(server.databaseUrl, jobs, [`%${id}%`])).length === 0,
  )
})

test('jobs of a hook that no node has come after those of turns, also older jobs', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const having = await startServer(t, { ...withHooks({ audit: () => {} }), databaseUrl })
  const { id } = await createSession(having)
  await having.stop()
  await runSql(databaseUrl, `select graphile_worker.add_job('hook:gone', job_key => 'older')`)
  await runSql(databaseUrl, `delete from outlast_migrations where name like '0096%'`)
  const server = await startServer(t, { databaseUrl })
  await converse(t, server, id, 'hello')
  const hooks = `select priority from graphile_worker.jobs where task_identifier like 'hook:%'`
  assert.deepEqual(await queryRows(databaseUrl, hooks), [{ priority: 20 }, { priority: 20 }])
})

test('a hook that no node has had for a week is deleted with its positions and jobs', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const having = await startServer(t, { ...withHooks({ audit: () => {} }), databaseUrl })
  const { id } = await createSession(having)
  await eventually(async () => (await rowsOf(having, id))[0]?.due === false)
  await having.stop()
  const server = await startServer(t, { databaseUrl, sweepIntervalMs: 20 })
  await converse(t, server, id, 'hello')
  assert.equal((await rowsOf(server, id))[0]!.due, true)
  await runSql(databaseUrl, `update event_hooks set seen_at = seen_at - interval '8 days'`)
  await eventually(
    async () => (await queryRows(databaseUrl, 'select 1 from event_hooks')).length === 0,
  )
  assert.deepEqual(await rowsOf(server, id), [])
  assert.deepEqual(
    await queryRows(
      databaseUrl,
      `select 1 from graphile_worker.jobs where task_identifier like 'hook:%'`,
    ),
    [],
  )
  await converse(t, server, id, 'more')
  assert.deepEqual(await rowsOf(server, id), [])
})

test('a server does not start with an event hook of an invalid name or kind', async (t) => {
  const names = ['', 'Default', '1st', 'a b', 'a:b', '-a', 'é', `a${'b'.repeat(63)}`]
  for (const name of names) {
    await assert.rejects(
      startServer(t, withHooks({ [name]: () => {} })),
      /hooks\.event has the name/,
    )
  }
  const wrong = { audit: 'not a function' } as unknown as Record<string, EventHook>
  await assert.rejects(startServer(t, withHooks(wrong)), /hooks\.event\.audit is not a function/)
})
