/** Resuming inside a reply that was not written as thinking, then text, then arguments. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { type ModelCall, startModel } from '../../../../test/remotes/written-model.ts'
import { dataOf, eventsOf, post } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'

const query = '?accumulated=false'

/** Text of each kind in its order, with neighbors of one kind joined. */
function writtenIn(events: readonly Event[]): [string, string][] {
  const written: [string, string][] = []
  for (const { type, data } of events) {
    if (!type.endsWith('.delta')) continue
    const { delta } = data as { delta: string }
    const last = written.at(-1)
    if (last?.[0] === type) last[1] += delta
    else written.push([type, delta])
  }
  return written
}

const lengthOf = (events: readonly Event[]) =>
  writtenIn(events).reduce((sum, [, { length }]) => sum + length, 0)

type Step = (call: ModelCall) => void

/** Writes a reply step by step, each once a client has the one before. */
async function write(t: TestContext, steps: readonly Step[]) {
  const guarded = await startGuarded(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' } })
  const { key, call: withKey } = await createKey(guarded, await registerPerson(guarded))
  const server = { ...guarded, call: withKey }
  const headers = { authorization: key }
  const model = await startModel(t)
  const { id } = await model.session(server, { capabilities: [{ ref: 'test_math' }] })
  const client = await follow(t, server.url, { sessionId: id, query, headers })
  await post(server, id, 'Speak.')
  const call = await model.call()
  for (const step of steps) {
    const before = lengthOf(client.events)
    step(call)
    await client.until(() => lengthOf(client.events) > before)
  }
  const resume = (since: string) =>
    follow(t, server.url, { sessionId: id, query: `${query}&since_id=${since}`, headers })
  return { server, id, model, call, client, resume }
}

type Written = Awaited<ReturnType<typeof write>>

/**
 * Resumes after each delta of the reply, and compares what the client got before and after with
 * all that it got without a break. `isWanted`: the kinds that are compared.
 */
async function resumeAfterEach(
  { client, resume }: Written,
  isWanted = (_: Event) => true,
): Promise<void> {
  const end = client.events.findIndex(({ type }) => type === 'output.message.completed')
  const all = writtenIn(client.events.filter(isWanted))
  for (const [index, { id, type }] of client.events.slice(0, end).entries()) {
    if (!type.endsWith('.delta')) continue
    const stream = await resume(id)
    await stream.event('session.idled')
    const got = [...client.events.slice(0, index + 1), ...stream.events]
    assert.deepEqual(writtenIn(got.filter(isWanted)), all, `after event ${index}`)
    stream.close()
  }
}

const steps: Step[] = [
  (call) => call.say('Let me look. '),
  (call) => call.think('This is hard '),
  (call) => call.think('and done.'),
  (call) => call.say('The answer is 42.'),
]

test('a resume after the end of a reply has thinking and text in the order of the stream', async (t) => {
  const written = await write(t, steps)
  written.call.end()
  await written.client.event('session.idled')
  await resumeAfterEach(written)
  const { server, id } = written
  const events = await eventsOf(server, id)
  assert.deepEqual(dataOf(events, 'output.message.completed').written_order, [
    { type: 'text', length: 13 },
    { type: 'thinking', length: 22 },
    { type: 'text', length: 17 },
  ])
  const made = await server.call('POST', `/v1/sessions/${id}/tokens`, { view: 'chat' })
  const endUser = callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  const shown = await eventsOf({ ...server, call: endUser }, id)
  const { message, written_order } = dataOf(shown, 'output.message.completed')
  assert.equal(message.content.length, 1)
  assert.deepEqual([message.thinking, written_order], [undefined, undefined])
})

test('the part of a reply that a cancel keeps has its order', async (t) => {
  const written = await write(t, steps)
  await written.server.call('POST', `/v1/sessions/${written.id}/cancel`)
  await written.client.event('session.idled')
  await resumeAfterEach(written)
})

test('arguments between two texts do not move the text after them', async (t) => {
  const add = { id: 'call_1', name: 'add' }
  const written = await write(t, [
    (call) => call.say('I add. '),
    (call) => call.input(0, '{"a":1,', add),
    (call) => call.input(0, '"b":2}'),
    (call) => call.say('I have added.'),
  ])
  written.call.end()
  const next = await written.model.call(2)
  next.end()
  await written.client.event('session.idled')
  // The arguments themselves can be sent in another place.
  await resumeAfterEach(written, ({ type }) => type === 'output.message.delta')
})

test('a reply in the usual order stores no order', async (t) => {
  const written = await write(t, [(call) => call.think('Hm. '), (call) => call.say('Yes.')])
  written.call.end()
  await written.client.event('session.idled')
  await resumeAfterEach(written)
  const events = await eventsOf(written.server, written.id)
  assert.equal(dataOf(events, 'output.message.completed').written_order, undefined)
})
