import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { openChannel } from '../../../test/channel.ts'
import { queryRows, runSql } from '../../../test/database.ts'
import {
  createWebhook,
  deliveriesOf,
  expectSigned,
  passTime,
  startDelivering,
  startReceiver,
  startWithWebhooks,
  untilDelivery,
} from '../../../test/remotes/receiver.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import { eventId, newId } from '../../ids.ts'

test('events of a session are sent with their ids, signed, and without any text', async (t) => {
  const events = ['session.created', 'turn.completed', 'turn.failed']
  const { server, receiver, webhook } = await startDelivering(t, { events })
  const session = await createSession(server)
  await converse(t, server, session.id, 'a secret word')
  await converse(t, server, session.id, scripted({ error: { message: 'no', status: 400 } }))
  const [created] = await receiver.until('session.created')
  const [completed] = await receiver.until('turn.completed')
  const [failed] = await receiver.until('turn.failed')
  for (const request of [created!, completed!, failed!]) {
    expectSigned(request, webhook.secret)
    assert.equal(request.body.id, request.id)
    assert.doesNotMatch(request.text, /secret word/)
  }
  const stored = await eventsOf(server, session.id)
  const event = stored.find(({ type }) => type === 'turn.completed')!
  assert.equal(completed!.id, event.id)
  assert.deepEqual(completed!.body.data, {
    session_id: session.id,
    agent_id: session.agent_id,
    turn_id: event.context.turn_id,
    sequence: event.sequence,
    status: 'idle',
  })
  assert.equal(failed!.id, stored.find(({ type }) => type === 'turn.failed')!.id)
  assert.equal(typeof failed!.body.data.error_code, 'string')
  // A receiver that missed an event reads on from the last one it has.
  const after = async (id: string) => eventsOf(server, session.id, `?since_id=${id}`)
  assert.deepEqual(await after(created!.id), stored)
  assert.deepEqual(await after(completed!.id), stored.slice(stored.indexOf(event) + 1))
})

/** Two session ids with the same bits in ids of events. */
function sessionIdsWithEqualMarks() {
  const marks = new Map<string, string>()
  for (;;) {
    const id = newId('session')
    const mark = eventId(id, 0, { sequence: 0, offset: 0 })
    const other = marks.get(mark)
    if (other !== undefined) return [id, other] as const
    marks.set(mark, id)
  }
}

test('two events with equal ids are both sent, with ids of their own', async (t) => {
  const { server, receiver } = await startDelivering(t, { events: ['session.created'] })
  const session = await createSession(server)
  const ids = sessionIdsWithEqualMarks()
  await queryRows(
    server.databaseUrl,
    `insert into sessions select (jsonb_populate_record(s, jsonb_build_object('id', given))).*
    from sessions s, unnest($2::text[]) given where s.id = $1`,
    [session.id, ids],
  )
  const sent = await receiver.until('session.created', 3)
  const copies = sent.filter(({ body }) => body.data.session_id !== session.id)
  assert.deepEqual(copies.map(({ body }) => body.data.session_id).sort(), ids.toSorted())
  assert.equal(new Set(copies.map(({ id }) => id)).size, 2)
  for (const { id, body } of copies) {
    assert.deepEqual(await eventsOf(server, body.data.session_id, `?since_id=${id}`), [])
  }
  const stored = await converse(t, server, session.id, 'hello')
  const completed = stored.findIndex(({ type }) => type === 'turn.completed')
  const other = `${stored[completed]!.id.slice(0, -1)}1`
  const after = await eventsOf(server, session.id, `?since_id=${other}`)
  assert.deepEqual(after, stored.slice(completed + 1))
})

