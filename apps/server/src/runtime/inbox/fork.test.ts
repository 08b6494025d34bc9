import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event, EventMessage, Session } from '@outlast/contract'
import { expectStatus } from '../../../test/access.ts'
import {
  addVendorModel,
  startVendor,
  type VendorAnswer,
  type VendorMessage,
  type VendorRequest,
} from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { toolCallsOf } from '../log/open-calls.ts'
import { addUsage } from '../log/usage.ts'

const usage = { prompt_tokens: 100, completion_tokens: 10 }
const add = { name: 'add', arguments: { a: 2, b: 3 } }
const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'A' } }

/** Replies of the model to each message, in order. */
const replies: Record<string, VendorAnswer[]> = {
  'the door': [
    { calls: [add, { name: 'open_door', arguments: {} }], usage },
    { calls: [{ name: 'delete_file', arguments: { path: '/a.txt' } }], usage },
  ],
  tools: [
    { calls: [add, write], usage },
    { text: 'Now again.', calls: [add], usage },
  ],
}

function answerTo({ body: { messages } }: VendorRequest): VendorAnswer {
  checkLegal(messages)
  const at = messages.findLastIndex(({ role }) => role === 'user')
  const said = messages.slice(at).filter(({ role }) => role === 'assistant').length
  return replies[textOf(messages[at]!)]?.[said] ?? { text: 'Yes.', usage }
}

const textOf = ({ content }: VendorMessage) =>
  typeof content === 'string' ? content : (content as { text: string }[])[0]!.text

/** Checks as vendors do: the one result of each call follows it directly. */
function checkLegal(messages: VendorMessage[]) {
  const open = new Set<string>()
  for (const { role, tool_calls = [], tool_call_id } of messages) {
    if (role === 'tool') assert.ok(open.delete(tool_call_id!), 'a result without a call')
    else assert.equal(open.size, 0, 'a call without a result')
    for (const { id } of tool_calls) open.add(id)
  }
  assert.equal(open.size, 0, 'a call without a result')
}

async function start(t: TestContext, env: Record<string, string> = {}) {
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  const vendor = await startVendor(t, async (request) => {
    const answer = answerTo(request)
    await gate.promise
    return answer
  })
  const server = await startServer(t, { env })
  await addVendorModel(server, vendor)
  const config = { requires_approval: ['delete_file'] }
  const capabilities = [{ ref: 'test_math' }, { ref: 'session_file_system', config }]
  const tools = [{ type: 'client_side', name: 'open_door', description: 'Opens.', parameters: {} }]
  const agent = await createAgent(server, { capabilities, tools })
  const { id } = await createSession(server, { agent_id: agent.id })
  const hold = () => {
    gate = Promise.withResolvers()
    return gate.resolve
  }
  const fork = async (body: object): Promise<Session> =>
    expectStatus(await server.call('POST', `/v1/sessions/${id}/fork`, body), 201)
  return { server, vendor, id, hold, fork }
}

type Started = Awaited<ReturnType<typeof start>>

/** Runs turns with every kind of event. */
async function record(t: TestContext, { server, id, hold }: Started) {
  await converse(t, server, id, 'tools')
  await openDoor(t, server, id)
  const stream = await follow(t, server.url, { sessionId: id })
  await stream.event('session.idled', 2)
  const begun = stream.events.filter(({ type }) => type === 'output.message.started').length
  const release = hold()
  await post(server, id, 'slow')
  await stream.event('output.message.started', begun + 1)
  await post(server, id, 'queued one', { on_busy: 'queue' })
  await post(server, id, 'steered')
  await post(server, id, 'queued two', { on_busy: 'queue' })
  await post(server, id, 'at once', { on_busy: 'interrupt' })
  await stream.event('output.message.started', begun + 2)
  release()
  await stream.event('session.idled', 3)
  const ready = hold()
  await post(server, id, 'never')
  await stream.event('output.message.started', begun + 5)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  ready()
  await stream.event('session.idled', 4)
  return eventsOf(server, id)
}

/** Runs a turn that waits for the client and then for an approval. */
async function openDoor(t: TestContext, server: Started['server'], id: string) {
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'the door')
  const { tool_calls } = (await stream.event('tool.call_requested')).data
  const tool_results = [{ tool_call_id: tool_calls[0]!.id, result: { open: true } }]
  const path = `/v1/sessions/${id}`
  expectStatus(await server.call('POST', `${path}/tool-results`, { tool_results }), 200)
  const { tool_call } = (await stream.event('tool.approval_requested')).data
  const decision = { decision: 'approve' }
  expectStatus(await server.call('POST', `${path}/approvals/${tool_call.id}`, decision), 200)
  await stream.event('session.idled', 2)
  stream.close()
}

