import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startModel } from '../../../../apps/server/test/remotes/written-model.ts'
import {
  all,
  calls,
  endless,
  isOfType,
  says,
  slow,
  startClient,
  until,
  words,
} from '../../test/session.ts'
import {
  clientTool,
  type Event,
  OutlastError,
  type SessionHandle,
  TurnFailedError,
} from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

/** A session whose turn streams many words, or has done so on a slow machine. */
async function busy() {
  const session = await client.start()
  const first = session.send(slow)
  await until(first, isOfType('output.message.started'))
  return { session, first }
}

/** A session whose turn has begun to stream a reply that it does not end by itself. */
async function busyForLong(given?: SessionHandle) {
  const session = given ?? (await client.start())
  const first = session.send(endless)
  await until(first, isOfType('output.message.delta'))
  return { session, first }
}

/** Whether a text is the beginning of the endless reply. */
const isBegun = (text: string) => text.length > 0 && `${words} `.repeat(10).startsWith(text)

/** The log until the session is idle. */
async function storedOf({ id }: SessionHandle): Promise<Event[]> {
  return (await client.outlast.events.list(id)).data
}

const turnOf = async (session: SessionHandle, n: number) =>
  (await storedOf(session)).filter(({ type }) => type === 'session.activated')[n - 1]!.context
    .turn_id

test('returns the answer of an awaited message', async () => {
  const session = await client.start()
  const answer = await session.send('hello')
  assert.match(answer.text, /simulated/i)
  assert.equal(answer.outcome, 'completed')
  assert.equal(answer.turnId, await turnOf(session, 1))
  assert.ok(answer.usage!.input_tokens > 0)
})

test('yields the message and the events of its turn, then returns the answer', async () => {
  const session = await client.start()
  await session.send('before')
  const turn = session.send('hello')
  const events: Event[] = []
  for await (const event of turn) events.push(event)
  assert.equal(events[0]?.type, 'input.message')
  assert.equal(events.at(-1)?.type, 'session.idled')
  const stored = (await storedOf(session)).filter(
    ({ sequence }) => sequence! >= events[0]!.sequence!,
  )
  assert.deepEqual(
    events.filter(({ sequence }) => sequence),
    stored,
  )
  assert.match((await turn).text, /simulated/i)
})

test('sends once and loses no event, awaited and iterated in any order', async () => {
  const session = await client.start()
  const turn = session.send(says({ text: 'one two three', tokens_per_second: 100 }))
  for await (const { type } of turn) if (type === 'turn.started') break
  const both = await Promise.all([turn, all(turn), all(turn)])
  const after = await all(turn)
  const typesOf = (events: Event[]) => events.filter(({ sequence }) => sequence).map((e) => e.type)
  assert.equal(both[0].text, 'one two three')
  assert.deepEqual(typesOf(both[1]), typesOf(after))
  assert.deepEqual(typesOf(both[2]), typesOf(after))
  assert.equal(after.filter(({ type }) => type === 'input.message').length, 1)
  assert.deepEqual(await turn, await turn.finally(() => {}))
})

test('steer: the running turn answers a message that arrives in time', async () => {
  // The turn calls the model again once it has the message.
  const work = clientTool({
    name: 'work',
    description: 'Works.',
    parameters: { type: 'object' },
    async run(): Promise<string> {
      await until(session.events(), isOfType('input.message', 2))
      return 'done'
    },
  })
  const session: SessionHandle = await client.start({ tools: [work.definition] })
  const step = { text: words, tokens_per_second: 50, ...calls('work') }
  const first = session.send(says(step, { text: 'no' }), { tools: [work] })
  await until(first, isOfType('output.message.started'))
  const [one, two] = await Promise.all([first, session.send(says({ text: 'steered' }))])
  assert.deepEqual([one.text, two.text], ['steered', 'steered'])
  assert.equal(one.turnId, two.turnId)
})

test('steer: the next turn answers a message that arrives late', async () => {
  const { session, first } = await busy()
  const [one, two] = await Promise.all([first, session.send(says({ text: 'second' }))])
  assert.deepEqual([one.text, two.text], [words, 'second'])
  assert.deepEqual([one.turnId, two.turnId], [await turnOf(session, 1), await turnOf(session, 2)])
})

test('steer: one turn answers several late messages', async (t) => {
  const model = await startModel(t)
  const session = client.outlast.session(await model.session(client.server))
  const first = session.send('Go on').then((answer) => answer)
  const call = await model.call()
  const late = ['one', 'two', 'three'].map((text) => session.send(text).then((answer) => answer))
  await until(session.events(), isOfType('input.message', 4))
  call.say('first')
  call.end()
  const next = await model.call(2)
  next.say('all')
  next.end()
  const answers = await Promise.all(late)
  assert.equal((await first).text, 'first')
  assert.deepEqual(new Set(answers.map(({ turnId }) => turnId)).size, 1)
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['all']))
  assert.equal(answers[0]!.turnId, await turnOf(session, 2))
})

