import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { all, calls, isOfType, says, startClient, until } from '../../test/session.ts'
import {
  clientTool,
  createOutlast,
  type Event,
  type RunnableTool,
  type SessionHandle,
} from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

const parameters = { type: 'object', properties: { n: { type: 'integer' } } } as const

/** A tool with the behavior of a test, and the numbers that it was called with. */
function tool(work: (n: number, signal: AbortSignal) => unknown, name = 'work') {
  const ran: number[] = []
  const run = ({ n = 0 }: { n?: number }, { signal }: { signal: AbortSignal }) => {
    ran.push(n)
    return work(n, signal)
  }
  return { ...clientTool({ name, description: 'Works.', parameters, run }), ran }
}

const sessionWith = (...tools: RunnableTool[]) =>
  client.start({ tools: tools.map(({ definition }) => definition) })

/** Two calls in one reply, then an end. */
const twice = says(
  {
    tool_calls: [
      { name: 'work', arguments: { n: 1 } },
      { name: 'work', arguments: { n: 2 } },
    ],
  },
  { text: 'end' },
)
const once = says(calls('work', { n: 1 }), { text: 'end' })

async function outcomesOf({ id }: SessionHandle) {
  const { data } = await client.outlast.events.list(id, { types: ['tool.completed'] })
  return data.map((event) => (event as Event<'tool.completed'>).data)
}

async function said(session: SessionHandle) {
  const outcomes = await outcomesOf(session)
  return outcomes.map(({ result, error }) => {
    const [part] = result ?? []
    return error ?? (part?.type === 'text' ? part.text : undefined)
  })
}

test('runs client tools concurrently and once, also when the turn is awaited and iterated together', async () => {
  let arrived = 0
  let release = () => {}
  const both = new Promise<void>((resolve) => {
    release = resolve
  })
  const work = tool(async (n) => {
    arrived += 1
    if (arrived === 2) release()
    await both
    return { n }
  })
  const session = await sessionWith(work)
  const turn = session.send(twice, { tools: [work] })
  const [answer] = await Promise.all([turn, all(turn), all(turn)])
  assert.equal(answer.text, 'end')
  assert.deepEqual(work.ran.toSorted(), [1, 2])
  assert.deepEqual((await said(session)).toSorted(), ['{"n":1}', '{"n":2}'])
})

const cycle: unknown[] = []
cycle.push(cycle)
const oddities: [what: string, work: () => unknown, expected: RegExp][] = [
  ['undefined', () => undefined, /^null$/],
  ['a function', () => () => 1, /^null$/],
  ['a cyclic value', () => cycle, /circular/i],
  ['a bigint', () => 1n, /BigInt/],
  ['what is too long', () => 'x'.repeat(9 * 1024 * 1024), /too long/],
  ['what is too long as bytes', () => '€'.repeat(3 * 1024 * 1024), /too long/],
  ['a rejection', () => Promise.reject(new Error('no luck')), /^no luck$/],
  ['an error without a word', () => Promise.reject(new RangeError()), /^RangeError$/],
  [
    'an error whose message is an object',
    () => Promise.reject(Object.assign(new Error(), { message: { code: 7 } })),
    /^\[object Object\]$/,
  ],
  ['a thrown thing', () => Promise.reject(Object.create(null)), /^The tool failed\.$/],
]

test('sends every result and error of a tool to the model and continues the turn', async () => {
  for (const [what, work, expected] of oddities) {
    const odd = tool(work)
    const session = await sessionWith(odd)
    assert.equal((await session.send(once, { tools: [odd] })).text, 'end', what)
    assert.match((await said(session))[0]!, expected, what)
  }
})

