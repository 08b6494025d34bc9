import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Event } from '@outlast/contract'
import { createTestDatabase, queryRows } from '../../../apps/server/test/database.ts'
import {
  firstCalls,
  type Recorder,
  recordEvents,
  withHooks,
} from '../../../apps/server/test/event-hooks.ts'
import { masterKey, startServer, testSettings } from '../../../apps/server/test/server.ts'
import { converse, createSession, eventsOf, post } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { startLosingDatabase, talk } from '../../lost-commits.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { type ServerProcess, startProcess } from '../../process.ts'
import { gone, type Scope, scopeOf } from '../scenario.ts'

const entry = fileURLToPath(new URL('hook-node.ts', import.meta.url))

/** The receiver of the hooks of all nodes; its answer is the end of a call. */
async function startLedger(t: Scope, answer: (event: Event) => unknown) {
  const ledger = recordEvents(async (event) => void (await answer(event)))
  const server = createServer(async (request, response) => {
    const event = (await json(request).catch(() => undefined)) as Event | undefined
    if (!event) return
    await ledger.hook(event, { organizationId: '', signal: new AbortController().signal })
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { ...ledger, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function startHookNode(t: Scope, databaseUrl: string, ledgerUrl: string, env: object = {}) {
  const node = await startProcess(
    {
      PORT: '0',
      LOG_LEVEL: 'error',
      DATABASE_URL: databaseUrl,
      SECRETS_ENCRYPTION_KEY: masterKey,
      LEDGER_URL: ledgerUrl,
      ...testSettings,
      ...env,
    },
    entry,
  )
  t.after(() => kill(node))
  return node
}

async function kill(node: ServerProcess) {
  if (node.child.exitCode === null && node.child.signalCode === null) await node.crash()
  await gone(node)
}

/** Resolves when every stored event of a session was given, in order; events may repeat. */
async function allGiven(ledger: Recorder, stored: readonly Event[]) {
  const { session_id: id } = stored[0]!
  await ledger.until(() => firstCalls(ledger.of(id)).length >= stored.length)
  assert.deepEqual(firstCalls(ledger.of(id)), stored)
}

async function setStage(t: TestContext) {
  const scope = scopeOf(t)
  return { scope, databaseUrl: await createTestDatabase(scope) }
}

test('an event is given again after kill -9 between its call and the end of the call', async (t) => {
  const { scope, databaseUrl } = await setStage(t)
  let held: Event['type'] | undefined = 'reason.completed'
  const isHeld = ({ type }: Event) => type === held
  const ledger = await startLedger(scope, (event) => isHeld(event) && new Promise(() => {}))
  const dying = await startHookNode(scope, databaseUrl, ledger.url)
  const { id } = await createSession(dying)
  await converse(t, dying, id, 'hello')
  await ledger.until(() => ledger.events.some(isHeld))
  await dying.crash()
  const before = ledger.of(id)
  held = undefined
  const next = await startHookNode(scope, databaseUrl, ledger.url)
  await allGiven(ledger, await eventsOf(next, id))
  const again = ledger.of(id).slice(before.length)
  assert.ok(again.some((event) => event.id === before.at(-1)!.id))
})

test('events are given after kill -9 between their commit and their call', async (t) => {
  const { scope, databaseUrl } = await setStage(t)
  let holds = true
  const ledger = await startLedger(scope, () => holds && new Promise(() => {}))
  const dying = await startHookNode(scope, databaseUrl, ledger.url)
  const { id } = await createSession(dying)
  await ledger.until(() => ledger.events.length >= 1)
  await converse(t, dying, id, 'hello')
  assert.equal((await post(dying, id, 'and more')).status, 201)
  await dying.crash()
  assert.equal(ledger.of(id).length, 1)
  holds = false
  const next = await startHookNode(scope, databaseUrl, ledger.url)
  await converse(t, next, id, 'again')
  await allGiven(ledger, await eventsOf(next, id))
})

test('another node takes over the sessions of a killed one while they continue', async (t) => {
  const { scope, databaseUrl } = await setStage(t)
  const ledger = await startLedger(scope, () => undefined)
  const nodes = await Promise.all([1, 2].map(() => startHookNode(scope, databaseUrl, ledger.url)))
  const [dying, living] = nodes as [ServerProcess, ServerProcess]
  const sessions = await Promise.all(Array.from({ length: 6 }, () => createSession(living)))
  const talks = sessions.map(async ({ id }) => {
    for (const text of ['one', 'two', 'three']) await converse(t, living, id, text)
  })
  await ledger.until(() => ledger.events.length > 20)
  await dying.crash()
  await Promise.all(talks)
  for (const { id } of sessions) await allGiven(ledger, await eventsOf(living, id))
})

test('a node that was suspended in a call does not move a position that another node has', async (t) => {
  const { scope, databaseUrl } = await setStage(t)
  const held = Promise.withResolvers<void>()
  let calls = 0
  const ledger = await startLedger(scope, ({ type }) => {
    if (type !== 'turn.started') return undefined
    calls += 1
    return calls === 1 ? held.promise : undefined
  })
  const suspended = await startHookNode(scope, databaseUrl, ledger.url)
  const { id } = await createSession(suspended)
  await converse(t, suspended, id, 'hello')
  await ledger.until(() => calls === 1)
  suspended.child.kill('SIGSTOP')
  const other = await startHookNode(scope, databaseUrl, ledger.url)
  await allGiven(ledger, await eventsOf(other, id))
  held.resolve()
  suspended.child.kill('SIGCONT')
  await converse(t, other, id, 'and more')
  await allGiven(ledger, await eventsOf(other, id))
  const caughtUp =
    'select from hook_positions where session_id = $1 and due_at is null and sequence = head'
  await eventually(async () => (await queryRows(databaseUrl, caughtUp, [id])).length > 0)
})

test('an event whose hook ends the process is delayed, so that the server can run', async (t) => {
  const { scope, databaseUrl } = await setStage(t)
  const ledger = await startLedger(scope, () => undefined)
  const env = { EXIT_AT: 'turn.completed' }
  const first = await startHookNode(scope, databaseUrl, ledger.url, env)
  const { id } = await createSession(first)
  await post(first, id, 'hello')
  await gone(first)
  for (let starts = 1; starts <= 2; starts += 1) {
    const next = await startHookNode(scope, databaseUrl, ledger.url, env).catch(() => undefined)
    if (next) await gone(next)
  }
  const delayed = `select from hook_positions where session_id = $1 and failures > 2
    and due_at > (select max(started_at) from nodes) + interval '4 seconds'`
  const isDelayed = async () => (await queryRows(databaseUrl, delayed, [id])).length > 0
  // A node that needs longer for its start than the delay ends too, which doubles the delay. On a
  // loaded machine one can have stored progress before, which resets the failures.
  await eventually(async () => {
    const next = await startHookNode(scope, databaseUrl, ledger.url, env).catch(() => undefined)
    if (!next) return false
    let isGone = false
    void gone(next).then(() => {
      isGone = true
    })
    await eventually(async () => isGone || (await isDelayed()))
    return isDelayed()
  })
  const repaired = await startHookNode(scope, databaseUrl, ledger.url)
  await allGiven(ledger, await eventsOf(repaired, id))
})

/** A node with a hook, on a database that loses commits, and a session with one reply. */
async function losingHookScene(t: TestContext, answer: (event: Event) => unknown) {
  const scope = scopeOf(t)
  const database = await startLosingDatabase(scope)
  const seen = recordEvents(async (event) => void (await answer(event)))
  const options = { ...withHooks(seen.hook), env: { LOG_LEVEL: 'silent' } }
  const node = await startServer(scope, { ...options, databaseUrl: database.url })
  const { id } = await createSession(node)
  const before = await talk(node, id, 'before')
  await seen.until(() => firstCalls(seen.of(id)).length >= before.length)
  return { database, seen, node, id, before }
}

test('a hook gets the events that replace lost ones', async (t) => {
  const free = Promise.withResolvers<void>()
  const lostIds = new Set<string>()
  const isLost = ({ id }: Event) => lostIds.has(id)
  const known = new Set<string>()
  let blocks = false
  const { database, seen, node, id, before } = await losingHookScene(t, (event) =>
    blocks && event.type === 'turn.completed' && !known.has(event.id) ? free.promise : undefined,
  )
  for (const event of before) known.add(event.id)
  await database.save()
  blocks = true
  const lost = await talk(node, id, 'lost')
  for (const event of lost.slice(before.length)) lostIds.add(event.id)
  await seen.until(() =>
    seen.of(id).some((event) => isLost(event) && event.type === 'turn.completed'),
  )
  await database.lose()
  const stored = await talk(node, id, 'real')
  blocks = false
  free.resolve()
  const real = () => firstCalls(seen.of(id)).filter((event) => !isLost(event))
  await seen.until(() => real().length >= stored.length)
  assert.deepEqual(real(), stored)
})

test('a hook gets the events after a loss that returned an ended claim', async (t) => {
  const free = Promise.withResolvers<void>()
  let blocks = false
  const { database, seen, node, id, before } = await losingHookScene(t, () =>
    blocks ? free.promise : undefined,
  )
  blocks = true
  const claimed = await talk(node, id, 'claimed')
  await seen.until(() => firstCalls(seen.of(id)).length > before.length)
  await database.save()
  blocks = false
  free.resolve()
  await seen.until(() => firstCalls(seen.of(id)).length >= claimed.length)
  const ended = 'select from hook_positions where session_id = $1 and due_at is null'
  await eventually(async () => (await queryRows(database.url, ended, [id])).length > 0)
  await database.lose()
  const stored = await talk(node, id, 'after')
  await seen.until(() => firstCalls(seen.of(id)).length >= stored.length)
  assert.deepEqual(firstCalls(seen.of(id)), stored)
})

test('a stopping node hands over the session whose hook does not end', async (t) => {
  const { scope, databaseUrl } = await setStage(t)
  const first = recordEvents(() => new Promise(() => {}))
  const endless = { ...withHooks(first.hook), eventHookLimitMs: 600_000 }
  const stopping = await startServer(scope, { ...endless, databaseUrl })
  const { id } = await createSession(stopping)
  await first.until(() => first.events.length >= 1)
  const second = recordEvents()
  const other = await startServer(scope, { ...withHooks(second.hook), databaseUrl })
  await converse(t, other, id, 'hello')
  assert.deepEqual(second.of(id), [])
  await stopping.stop()
  await allGiven(second, await eventsOf(other, id))
})

for (const how of ['refuse', 'stall'] as const) {
  test(`no event is missing after an outage of the database in the middle of a hook: ${how}`, async (t) => {
    const { scope, databaseUrl } = await setStage(t)
    const proxy = await startPostgresProxy(databaseUrl)
    scope.after(proxy.close)
    const [reached, ends] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const seen = recordEvents(({ type }) => {
      if (type !== 'turn.completed') return
      reached.resolve()
      return ends.promise
    })
    const env = { LOG_LEVEL: 'silent' }
    const node = await startServer(scope, { ...withHooks(seen.hook), databaseUrl: proxy.url, env })
    scope.after(() => proxy.pass())
    const { id } = await createSession(node)
    await converse(t, node, id, 'hello')
    await reached.promise
    proxy[how]()
    await eventually(async () => (await node.call('GET', `/v1/sessions/${id}`)).status === 503)
    ends.resolve()
    const other = await startServer(scope, { databaseUrl })
    await converse(t, other, id, 'and more')
    proxy.pass()
    await allGiven(seen, await eventsOf(other, id))
  })
}

for (const label of ['claim-hook-position', 'read-page', 'move-hook-position']) {
  for (const when of ['before', 'after'] as const) {
    test(`no event is missing when the connection breaks ${when} ${label}`, async (t) => {
      const { scope, databaseUrl } = await setStage(t)
      const cut = Promise.withResolvers<void>()
      let cuts = 0
      const proxy = await startPostgresProxy(databaseUrl, {
        onStatement: (name) => {
          if (name !== label || cuts > 0) return undefined
          cuts += 1
          return { when, act: cut.resolve }
        },
      })
      scope.after(proxy.close)
      const seen = recordEvents()
      const env = { LOG_LEVEL: 'silent' }
      await startServer(scope, { ...withHooks(seen.hook), databaseUrl: proxy.url, env })
      const other = await startServer(scope, { databaseUrl })
      const { id } = await createSession(other)
      await cut.promise
      await converse(t, other, id, 'hello')
      await allGiven(seen, await eventsOf(other, id))
    })
  }
}