const generations = (events: Event[]) =>
  events.flatMap((event) => (event.type === 'llm.generation' ? [event.data] : []))

const inputsOf = (events: Event[]) =>
  events.flatMap((event) => (event.type === 'input.message' ? [event.data.message] : []))

const missing = <T>(some: Iterable<T>, all: Set<T>) => [...some].filter((one) => !all.has(one))

const wordsOf = ({ content }: EventMessage) =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join()

test('a session can be forked at every event, and the fork continues from there', async (t) => {
  const started = await start(t)
  const { server, vendor, fork } = started
  const events = await record(t, started)
  assert.ok(events.length > 60, String(events.length))
  for (const [index, { type }] of events.entries()) {
    const where = `at ${index + 1}, ${type}`
    const forked = await fork({ at_sequence: index + 1 })
    const copied = events.slice(0, index + 1)
    const inputs = inputsOf(copied)
    assert.equal(forked.status, inputs.length > 0 ? 'idle' : 'started', where)
    const own = await eventsOf(server, forked.id)
    checkEnd(own, where)
    const used = generations(copied).map(({ metadata }) => metadata.usage)
    assert.deepEqual(forked.usage ?? undefined, used.reduce(addUsage, undefined), where)
    const next = await converse(t, server, forked.id, 'And then?')
    assert.equal(dataOf(next, 'turn.completed')!.iterations, 1, where)
    const asked = vendor.requests.at(-1)!.body.messages.filter(({ role }) => role === 'user')
    const words = inputs.map(wordsOf).sort()
    assert.deepEqual(asked.map(textOf).sort(), ['And then?', ...words].sort(), where)
    await checkShown(started, { forked, copied, where })
  }
  assert.deepEqual(await eventsOf(server, started.id), events, 'the source is as it was')
})

/** Checks that every message has a turn and every turn an end. */
function checkEnd(own: Event[], where: string) {
  assert.deepEqual(
    own.map(({ sequence }) => sequence),
    own.map((_, index) => index + 1),
  )
  if (inputsOf(own).length === 0) return
  assert.equal(own.at(-1)!.type, 'session.idled', where)
  const ended = own.filter(({ type }) => /^turn\.(completed|failed|cancelled)$/.test(type))
  const begun = own.filter(({ type }) => type === 'turn.started' || type === 'session.activated')
  const turnsOf = (some: Event[]) => new Set(some.map(({ context }) => context.turn_id))
  assert.deepEqual(missing(turnsOf(begun), turnsOf(ended)), [], where)
  assert.equal(turnsOf(ended).size, ended.length, 'no turn ends twice')
  const open = new Set<string>()
  for (const event of own) {
    if (event.type === 'output.message.completed') {
      for (const { id } of toolCallsOf(event.data.message.content)) open.add(id)
    }
    if (event.type === 'tool.completed') {
      assert.ok(open.delete(event.data.tool_call_id), `${where}: one outcome of each call`)
    }
  }
  assert.equal(open.size, 0, where)
}

type Shown = { forked: Session; copied: Event[]; where: string }

/** Checks that model input before the cut reads the same in the fork. */
async function checkShown({ server, id }: Started, { forked, copied, where }: Shown) {
  const query = '?types=llm.generation&expand=messages'
  const shown = generations(await eventsOf(server, forked.id, query))
  const theirs = generations(await eventsOf(server, id, query))
  const count = generations(copied).length
  assert.deepEqual(shown.slice(0, count), theirs.slice(0, count), where)
  assert.equal(shown.length, count + 1)
  const plain = generations(await eventsOf(server, forked.id, '?types=llm.generation'))
  const told = plain.flatMap(({ messages }) => messages.map((message) => message.id))
  const known = shown.at(-1)!.messages.map((message) => message.id)
  assert.deepEqual(missing(known, new Set(told)), [], `${where}: all was told`)
}

test('a model gets the same input in the fork as in the source', async (t) => {
  const started = await start(t, { CONTEXT_TOKENS_UNKNOWN: '6000' })
  const { server, vendor, id, fork } = started
  await converse(t, server, id, 'tools')
  for (let n = 0; n < 4; n += 1) await converse(t, server, id, `${n} ${'lorem ipsum '.repeat(500)}`)
  const copied = await eventsOf(server, id)
  assert.ok(dataOf(copied, 'context.compacted')?.summary, 'there is a summary')
  const forked = await fork({})
  const asked = async (sessionId: string) => {
    await converse(t, server, sessionId, 'And then?')
    return vendor.requests.at(-1)!.body
  }
  const [theirs, ours] = [await asked(id), await asked(forked.id)]
  assert.deepEqual(ours, theirs)
  await checkShown(started, { forked, copied, where: 'at the end' })
})