test('aborts a call that another client answers meanwhile, without an error', async () => {
  const work = tool(async (_, signal) => {
    const { data } = await client.outlast.events.list(session.id, {
      types: ['tool.call_requested'],
    })
    const { id } = (data[0] as Event<'tool.call_requested'>).data.tool_calls[0]!
    await client.outlast.sessions.submitToolResults(session.id, {
      tool_results: [{ tool_call_id: id, result: 'theirs' }],
    })
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return 'ours'
  })
  const session = await sessionWith(work)
  assert.equal((await session.send(once, { tools: [work] })).text, 'end')
  assert.deepEqual(await said(session), ['theirs'])
})

test('runs a tool although the server refuses for a while to list events', async () => {
  let refusals = 5
  const headers = { 'content-type': 'application/json', 'retry-after': '0' }
  const body = JSON.stringify({ error: 'The server is stopping.', code: 'shutting_down' })
  const outlast = createOutlast({
    url: client.server.url,
    fetch: async (input, init) =>
      /\/events\?/.test(String(input)) && refusals-- > 0
        ? new Response(body, { status: 503, headers })
        : fetch(input, init),
  })
  const work = tool((n) => ({ n }))
  const { id } = await sessionWith(work)
  const { text } = await outlast.session(id).send(once, { tools: [work] })
  assert.deepEqual([text, work.ran], ['end', [1]])
  assert.ok(refusals < 0)
})

test('ignores that a call was already answered', async () => {
  const work = tool(() => 'either')
  const session = await sessionWith(work)
  const other = client.outlast.session(session.id)
  const turn = session.send(once, { tools: [work] })
  await until(turn, isOfType('input.message'))
  const answers = await Promise.all([turn, other.resume({ tools: [work] })])
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['end', 'end'],
  )
  assert.deepEqual(work.ran, [1], 'one program runs it once')
})

test('a turn runs a call that another turn of the program has left', async () => {
  const begun: AbortSignal[] = []
  const work = tool((_, signal) => {
    begun.push(signal)
    if (begun.length > 1) return 'mine'
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  })
  const session = await sessionWith(work)
  const leaving = new AbortController()
  const first = session.send(once, { tools: [work], signal: leaving.signal })
  const left = assert.rejects(async () => await first, /left/)
  await until(session.events(), isOfType('tool.call_requested'))
  const second = session.resume({ tools: [work] })
  await until(second, isOfType('tool.call_requested'))
  leaving.abort(new Error('left'))
  await left
  assert.equal((await second).text, 'end')
  assert.deepEqual(await said(session), ['mine'])
})

test('resume runs waiting calls and skips calls with an outcome', async () => {
  const work = tool((n) => n)
  const session = await sessionWith(work)
  const dead = new AbortController()
  const dies = tool((n) => {
    if (n === 1) return n
    dead.abort(new Error('gone'))
    return new Promise(() => {})
  })
  const step = (n: number) => calls('work', { n })
  const script = says(step(1), step(2), step(3), { text: 'end' })
  await assert.rejects(
    async () => await session.send(script, { tools: [dies], signal: dead.signal }),
    /gone/,
  )
  const events = await all(session.resume({ tools: [work] }))
  assert.deepEqual(work.ran, [2, 3])
  assert.equal(events[0]!.type, 'session.activated')
  assert.equal((await session.resume()).text, 'end')
  assert.deepEqual(await said(session), ['1', '2', '3'])
})

test('resume runs the waiting one of two calls in one reply', async () => {
  const dead = new AbortController()
  const dies = tool((n) => (n === 1 ? n : new Promise(() => {})))
  const work = tool((n) => n)
  const session = await sessionWith(work)
  const turn = session.send(twice, { tools: [dies], signal: dead.signal })
  await until(turn, isOfType('tool.completed'))
  dead.abort()
  assert.equal((await session.resume({ tools: [work] })).text, 'end')
  assert.deepEqual(work.ran, [2])
  assert.deepEqual(await said(session), ['1', '2'])
})

test('resume finds a turn that has not begun, and rejects without a turn', async () => {
  const session = await client.start()
  await assert.rejects(async () => await session.resume(), { code: 'no_turn' })
  await client.outlast.messages.create(session.id, {
    message: { content: [{ type: 'text', text: says({ text: 'one' }) }] },
  })
  assert.equal((await session.resume()).text, 'one')
  await client.outlast.messages.create(session.id, {
    message: { content: [{ type: 'text', text: says({ text: 'two' }) }] },
  })
  assert.equal((await session.resume()).text, 'two')
})

