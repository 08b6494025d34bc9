import assert from 'node:assert/strict'
import test from 'node:test'
import type { Event } from '@outlast/contract'
import {
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { channelClient, openChannel } from '../../apps/server/test/channel.ts'
import { runSql } from '../../apps/server/test/database.ts'
import { openPort } from '../../apps/server/test/remotes/token-issuer.ts'
import { insistent, startServer } from '../../apps/server/test/server.ts'
import { eventsOf, replyOf, typesOf } from '../../apps/server/test/session.ts'
import { follow, watch } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { auditLog } from '../crash/audit.ts'
import { followSoon, type Node, type Scope, scopeOf, takeoversOf } from '../crash/scenario.ts'
import {
  answered,
  inputsOf,
  losingScene,
  say,
  startLosingDatabase,
  talk,
  wordsOf,
} from '../lost-commits.ts'

test('a model call contains the current log and no lost events, on a node with a stale cache', async (t) => {
  const { database, world, a, b, id } = await losingScene(t)
  await talk(a, id, 'before')
  await database.save()
  await talk(a, id, 'lost 1')
  await talk(a, id, 'lost 2')
  await database.lose()
  for (const text of ['real 1', 'real 2', 'real 3']) await talk(b, id, text)
  const events = await talk(a, id, 'probe')
  const all = ['before', 'real 1', 'real 2', 'real 3', 'probe']
  assert.deepEqual(inputsOf(events), all)
  assert.deepEqual(wordsOf(world.prompts.at(-1)!), all)
  auditLog(events)
})

test('a node builds the prompt from the log when the first new message has the sequence of a lost one', async (t) => {
  const { database, world, a, id } = await losingScene(t)
  const before = await talk(a, id, 'before')
  await database.save()
  await talk(a, id, 'lost')
  await database.lose()
  const events = await talk(a, id, 'real')
  assert.deepEqual(wordsOf(world.prompts.at(-1)!), ['before', 'real'])
  assert.deepEqual(events.slice(0, before.length), before)
  auditLog(events)
})

test('a node builds the prompt from the log when it received no hint of the change', async (t) => {
  const { database, world, a, b, id } = await losingScene(t)
  await talk(a, id, 'lost')
  const told = world.prompts.length
  const other = `ts = ts + interval '1 ms', data = replace(data::text, 'lost', 'real')::json`
  await runSql(database.url, `update events set ${other} where session_id = '${id}'`)
  const events = await talk(a, id, 'probe')
  assert.deepEqual(wordsOf(world.prompts.at(-1)!), ['real', 'probe'])
  for (const prompt of world.prompts.slice(told)) {
    assert.deepEqual(wordsOf(prompt), ['real', 'probe'], 'no prompt has what is not in the log')
  }
  assert.ok(world.prompts.length <= 2 + (await takeoversOf([a, b])))
  auditLog(events)
})

for (const kind of ['text', 'pay'] as const) {
  test(`a running turn whose message was lost adds nothing to the log (${kind})`, async (t) => {
    const { database, gates, a, id } = await losingScene(t)
    const before = await talk(a, id, 'before')
    await database.save()
    const words = `${kind} that is lost`
    await say(a, id, words)
    await gates.gate(words).reached
    await database.lose()
    gates.gate(words).open()
    const events = await talk(a, id, 'after')
    assert.deepEqual(events.slice(0, before.length), before)
    assert.deepEqual(inputsOf(events), ['before', 'after'])
    auditLog(events)
  })
}

test('a running turn continues from its remaining events', async (t) => {
  const { database, gates, world, a, b, id } = await losingScene(t)
  await talk(a, id, 'before')
  const words = 'text that goes on'
  await say(a, id, words)
  await gates.gate(words).reached
  await database.save()
  gates.gate(words).open()
  await answered(a, id, words)
  await talk(a, id, 'lost')
  await database.lose()
  gates.gate(`${words} again`).open()
  const events = await answered(a, id, words)
  assert.deepEqual(inputsOf(events), ['before', words])
  assert.match(replyOf(events), /two: text that goes on/)
  auditLog(events)
  const asked = world.prompts.filter((prompt) => wordsOf(prompt).at(-1) === words)
  if ((await takeoversOf([a, b])) === 0) assert.equal(asked.length, 2)
})

test('drops the result of a tool whose start was lost, and decides the next step again', async (t) => {
  const { database, gates, world, a, b, id } = await losingScene(t)
  // Only the check of each append stops this node: no other node can take the turn over.
  await b.stop()
  const words = 'ask first'
  await say(a, id, words)
  await gates.gate(words).reached
  await database.save()
  gates.gate(words).open()
  await gates.gate(`${words} paid`).reached
  await database.lose()
  for (const name of [`${words} again`, `${words} paid again`, `${words} paid`])
    gates.gate(name).open()
  const events = await answered(a, id, words)
  auditLog(events)
  assert.equal(events.filter(({ type }) => type === 'turn.started').length, 1)
  assert.equal(
    world.count('pay'),
    2,
    'of the first message nothing is cached: the log is the truth',
  )
})

const reasonOf = ({ frames }: Awaited<ReturnType<typeof follow>>) =>
  JSON.parse(frames.findLast(({ event }) => event === 'disconnecting')?.data ?? '{}').reason

type Stream = Awaited<ReturnType<typeof follow>>

/** All events of a client that reconnects only after an end caused by a missing database. */
async function untilSecondIdle(
  scope: Scope,
  { node, id, stream: first }: { node: Node; id: string; stream: Stream },
): Promise<Event[]> {
  const events: Event[] = []
  const idled = (more: Event[]) =>
    [...events, ...more].filter(({ type }) => type === 'session.idled').length === 2
  for (let stream = first; ; ) {
    const isThere = await stream.until(() => idled(stream.events) || undefined).catch(() => false)
    events.push(...stream.events)
    if (isThere) return events
    if (stream.response.status === 200) assert.equal(reasonOf(stream), 'database_unavailable')
    else assert.ok([429, 503].includes(stream.response.status))
    stream = await follow(scope, node.url, {
      sessionId: id,
      query: `?since_id=${events.at(-1)!.id}`,
    })
  }
}

test('without lost commits a reply in progress is kept, and streams continue', async (t) => {
  const { scope, database, gates, world, a, b, id } = await losingScene(t)
  await talk(a, id, 'before')
  const words = 'text that goes on'
  const streams = await Promise.all([a, b].map((node) => followSoon(scope, node, id)))
  await say(a, id, words)
  await gates.gate(words).reached
  for (const stream of streams) await stream.event('output.message.started', 2)
  await database.save()
  await database.lose()
  gates.gate(words).open()
  const events = await answered(a, id, words)
  for (const [index, stream] of streams.entries()) {
    const seen = await untilSecondIdle(scope, { node: [a, b][index]!, id, stream })
    assert.deepEqual(
      seen.filter(({ sequence }) => sequence),
      events,
    )
  }
  if ((await takeoversOf([a, b])) === 0)
    assert.equal(world.prompts.length, 2, 'no model is called again')
  auditLog(events)
})

/** The answer of a node once it has its database again. */
const answerOf = (node: Node, path: string) =>
  eventually(async () => {
    const answer = await node.call('GET', path)
    return [429, 503].includes(answer.status) ? undefined : answer
  })

test('followers of lost events are notified and resume from the last remaining event', async (t) => {
  const { scope, database, a, b, id } = await losingScene(t)
  const before = await talk(a, id, 'before')
  await database.save()
  const streams = await Promise.all([a, b].map((node) => followSoon(scope, node, id)))
  const lost = await talk(a, id, 'lost')
  for (const stream of streams) await stream.event('session.idled', 2)
  await database.lose()
  for (const stream of streams) {
    await stream.ended
    // A follower that reads the database at that moment is notified when it resumes, as below.
    if (reasonOf(stream) === 'database_unavailable') continue
    assert.equal(reasonOf(stream), 'history_changed')
    assert.deepEqual(
      stream.events.at(-1),
      before.at(-1),
      'a client that has only its last id resumes there',
    )
  }
  const last = before.at(-1)!
  const resume = { since_id: last.id, sequence: last.sequence }
  for (const node of [a, b]) {
    for (const path of ['sse', 'events']) {
      for (const event of lost.slice(before.length)) {
        const at = `/v1/sessions/${id}/${path}?since_id=${event.id}`
        const { status, body } = await answerOf(node, at)
        assert.deepEqual([status, body.code, body.resume], [409, 'history_changed', resume])
      }
    }
  }
  const real = await talk(b, id, 'real')
  for (const event of lost.slice(before.length)) {
    const at = `/v1/sessions/${id}/events?since_id=${event.id}`
    const { status, body } = await answerOf(a, at)
    assert.deepEqual([status, body.code, body.resume], [409, 'history_changed', resume])
  }
  const rest = await eventsOf(a, id, `?since_id=${last.id}`)
  assert.deepEqual(rest, real.slice(before.length))
})

test('a client resumes inside a message by an id from its own log, and not by a lost one', async (t) => {
  const { scope, database, gates, a, id } = await losingScene(t)
  const before = await talk(a, id, 'before')
  await database.save()
  const words = 'text that is lost'
  const stream = await followSoon(scope, a, id)
  await say(a, id, words)
  await gates.gate(words).reached
  const delta = await stream.until(() =>
    stream.events.find(
      ({ type, sequence }) =>
        type === 'output.message.delta' && !sequence && stream.events.length > before.length,
    ),
  )
  await database.lose()
  await stream.ended
  gates.gate(words).open()
  await talk(a, id, 'real')
  const { status, body } = await answerOf(a, `/v1/sessions/${id}/sse?since_id=${delta.id}`)
  const { id: since_id, sequence } = before.at(-1)!
  assert.deepEqual([status, body.resume], [409, { since_id, sequence }])
})

test('a prompt that was first used in a lost commit is stored again', async (t) => {
  const { database, a, b, agent, id } = await losingScene(t)
  await talk(a, id, 'before')
  const changed = { system_prompt: 'You open doors.' }
  const patched = await insistent(a.call)('PATCH', `/v1/agents/${agent.id}`, changed)
  assert.equal(patched.status, 200)
  await database.save()
  await talk(a, id, 'lost')
  await database.lose()
  await talk(a, id, 'real')
  const promptOn = async (node: Node) => {
    const { body } = await answerOf(node, `/v1/sessions/${id}/events?types=llm.generation`)
    const { messages } = (body.data.at(-1) as Event<'llm.generation'>).data
    return messages.find(({ role }) => role === 'system')?.content
  }
  const [part] = (await promptOn(b))!
  assert.ok(part?.type === 'text' && part.text.startsWith('You open doors.'), JSON.stringify(part))
  assert.deepEqual(await promptOn(a), [part])
})

test('a key that was created in a lost commit opens nothing', async (t) => {
  const scope = scopeOf(t)
  const database = await startLosingDatabase(scope)
  const server = await startGuarded(scope, { databaseUrl: database.url })
  const person = await registerPerson(server)
  await database.save()
  const key = await eventually(() => createKey(server, person).catch(() => undefined))
  expectStatus(await key.call('GET', '/v1/agents'), 200)
  await database.lose()
  const code = await eventually(async () => {
    const { status, body } = await key.call('GET', '/v1/agents')
    return status === 401 && body.code
  })
  assert.equal(code, 'invalid_api_key')
})

test('a caller who was looked up before commits were lost is looked up again', async (t) => {
  const scope = scopeOf(t)
  const gate = Promise.withResolvers<void>()
  const provider = await openPort(scope, async (_request, response) => {
    await gate.promise
    response.end('{"active":true,"sub":"ada"}')
  })
  const database = await startLosingDatabase(scope)
  const env = { PRIVATE_HOSTS_ALLOWED: 'identity=127.0.0.1' }
  const server = await startServer(scope, { databaseUrl: database.url, env })
  const manager = { url: server.url, call: insistent(server.call) }
  const method = {
    mode: 'oauth2_introspection',
    provider: { introspection_url: provider.url, client_id: 'outlast' },
  }
  const channel = await openChannel(manager)
  const trust = (auth_methods: object[]) =>
    channel.manage('PATCH', '', { channel_config: { auth_methods } })
  await database.save()
  expectStatus(await trust([method]), 200)
  const ada = channelClient(server.url, channel.id, 'opaque')
  const early = ada.call('GET', '/sessions')
  await eventually(async () => provider.requests.length === 1)
  await database.lose()
  // The new history has as many changes of callers as the lost one.
  expectStatus(await trust([]), 200)
  expectStatus(await insistent(channel.call)('GET', '/sessions'), 200)
  gate.resolve()
  await early
  const { status, body } = await insistent(ada.call)('GET', '/sessions')
  assert.deepEqual([status, body.code], [401, 'invalid_token'])
})

test('watchers of an organization receive a reload frame', async (t) => {
  const { scope, database, a, b, id } = await losingScene(t)
  await database.save()
  const watchSoon = ({ url }: Node) =>
    eventually(async () => {
      const stream = await watch(scope, url)
      return [429, 503].includes(stream.response.status) ? undefined : stream
    })
  const streams = await Promise.all([a, b].map(watchSoon))
  await Promise.all(streams.map((stream) => stream.event('connected')))
  await database.lose()
  await Promise.all(streams.map((stream) => stream.event('reset')))
  assert.ok(typesOf(await talk(a, id, 'after')).includes('turn.completed'))
})
