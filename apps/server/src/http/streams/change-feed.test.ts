/** Many changes, and readers that do not keep up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { Session } from '@outlast/contract'
import { startPostgresProxy } from '../../../../../test/postgres-proxy.ts'
import { createTestDatabase } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession } from '../../../test/session.ts'
import { framesOf, type NamedEvent, watch } from '../../../test/stream.ts'
import { eventually, patient } from '../../../test/waiting.ts'

/** Names of the statements that reached the database. */
const statements: string[] = []
let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (hook) => {
  const t = hook as TestContext
  const drops: (() => unknown)[] = []
  const databaseUrl = await createTestDatabase({ after: (drop) => void drops.push(drop as never) })
  const onStatement = (label: string) => void statements.push(label)
  const proxy = await startPostgresProxy(databaseUrl, { onStatement })
  // A client that does not read stays connected for longer than any test takes.
  const env = { SSE_STALL_MS: '3600000' }
  server = await startServer(t, { databaseUrl: proxy.url, databaseWaits: patient, env })
  await untilConnected(statements)
  t.after(proxy.close)
  t.after(async () => {
    for (const drop of drops) await drop()
  })
  agentId = (await createAgent(server)).id
})

/** Waits until a node has its connection to others, which it uses at once: watchers get a reset. */
const untilConnected = (passed: string[]) => eventually(async () => passed.includes('notify'))

/** Does something for each, some at once. */
async function forAll<T, R>(all: T[], work: (one: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const queue = all.entries()
  const worker = async () => {
    for (const [index, one] of queue) results[index] = await work(one, index)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  return results
}

const create = (count: number, fields: object = {}) =>
  forAll(Array.from({ length: count }), () =>
    createSession(server, { agent_id: agentId, ...fields }),
  )

async function rename(sessions: Session[], title: string) {
  await forAll(sessions, async ({ id }) => {
    const { status } = await server.call('PATCH', `/v1/sessions/${id}`, { title })
    assert.equal(status, 200)
  })
}

const readsOf = () => statements.filter((label) => label === 'sessions-by-id').length

/** Most batches that a node may send in a time. */
const pausesIn = (ms: number) => Math.ceil(ms / 250) + 2

test('reads nothing without a watcher', async () => {
  const sessions = await create(5)
  await rename(sessions, 'Changed')
  assert.equal(readsOf(), 0)
})

test('reports a thousand changing sessions at intervals with few statements', async (t) => {
  const begun = performance.now()
  const streams = [await watch(t, server.url), await watch(t, server.url)]
  const sessions = await create(1_000)
  for (const title of ['one', 'two', 'last']) await rename(sessions.slice(0, 50), title)
  const last = (stream: (typeof streams)[0]) => {
    const titles = new Map<string, string>()
    for (const { event, data } of stream.told) {
      if (event === 'session.changed') titles.set(data.id, data.title)
    }
    const done = [...titles.values()].filter((title) => title === 'last').length
    return titles.size === 1_000 && done === 50
  }
  for (const stream of streams) await stream.until(() => last(stream))
  const pauses = pausesIn(performance.now() - begun)
  assert.ok(readsOf() <= pauses, `${readsOf()} statements in ${pauses} pauses`)
  for (const { told } of streams) {
    const often = new Map<string, number>()
    for (const { data } of told) often.set(data.id, (often.get(data.id) ?? 0) + 1)
    assert.ok(Math.max(...often.values()) <= pauses)
    assert.ok(told.every(({ event }) => event !== 'reset'))
  }
})

/** A client that starts to read on request and reads until a frame matches. */
async function standStill(t: TestContext) {
  const request = http.get(`${server.url}/v1/changes`)
  t.after(() => request.destroy())
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const told: NamedEvent[] = []
  return {
    told,
    async read(fits: (one: NamedEvent) => boolean) {
      for await (const frame of framesOf(
        new Response(Readable.toWeb(response) as ReadableStream),
      )) {
        if (frame.event === undefined) continue
        told.push({ event: frame.event, data: JSON.parse(frame.data!) })
        if (fits(told.at(-1)!)) return
      }
    },
  }
}

type Reader = Awaited<ReturnType<typeof watch>>

/** Renames, and waits until a reader is that far; on a busy machine it may have to refetch. */
async function renameBefore({ told, until }: Reader, sessions: Session[], title: string) {
  const missing = new Set(sessions.map(({ id }) => id))
  let seen = told.length
  let isReset = false
  await rename(sessions, title)
  await until(() => {
    for (; seen < told.length; seen += 1) {
      const { event, data } = told[seen]!
      isReset ||= event === 'reset'
      if (data.title === title) missing.delete(data.id)
    }
    return isReset || missing.size === 0
  })
}

test('a stalled reader gets the latest state or a reset, and its queue stays bounded', async (t) => {
  const parameters = { description: 'x'.repeat(60_000) }
  const tools = ['ask', 'look', 'wait'].map((name) => ({
    type: 'client_side',
    name,
    description: 'For people.',
    parameters,
  }))
  const large = await create(30, { tools })
  const [small] = await create(1)
  const reader = await watch(t, server.url)
  const still = await standStill(t)
  const rounds = 3
  for (let round = 1; round <= rounds; round += 1) {
    await renameBefore(reader, large, `round ${round}`)
  }
  for (const title of ['a', 'b', 'c']) await renameBefore(reader, [small!], title)
  await still.read(({ data }) => data.id === small!.id && data.title === 'c')
  assert.ok(still.told.some(({ event }) => event === 'reset'))
  assert.equal(still.told.filter(({ data }) => data.id === small!.id).length, 1)
  const heard = still.told.filter(({ event }) => event === 'session.changed').length
  assert.ok(heard < large.length * rounds, `${heard} of ${large.length * rounds}`)
})

test('a database outage ends the stream with a notice; a new connection gets new changes', async (t) => {
  const mine = await startServer(t)
  const { id } = await createSession(mine)
  const broken = { away: false }
  const passed: string[] = []
  const proxy = await startPostgresProxy(mine.databaseUrl, {
    onStatement(label) {
      passed.push(label)
      return broken.away && label === 'sessions-by-id' ? { when: 'before' } : undefined
    },
  })
  const other = await startServer(t, {
    databaseUrl: proxy.url,
    databaseWaits: patient,
    env: { LOG_LEVEL: 'silent', ROLE: 'api' },
  })
  t.after(proxy.close)
  await untilConnected(passed)
  const stream = await watch(t, other.url)
  broken.away = true
  const title = 'Meanwhile'
  assert.equal((await other.call('PATCH', `/v1/sessions/${id}`, { title })).status, 200)
  await stream.ended
  assert.equal(stream.told.at(-1)?.data.reason, 'database_unavailable')
  broken.away = false
  const again = await watch(t, other.url)
  assert.equal((await other.call('PATCH', `/v1/sessions/${id}`, { title: 'Back' })).status, 200)
  await again.session(id, (session) => session.title === 'Back')
})