test('resume finds the latest turn of a long session', async () => {
  const session = await client.start()
  const script = says(...Array.from({ length: 40 }, (_, n) => calls('nobody_has_it', { n })), {
    text: 'one',
  })
  const first = await session.send(script)
  assert.ok((await session.resume()).turnId === first.turnId)
  const second = await session.send('and again')
  assert.equal((await session.resume()).turnId, second.turnId)
})

test('aborts running tools when the turn is cancelled', async () => {
  const aborted = Promise.withResolvers<void>()
  const work = tool(async (_, signal) => {
    signal.addEventListener('abort', () => aborted.resolve())
    await turn.cancel()
    await aborted.promise
  })
  const session = await sessionWith(work)
  const turn = session.send(once, { tools: [work] })
  assert.equal((await turn).outcome, 'cancelled')
  await aborted.promise
})

const guarded = (...names: string[]) => ({
  capabilities: [{ ref: 'session_file_system', config: { requires_approval: names } }],
})
const writes = (...names: string[]) =>
  says(
    {
      tool_calls: names.map((name) => ({
        name: 'write_file',
        arguments: { path: `/${name}`, content: name },
      })),
    },
    { text: 'end' },
  )

test('approves, denies with a reason and replaces arguments, also for two calls at once', async () => {
  const session = await client.start({}, guarded('write_file'))
  const answer = await session.send(writes('a', 'b', 'c'), {
    onApproval: async ({ arguments: { path }, expires_at }) => {
      assert.ok(Date.parse(expires_at) > Date.now())
      if (path === '/a') return { decision: 'approve' }
      if (path === '/b') return { decision: 'deny', reason: 'not b' }
      return { decision: 'approve', arguments: { path: '/d', content: 'd' } }
    },
  })
  assert.equal(answer.text, 'end')
  const { data } = await client.outlast.files.list(session.id)
  assert.deepEqual(data.map(({ path }) => path).toSorted(), ['/a', '/d'])
  const texts = await said(session)
  assert.ok(texts.some((text) => /not b/.test(text!)))
})

test('leaves an undecided approval to another client', async () => {
  const session = await client.start({}, guarded('write_file'))
  const asked: string[] = []
  const turn = session.send(writes('a'), {
    onApproval: async ({ id }) => {
      asked.push(id)
      await client.outlast.sessions.decideToolCall(session.id, id, { decision: 'deny' })
      return undefined
    },
  })
  assert.equal((await turn).text, 'end')
  assert.equal(asked.length, 1)
})

test('a turn decides on a call that another turn of the program leaves', async () => {
  const session = await client.start({}, guarded('write_file'))
  const asked = new Promise<void>((resolve) => {
    const turn = session.send(writes('a'), { onApproval: () => resolve() as undefined })
    turn.then(() => {})
  })
  await asked
  const turn = session.resume({ onApproval: () => ({ decision: 'approve' }) })
  assert.equal((await turn).text, 'end')
})

test('rejects the turn for an invalid or failed decision, which can be repeated', async () => {
  const session = await client.start({}, guarded('write_file'))
  const wrong = { decision: 'approve', arguments: { nothing: 1 } } as const
  const bad = session.send(writes('a'), { onApproval: () => wrong })
  await assert.rejects(async () => await bad, { code: 'invalid_request' })
  const broken = session.resume({ onApproval: () => Promise.reject(new Error('no idea')) })
  await assert.rejects(async () => await broken, /no idea/)
  const nameless = session.resume({ onApproval: () => Promise.reject() })
  await assert.rejects(async () => await nameless, /A handler failed/)
  assert.equal((await session.resume({ onApproval: () => ({ decision: 'approve' }) })).text, 'end')
})
