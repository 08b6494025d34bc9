import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { callerWith, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  scripted,
} from '../../../../test/session.ts'

let server: Awaited<ReturnType<typeof startServer>>
/** A log of two turns, one of which calls a tool. */
let all: Event[]
let at: string

beforeAll(async (t) => {
  const context = t as TestContext
  server = await startServer(context)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const sum = { name: 'add', arguments: { a: 2, b: 3 } }
  const added = scripted({ tool_calls: [sum] }, { text: 'It is five.' })
  await converse(context, server, session.id, added)
  await converse(context, server, session.id, scripted({ text: 'Знову 100 % так_само.' }))
  all = await eventsOf(server, session.id)
  at = `/v1/sessions/${session.id}/events`
})

async function get(query: string) {
  const { status, body, headers } = await server.call('GET', `${at}?${query}`)
  assert.equal(status, 200, JSON.stringify(body))
  return { ...body, count: headers.get('x-total-count') }
}
const numbersOf = (events: Event[]) => events.map(({ sequence }) => sequence)
const numbers = async (query: string) => numbersOf((await get(query)).data)

test('a limit alone counts from the start, and the header has the number of all events', async () => {
  const page = await get('limit=3')
  assert.deepEqual(page.data, all.slice(0, 3))
  assert.equal(page.count, String(all.length))
  assert.equal('scanned_to' in page, false)
  assert.deepEqual((await get('')).data, all)
  const messages = all.filter(({ type }) => type === 'input.message')
  assert.equal((await get('limit=1&types=input.message')).count, String(messages.length))
})

test('before_sequence and order_desc count from the end', async () => {
  const before = await get('before_sequence=9&limit=3')
  assert.deepEqual(numbersOf(before.data), [6, 7, 8])
  assert.deepEqual([before.scanned_to, before.count], [6, String(all.length)])
  assert.deepEqual(await numbers('before_sequence=3'), [1, 2])
  assert.deepEqual(await numbers('before_sequence=1'), [])
  const last = numbersOf(all).slice(-2)
  assert.deepEqual(await numbers('before_sequence=2147483647&limit=2'), last)
  assert.deepEqual(await numbers('order_desc=true&limit=2'), last.toReversed())
  assert.deepEqual(await numbers('order_desc=true'), numbersOf(all).toReversed())
  assert.deepEqual(await numbers('order_desc=true&before_sequence=4&after_sequence=1'), [3, 2])
  assert.deepEqual(await numbers('order_desc=false&limit=2'), [1, 2])
  const { data, count } = await get('order_desc=true&types=input.message&limit=1')
  assert.deepEqual([data[0].type, count], ['input.message', '2'])
})

test('pages from the end go back to the first event', async () => {
  const seen: Event[] = []
  for (let before: number | undefined = 2_147_483_647; before !== undefined; ) {
    const { data, scanned_to } = await get(`before_sequence=${before}&limit=4`)
    seen.unshift(...data)
    before = scanned_to
  }
  assert.deepEqual(seen, all)
})

test('around has its window on each side of the event', async () => {
  const around = (sequence: number) => `around=${all[sequence - 1]!.id}`
  assert.deepEqual(await numbers(`${around(5)}&window=2`), [3, 4, 5, 6, 7])
  assert.deepEqual(await numbers(`${around(1)}&window=2`), [1, 2, 3])
  assert.deepEqual(await numbers(`${around(all.length)}&window=1`), numbersOf(all).slice(-2))
  assert.deepEqual(await numbers(around(5)), numbersOf(all))
  const other = await createSession(server)
  const [foreign] = await eventsOf(server, other.id)
  const refused = await server.call('GET', `${at}?around=${foreign!.id}`)
  assert.deepEqual([refused.status, refused.body.code], [400, 'unknown_event_id'])
})