test('queue: each message has its own turn, and its iteration yields only that turn', async () => {
  const { session, first } = await busy()
  const queued = ['a', 'b'].map((text) => session.send(says({ text }), { on_busy: 'queue' }))
  const [seen, ...answers] = await Promise.all([all(queued[1]!), first, ...queued])
  assert.deepEqual(
    answers.map(({ text }) => text),
    [words, 'a', 'b'],
  )
  const turnIds = new Set(seen.flatMap(({ context }) => context.turn_id ?? []))
  assert.deepEqual([...turnIds], [answers[2]!.turnId])
})

test('interrupt: cancels the running turn, keeps its text, and the next turn answers', async () => {
  const { session, first } = await busyForLong()
  const [one, two] = await Promise.all([
    first,
    session.send(says({ text: 'now' }), { on_busy: 'interrupt' }),
  ])
  assert.equal(one.outcome, 'cancelled')
  assert.ok(isBegun(one.text), one.text)
  assert.deepEqual([two.text, two.outcome], ['now', 'completed'])
})

test('reject: refuses a message in a busy session with session_busy', async () => {
  const { session, first } = await busyForLong()
  const refused = session.send('no', { on_busy: 'reject' })
  await assert.rejects(async () => await refused, { code: 'session_busy', status: 409 })
  await assert.rejects(all(refused), { code: 'session_busy' })
  await first.cancel()
  await first
})

test('cancel: keeps streamed text, and cancels a message that the turn had not read', async () => {
  const { session, first } = await busyForLong()
  const unseen = session.send('too late')
  const events = session.events({ types: ['input.message'] })
  await until(events, isOfType('input.message', 2))
  assert.equal((await first.cancel()).status, 'cancelled')
  const [one, two] = await Promise.all([first, unseen])
  assert.deepEqual([one.outcome, two.outcome], ['cancelled', 'cancelled'])
  assert.ok(isBegun(one.text), one.text)
  assert.deepEqual([two.text, two.message, two.turnId], ['', undefined, one.turnId])
  assert.equal((await first.cancel()).status, 'no_op')
})

test('cancel: answers a message that arrives afterwards', async () => {
  const { session, first } = await busyForLong()
  await first.cancel()
  assert.equal((await session.send(says({ text: 'go on' }))).text, 'go on')
})

test('cancel: leaves the turn that follows running', async () => {
  const session = await client.start()
  const first = session.send(says({ text: 'over' }))
  assert.equal((await first).outcome, 'completed')
  const { first: second } = await busyForLong(session)
  assert.equal((await first.cancel()).status, 'no_op')
  assert.equal((await second.cancel()).status, 'cancelled')
})

test('rejects a failed turn with its code, awaited and after an iteration', async () => {
  const session = await client.start()
  const turn = session.send(says({ error: { message: 'no', status: 400 } }))
  const events = await all(turn)
  assert.ok(events.some(({ type }) => type === 'turn.failed'))
  await assert.rejects(async () => await turn, TurnFailedError)
  const caught = await turn.catch((error) => error)
  assert.equal(caught.turnId, events.at(-1)!.context.turn_id)
})

test('rejects the turn and its cancel for a refused message', async () => {
  const turn = client.outlast.session(`session_${'0'.repeat(32)}`).send('hello')
  await assert.rejects(
    async () => await turn,
    (error) => error instanceof OutlastError && error.status === 404,
  )
  await assert.rejects(turn.cancel(), { status: 404 })
})

test('stops following with the reason of the signal, and the turn continues', async () => {
  const session = await client.start()
  const stopping = new AbortController()
  const turn = session.send(slow, { signal: stopping.signal })
  const reason = new Error('enough')
  const reading = async () => {
    for await (const { type } of turn) if (type === 'output.message.started') stopping.abort(reason)
  }
  await assert.rejects(reading(), reason)
  await assert.rejects(async () => await turn, reason)
  assert.equal((await session.resume()).text, words)
})

test('sends controls, metadata and tags with the message', async () => {
  const session = await client.start()
  const about = { tags: ['a'], metadata: { b: 1 }, idempotencyKey: 'once' }
  const [one, two] = await Promise.all([session.send('hello', about), session.send('hello', about)])
  assert.equal(one.turnId, two.turnId)
  const { data } = await client.outlast.messages.list(session.id)
  assert.equal(data.length, 2)
  assert.deepEqual([data[0]!.tags, data[0]!.metadata], [['a'], { b: 1 }])
})
