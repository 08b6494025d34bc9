import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { runSql } from '../../../../apps/server/test/database.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { createOutlast, type Outlast } from '../index.ts'

let server: Awaited<ReturnType<typeof startServer>>
let outlast: Outlast
/** Requested paths since a test cleared them. */
const asked: string[] = []
beforeAll(async (t) => {
  const env = { RATE_LIMIT_ADDRESS: '0' }
  server = await startServer(t as TestContext, { env })
  const recording: typeof fetch = (input, init) => {
    asked.push(String(input))
    return fetch(input, init)
  }
  outlast = createOutlast({ url: server.url, fetch: recording })
})

const newAgent = (name = 'Ada') => outlast.agents.create({ name, system_prompt: 'x' })

/** An agent, and sessions with it. */
async function start(count: number) {
  const { id: agent_id } = await newAgent()
  for (let made = 0; made < count; made += 1) await outlast.sessions.create({ agent_id })
  asked.length = 0
  return agent_id
}

async function idsOf(list: AsyncIterable<{ id: string }>) {
  const ids: string[] = []
  for await (const { id } of list) ids.push(id)
  return ids
}

test('returns the first page of an awaited list, and all items of an iterated one', async () => {
  const agent_id = await start(7)
  const list = outlast.sessions.list({ agent_id, limit: 3 })
  const page = await list
  assert.deepEqual([page.data.length, page.total, page.offset, page.limit], [3, 7, 0, 3])
  assert.equal(await list, page)
  assert.equal(asked.length, 1)
  const ids = await idsOf(list)
  assert.equal(new Set(ids).size, 7)
  assert.deepEqual(
    ids.slice(0, 3),
    page.data.map(({ id }) => id),
  )
  assert.equal((await idsOf(outlast.sessions.list({ agent_id, limit: 1, offset: 2 }))).length, 5)
})

test('sends no request before a list is used, nor after a break', async () => {
  const agent_id = await start(5)
  const list = outlast.sessions.list({ agent_id, limit: 2 })
  assert.equal(asked.length, 0)
  for await (const _ of list) break
  assert.equal(asked.length, 1)
})

test('yields no item twice when items are added meanwhile, and ends', async () => {
  const agent_id = await start(6)
  const seen: string[] = []
  for await (const { id } of outlast.sessions.list({ agent_id, limit: 2 })) {
    seen.push(id)
    await outlast.sessions.create({ agent_id })
  }
  assert.equal(new Set(seen).size, seen.length)
  assert.equal(seen.length, 6)
})

test('yields all items when each is deleted meanwhile', async () => {
  const agent_id = await start(11)
  let count = 0
  for await (const { id } of outlast.sessions.list({ agent_id, limit: 4 })) {
    await outlast.sessions.delete(id)
    count += 1
  }
  assert.equal(count, 11)
  assert.equal((await outlast.sessions.list({ agent_id })).total, 0)
})

test('yields all items when each is replaced meanwhile', async () => {
  const agent_id = await start(5)
  let count = 0
  for await (const { id } of outlast.sessions.list({ agent_id, limit: 2 })) {
    await outlast.sessions.create({ agent_id })
    await outlast.sessions.delete(id)
    count += 1
  }
  assert.equal(count, 5)
})

test('reads a list with a capped total to its end', async () => {
  const page = (offset: number, data: object[]) => ({
    data,
    total: 2,
    total_capped: true,
    offset,
    limit: 3,
  })
  const all = Array.from({ length: 8 }, (_, at) => ({ id: `session_${at}` }))
  const { sessions } = createOutlast({
    fetch: async (input) => {
      const offset = Number(new URL(String(input)).searchParams.get('offset'))
      return Response.json(page(offset, all.slice(offset, offset + 3)))
    },
  })
  assert.deepEqual(
    await idsOf(sessions.list({ search: 'x', limit: 3 })),
    all.map(({ id }) => id),
  )
})

test('stops a list inside a page on abort', async () => {
  const agent_id = await start(4)
  const stopping = new AbortController()
  const reason = new Error('enough')
  let count = 0
  await assert.rejects(async () => {
    for await (const _ of outlast.sessions.list({ agent_id }, { signal: stopping.signal })) {
      count += 1
      if (count === 2) stopping.abort(reason)
    }
  }, reason)
  assert.equal(count, 2)
})