test('conditions select single events', async () => {
  const completed = all.filter(({ type }) => type === 'turn.completed')
  const turnId = completed[1]!.context.turn_id!
  const ofTurn = all.filter(({ context }) => context.turn_id === turnId)
  assert.deepEqual((await get(`turn_id=${turnId}`)).data, ofTurn)
  const { exec_id: execId } = all.find(({ context }) => context.exec_id)!.context
  const ofExec = all.filter(({ context }) => context.exec_id === execId)
  assert.deepEqual((await get(`exec_id=${execId}`)).data, ofExec)
  const traceId = ofTurn.find(({ context }) => context.trace_id)!.context.trace_id
  const ofTrace = all.filter(({ context }) => context.trace_id === traceId)
  assert.deepEqual((await get(`trace_id=${traceId}`)).data, ofTrace)
  const { data: ofTool } = await get('tool_name=add')
  assert.ok(
    ofTool.some(({ type }: Event) => type === 'tool.completed'),
    JSON.stringify(ofTool),
  )
  assert.ok(ofTool.every(({ type }: Event) => type.startsWith('tool.')))
  assert.deepEqual(await numbers('tool_name=subtract'), [])
  const [from, to] = [ofTurn[0]!.ts, ofTurn.at(-1)!.ts]
  const inTime = all.filter(({ ts }) => ts >= from && ts <= to)
  assert.deepEqual((await get(`from_ts=${from}&to_ts=${to}`)).data, inTime)
  assert.deepEqual(await numbers(`turn_id=${turnId}&order_desc=true&limit=1`), [
    ofTurn.at(-1)!.sequence,
  ])
})

test('text is found in any case, and its signs are no pattern', async () => {
  const five = await get('q=IS%20FIVE&types=output.message.completed')
  assert.equal(five.data.length, 1)
  assert.equal('scanned_to' in five, false)
  assert.equal((await get(`q=${encodeURIComponent('знову 100 % так_само')}`)).data.length > 0, true)
  assert.deepEqual(await numbers('q=f%25e'), [])
  assert.deepEqual(await numbers('q=fi_e'), [])
  assert.deepEqual(await numbers(`q=${encodeURIComponent("'; drop table events; --")}`), [])
})

test('tags select posted messages', async (t) => {
  const session = await createSession(server)
  const path = `/v1/sessions/${session.id}`
  for (const tags of [['red'], ['red', 'blue'], ['green']]) {
    const message = { content: [{ type: 'text', text: scripted({ text: 'Yes.' }) }] }
    const body = { message, tags }
    assert.equal((await server.call('POST', `${path}/messages`, body)).status, 201)
  }
  const found = await server.call('GET', `${path}/events?tags=blue,green`)
  assert.deepEqual(
    found.body.data.map(({ tags }: Event) => tags),
    [['red', 'blue'], ['green']],
  )
  assert.equal((await server.call('GET', `${path}/events?tags=red&tags=green`)).body.data.length, 3)
  t.diagnostic('two forms of a list')
})

test('refuses what cannot be combined, and odd values', async () => {
  const { id } = all[2]!
  const bad = [
    `around=${id}&after_sequence=1`,
    `around=${id}&before_sequence=5`,
    `around=${id}&since_id=${all[0]!.id}`,
    `around=${id}&order_desc=true`,
    `around=${id}&limit=5`,
    'window=5',
    `around=${id}&window=501`,
    `around=${id}&window=0`,
    'around=3',
    'before_sequence=0',
    'before_sequence=x',
    'turn_id=x',
    'exec_id=turn_1',
    'from_ts=yesterday',
    'from_ts=0000-01-01T00:00:00Z',
    'order_desc=yes',
    'q=',
    `q=${'x'.repeat(201)}`,
    'q=%00',
  ]
  for (const query of bad) {
    const { status, body } = await server.call('GET', `${at}?${query}`)
    assert.deepEqual([status, body.code], [400, 'invalid_request'], query)
  }
  const missing = `/v1/sessions/session_${'1'.repeat(32)}/events?q=x`
  assert.equal((await server.call('GET', missing)).status, 404)
})