test('a turn that waits for a person or a client is reported by its kind', async (t) => {
  const events = ['approval.requested', 'question.asked', 'tool_results.requested']
  const { server, receiver } = await startDelivering(t, { events })
  const agent = await createAgent(server, {
    capabilities: [
      { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
      { ref: 'ask_user' },
    ],
    tools: [{ type: 'client_side', name: 'look', description: 'x', parameters: {} }],
  })
  const call = async (name: string, args: object) => {
    const session = await createSession(server, { agent_id: agent.id })
    await post(server, session.id, scripted({ tool_calls: [{ id: 'c1', name, arguments: args }] }))
    return session.id
  }
  const questions = [{ id: 'q1', question: 'Which?', options: [{ label: 'a' }, { label: 'b' }] }]
  // Text that SQL cannot hold must not stop the append.
  const odd = { text: 'nul \u0000, half of a pair \ud800, "input":{}' }
  const sessions = {
    'approval.requested': await call('write_file', { path: '/a', content: 'x' }),
    'question.asked': await call('ask_user', { questions }),
    'tool_results.requested': await call('look', odd),
  }
  for (const [type, sessionId] of Object.entries(sessions)) {
    const { body } = (await receiver.until(type))[0]!
    assert.equal(body.data.session_id, sessionId, type)
    assert.deepEqual(body.data.tool_call_ids, ['c1'], type)
  }
})

test('a rating is sent with its ids and without its comment, and so is a withdrawal', async (t) => {
  const { server, receiver } = await startDelivering(t, { events: ['feedback.given'] })
  const { id } = await createSession(server)
  const turn_id = (await converse(t, server, id, 'hello')).at(-1)!.context.turn_id!
  const rate = async (body: object) =>
    expectStatus(await server.call('POST', `/v1/sessions/${id}/feedback`, body), 200)
  await rate({ turn_id, rating: 'down', comment: 'a secret word, \ud800' })
  await rate({ turn_id, rating: null })
  await receiver.until('feedback.given', 2)
  const sent = receiver.received.toSorted((a, b) => a.body.data.sequence - b.body.data.sequence)
  assert.deepEqual(
    sent.map(({ body: { data } }) => [data.session_id, data.turn_id, data.rating, data.message_id]),
    [
      [id, turn_id, 'down', undefined],
      [id, turn_id, undefined, undefined],
    ],
  )
  assert.ok(sent.every(({ text }) => !text.includes('secret')))
})

test('a failed attempt is repeated with the same id, and its outcome is listed', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  receiver.answer(() => 500)
  await converse(t, server, (await createSession(server)).id, 'hello')
  const failed = await untilDelivery(server, webhook.id, ({ attempts }) => attempts === 1)
  assert.deepEqual(
    [failed.status, failed.response_status, failed.error],
    ['pending', 500, 'The receiver answered HTTP 500.'],
  )
  const delayMs = Date.parse(failed.next_attempt_at) - Date.parse(failed.last_attempt_at)
  assert.ok(delayMs >= 4_000 && delayMs <= 6_000, `${delayMs} ms`)
  receiver.answer(() => 200)
  await passTime(server)
  const delivered = await untilDelivery(server, webhook.id, ({ status }) => status === 'delivered')
  assert.deepEqual(
    [delivered.attempts, delivered.error, delivered.next_attempt_at],
    [2, null, null],
  )
  assert.deepEqual(
    receiver.received.map(({ id }) => id),
    [failed.event_id, failed.event_id],
  )
  for (const request of receiver.received) expectSigned(request, webhook.secret)
})