test('reads 10,000 files page by page, each once, or awaited in one response', async () => {
  const { id } = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  await outlast.files.create(id, '/many', { is_directory: true })
  await runSql(
    server.databaseUrl,
    `insert into files (org_id, session_id, path, directory, id, is_directory, is_readonly, size_bytes, created_at, updated_at)
     select org_id, id, '/many/' || n, '/many', gen_random_uuid(), false, false, 0, now(), now()
     from sessions, generate_series(1, 10000) n where id = '${id}'`,
  )
  asked.length = 0
  const paths = new Set<string>()
  for await (const { path } of outlast.files.list(id, '/many')) paths.add(path)
  assert.equal(paths.size, 10_000)
  assert.ok(asked.length >= 100 && asked.length < 110)
  assert.ok(asked.every((url) => url.includes('limit=100')))
  asked.length = 0
  const { data, total } = await outlast.files.list(id, '/', { recursive: true })
  assert.deepEqual([data.length, total, asked.length], [10_001, 10_001, 1])
  assert.equal((await outlast.files.list(id, '/many', { limit: 3 })).data.length, 3)
})

/** Adds this number of events to a session. */
const addEvents = (id: string, count: number) =>
  runSql(
    server.databaseUrl,
    `with s as (
       update sessions set sequence = sequence + ${count} where id = '${id}' returning id, sequence - ${count} as last
     )
     insert into events (session_id, sequence, type, ts, context, data)
     select id, last + n, 'turn.started', now(), '{}', '{}' from s, generate_series(1, ${count}) n`,
  )

test('reads 20,000 events page by page in order, and those added meanwhile', async () => {
  const { id } = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  await addEvents(id, 19_999)
  asked.length = 0
  let last = 0
  for await (const { sequence } of outlast.events.list(id)) {
    assert.equal(sequence, last + 1)
    last += 1
    if (last === 500) await addEvents(id, 10)
  }
  assert.equal(last, 20_010)
  assert.equal(asked.length, 21)
})

test('applies the start, filter and page size of the caller to events', async () => {
  const { id } = await outlast.sessions.create({ agent_id: (await newAgent()).id })
  await addEvents(id, 9)
  const sequences = async (query: Parameters<Outlast['events']['list']>[1]) => {
    const all: (number | undefined)[] = []
    for await (const { sequence } of outlast.events.list(id, query)) all.push(sequence)
    return all
  }
  assert.deepEqual(await sequences({ after_sequence: 6, limit: 3 }), [7, 8, 9, 10])
  assert.deepEqual(await sequences({ types: ['session.started'], limit: 1 }), [1])
  const since_id = (await outlast.events.list(id, { limit: 8 })).data[7]!.id
  assert.deepEqual(await sequences({ since_id, limit: 1 }), [9, 10])
  asked.length = 0
  assert.equal((await sequences({ limit: 150, expand: 'messages' })).length, 10)
})

test('ends an iteration over a server that ignores `offset`', async (t) => {
  let requests = 0
  const data = Array.from({ length: 100 }, (_, at) => ({ id: `agent_${at}` }))
  const hostile = createServer((_incoming, outgoing) => {
    requests += 1
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify({ data, total: 1_000_000, offset: 0, limit: 100 }))
  }).listen(0, '127.0.0.1')
  t.after(() => hostile.close())
  await once(hostile, 'listening')
  const url = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`
  assert.equal((await idsOf(createOutlast({ url }).agents.list({ limit: 100 }))).length, 100)
  assert.ok(requests < 20, `${requests} requests`)
})

test('yields all items of a list without ids', async () => {
  const { id } = await outlast.sessions.create({ agent_id: await start(0) })
  const names = ['a', 'b', 'c', 'd', 'e']
  await outlast.sessions.setSecrets(id, { secrets: Object.fromEntries(names.map((n) => [n, 'x'])) })
  const seen: string[] = []
  for await (const { name } of outlast.sessions.listSecrets(id, { limit: 2 })) seen.push(name)
  assert.deepEqual(seen, names)
})