test('a search of a long log stops, and says where to go on', async () => {
  const session = await createSession(server)
  const total = 100_000
  await runSql(
    server.databaseUrl,
    `insert into events (session_id, sequence, type, ts, context, data)
     select '${session.id}', n, 'files.changed', now(), '{}',
       json_build_object('changes', json_build_array(), 'note', case when n = 90000 then 'needle' else 'hay' end)
     from generate_series(2, ${total}) n;
     update sessions set sequence = ${total} where id = '${session.id}'`,
  )
  const path = `/v1/sessions/${session.id}/events`
  let requests = 0
  let found: Event[] = []
  for (let after: number | undefined = 0; after !== undefined && found.length === 0; ) {
    const { body } = await server.call('GET', `${path}?q=NEEDLE&after_sequence=${after}`)
    requests += 1
    found = body.data
    assert.ok(body.scanned_to === undefined || body.scanned_to - after <= 25_000)
    after = body.scanned_to
  }
  assert.deepEqual(numbersOf(found), [90_000])
  assert.equal(requests, 5)
  const back = await server.call('GET', `${path}?q=needle&order_desc=true`)
  assert.deepEqual(numbersOf(back.body.data), [90_000])
  const tail = await server.call('GET', `${path}?before_sequence=${total + 1}&limit=2`)
  assert.deepEqual(numbersOf(tail.body.data), [total - 1, total])
  const none = await server.call('GET', `${path}?turn_id=turn_${'1'.repeat(32)}`)
  assert.deepEqual([none.body.data, none.body.scanned_to], [[], undefined])
  const many = await server.call('GET', `${path}?from_ts=2020-01-01T00:00:00Z&limit=5000`)
  assert.deepEqual([many.body.data.length, many.body.scanned_to], [1_000, 1_000])
})

test('a page of large events ends early, and the next one goes on', async () => {
  const session = await createSession(server)
  await runSql(
    server.databaseUrl,
    `insert into events (session_id, sequence, type, ts, context, data)
     select '${session.id}', n, 'files.changed', now(), '{}',
       json_build_object('changes', json_build_array(), 'note', repeat('needle', 200000))
     from generate_series(2, 31) n;
     update sessions set sequence = 31 where id = '${session.id}'`,
  )
  const path = `/v1/sessions/${session.id}/events?q=needle`
  const sizes: number[] = []
  const seen: (number | undefined)[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const { body } = await server.call('GET', `${path}&after_sequence=${after}`)
    sizes.push(body.data.length)
    seen.push(...numbersOf(body.data))
    after = body.scanned_to
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, n) => n + 2),
  )
  assert.ok(sizes.length > 1 && Math.max(...sizes) < 20, String(sizes))
})

test('a session token finds nothing that its view hides', async (t) => {
  const guarded = await startGuarded(t)
  const { call } = await registerPerson(guarded)
  const session = expectStatus(await call('POST', '/v1/sessions', {}), 201)
  const path = `/v1/sessions/${session.id}`
  const { token } = expectStatus(await call('POST', `${path}/tokens`), 201)
  const page = callerWith(guarded.url, `Bearer ${token}`)
  for (const query of ['q=a', 'tool_name=add']) {
    expectStatus(await page('GET', `${path}/events?${query}`), 403, 'not_granted')
  }
  expectStatus(await page('GET', `${path}/events?order_desc=true`), 200)
  const whole = expectStatus(await call('POST', `${path}/tokens`, { view: 'full' }), 201)
  const full = callerWith(guarded.url, `Bearer ${whole.token}`)
  expectStatus(await full('GET', `${path}/events?q=a`), 403, 'not_granted')
  expectStatus(await full('GET', `${path}/events?tool_name=add`), 200)
  const stranger = await registerPerson(guarded)
  expectStatus(await stranger.call('GET', `${path}/events?q=a`), 404)
})