test('after ten attempts a delivery has failed, until it is resent', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  receiver.answer(() => 500)
  await converse(t, server, (await createSession(server)).id, 'hello')
  for (let attempts = 1; attempts <= 10; attempts += 1) {
    await untilDelivery(server, webhook.id, (delivery) => delivery.attempts >= attempts)
    await passTime(server)
  }
  const failed = await untilDelivery(server, webhook.id, ({ status }) => status === 'failed')
  assert.equal(failed.next_attempt_at, null)
  const listed = async (query: string) => (await deliveriesOf(server, webhook.id, query)).length
  assert.equal(await listed('?status=failed'), 1)
  for (const status of ['pending', 'delivered']) assert.equal(await listed(`?status=${status}`), 0)
  receiver.answer(() => 204)
  const path = `/v1/webhooks/${webhook.id}/deliveries/${failed.event_id}/resend`
  const resent = expectStatus(await server.call('POST', path), 200)
  assert.deepEqual([resent.status, resent.attempts], ['pending', 0])
  await untilDelivery(server, webhook.id, ({ status }) => status === 'delivered')
  for (const status of ['pending', 'failed']) assert.equal(await listed(`?status=${status}`), 0)
  assert.equal(await listed('?status=delivered'), 1)
  assert.equal(receiver.received.length, 11)
  assert.equal(new Set(receiver.received.map(({ id }) => id)).size, 1)
})

test('redirects are failures that are not followed', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  const location = `${receiver.url}elsewhere`
  receiver.answer(() => (response) => response.writeHead(307, { location }).end())
  await converse(t, server, (await createSession(server)).id, 'hello')
  const { error } = await untilDelivery(server, webhook.id, ({ attempts }) => attempts >= 1)
  assert.equal(error, 'The receiver redirects (HTTP 307), which is not followed.')
  assert.deepEqual(new Set(receiver.received.map(({ path }) => path)), new Set(['/']))
})

test('a response counts by its status, however long its body is', async (t) => {
  const { server, receiver, webhook } = await startDelivering(t)
  const endless = Buffer.alloc(100_000)
  receiver.answer(() => (response) => {
    response.writeHead(200)
    const more = () => void response.write(endless, (error) => error || setImmediate(more))
    more()
  })
  await converse(t, server, (await createSession(server)).id, 'hello')
  await untilDelivery(server, webhook.id, ({ status }) => status === 'delivered')
})

test('a receiver that hangs does not delay those of others', async (t) => {
  const events = ['session.created']
  const { server, receiver } = await startDelivering(t, { events })
  let created = 0
  const create = async () => {
    await createSession(server)
    created += 1
    await receiver.until('session.created', created)
  }
  /** Whether five events arrive while another receiver hangs. */
  async function overtake() {
    const hanging = await startReceiver(t)
    hanging.answer(() => () => {})
    await createWebhook(server, hanging.url, { events })
    await create()
    await hanging.until('session.created')
    for (let more = 1; more <= 4; more += 1) await create()
    const states = await queryRows<{ attempted: boolean }>(
      server.databaseUrl,
      `select attempted_at is not null as attempted from webhook_deliveries d
      join webhooks w on w.id = d.webhook_id where w.url = $1`,
      [hanging.url],
    )
    return states.length > 0 && states.every(({ attempted }) => !attempted)
  }
  // On a loaded machine the requests to the receiver that hangs can reach their limit of 10 s.
  while (!(await overtake()));
})

test('an address that resolves to a private one is not reached', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startServer(t)
  const webhook = await createWebhook(server, 'https://hooks.invalid/')
  await runSql(server.databaseUrl, `update webhooks set url = '${receiver.url}'`)
  await converse(t, server, (await createSession(server)).id, 'hello')
  const { error } = await untilDelivery(server, webhook.id, ({ attempts }) => attempts >= 1)
  assert.equal(error, 'The receiver is not on the public internet and is not allowed.')
  assert.deepEqual(receiver.received, [])
})

test('filters limit a webhook to an agent or a channel', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t)
  const agent = await createAgent(server)
  const channel = await openChannel(server)
  const fields = { events: ['session.created'] }
  await createWebhook(server, `${receiver.url}agent`, { ...fields, agent_id: agent.id })
  await createWebhook(server, `${receiver.url}channel`, { ...fields, channel_id: channel.id })
  await createWebhook(server, `${receiver.url}all`, fields)
  const other = await createSession(server)
  const ofAgent = await createSession(server, { agent_id: agent.id })
  const { id: ofChannel } = expectStatus(await channel.call('POST', '/sessions', {}), 201)
  await receiver.until('session.created', 5)
  const got = (path: string) =>
    receiver.received
      .filter((request) => request.path === path)
      .map(({ body }) => body.data.session_id)
      .sort()
  assert.deepEqual(got('/agent'), [ofAgent.id])
  assert.deepEqual(got('/channel'), [ofChannel])
  assert.deepEqual(got('/all'), [other.id, ofAgent.id, ofChannel].sort())
})

test('the copied events of a fork are not sent again', async (t) => {
  const events = ['session.created', 'turn.completed']
  const { server, receiver, webhook } = await startDelivering(t, { events })
  const { id } = await createSession(server)
  await converse(t, server, id, 'hello')
  const fork = expectStatus(await server.call('POST', `/v1/sessions/${id}/fork`, {}), 201)
  await receiver.until('session.created', 2)
  const ofFork = (await deliveriesOf(server, webhook.id)).filter(
    ({ data }: { data: { session_id: string } }) => data.session_id === fork.id,
  )
  assert.deepEqual(
    ofFork.map(({ event_type }: { event_type: string }) => event_type),
    ['session.created'],
  )
})

test('until the first webhook exists, appends run no trigger', async (t) => {
  const server = await startWithWebhooks(t)
  const enabled = async () =>
    (
      await queryRows<{ tgenabled: string }>(
        server.databaseUrl,
        `select tgenabled from pg_trigger where tgname in ('webhooks_of_session', 'webhooks_of_new_session')`,
      )
    ).map(({ tgenabled }) => tgenabled)
  assert.deepEqual(await enabled(), ['D', 'D'])
  await createWebhook(server, 'https://hooks.invalid/')
  assert.deepEqual(await enabled(), ['O', 'O'])
})

test('events that a node has claimed and not sent when it stops are sent by other nodes', async (t) => {
  const receiver = await startReceiver(t)
  receiver.answer(() => () => {})
  const first = await startWithWebhooks(t)
  const webhook = await createWebhook(first, receiver.url, { events: ['session.created'] })
  const sessions = await Promise.all(Array.from({ length: 20 }, () => createSession(first)))
  await receiver.until('session.created', 20)
  assert.equal((await deliveriesOf(first, webhook.id, '?status=pending')).length, 20)
  await first.stop()
  receiver.answer(() => 204)
  receiver.received.length = 0
  // The claims end with their lease.
  await passTime(first)
  const { databaseUrl } = first
  const nodes = [
    await startWithWebhooks(t, { databaseUrl }),
    await startWithWebhooks(t, { databaseUrl }),
  ]
  await eventually(async () => {
    const waiting = await deliveriesOf(nodes[0]!, webhook.id, '?status=pending')
    return waiting.length === 0
  })
  assert.deepEqual(
    receiver.received.map(({ body }) => body.data.session_id).sort(),
    sessions.map(({ id }) => id).sort(),
  )
})

test('old deliveries and those of deleted webhooks are deleted', async (t) => {
  const receiver = await startReceiver(t)
  const server = await startWithWebhooks(t, { sweepIntervalMs: 100 })
  const kept = await createWebhook(server, receiver.url, { events: ['session.created'] })
  const deleted = await createWebhook(server, receiver.url, { events: ['session.created'] })
  await createSession(server)
  await createSession(server)
  await receiver.until('session.created', 4)
  expectStatus(await server.call('DELETE', `/v1/webhooks/${deleted.id}`), 204)
  const left = async (id: string) => {
    const rows = await queryRows(
      server.databaseUrl,
      'select 1 from webhook_deliveries where webhook_id = $1',
      [id],
    )
    return rows.length
  }
  await eventually(async () => (await left(deleted.id)) === 0)
  assert.equal(await left(kept.id), 2)
  await runSql(
    server.databaseUrl,
    `update webhook_deliveries set created_at = now() - interval '8 days'
    where event_id = (select min(event_id) from webhook_deliveries)`,
  )
  await eventually(async () => (await left(kept.id)) === 1)
})
