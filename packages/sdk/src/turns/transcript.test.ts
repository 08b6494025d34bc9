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
  addEvent,
  clientTool,
  type Event,
  emptyTranscript,
  itemsOf,
  type SessionHandle,
  type ToolCallItem,
  type Transcript,
} from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

const fold = (events: Iterable<Event>, from = emptyTranscript) => {
  let transcript = from
  for (const event of events) transcript = addEvent(transcript, event)
  return transcript
}

const storedOf = async ({ id }: SessionHandle) => (await client.outlast.events.list(id)).data

/** Follows a busy session until it is idle, and returns stored and live events. */
async function followed(session: SessionHandle, work: (live: Event[]) => Promise<unknown>) {
  const live: Event[] = []
  const following = until(session.events(), (event) => {
    live.push(event)
    return event.type === 'session.idled'
  })
  await work(live)
  await following
  return live
}

/** The content that a view shows, without times and ids. */
const shown = (transcript: Transcript) =>
  itemsOf(transcript).map((item) => {
    if (item.kind === 'notice') return item.type
    if (item.kind === 'tool_call') return `${item.name} ${item.status}`
    return `${item.kind === 'agent_message' ? 'agent' : 'user'}: ${item.text.slice(0, 20)}`
  })

const opens = clientTool({
  name: 'open_door',
  description: 'Opens a door.',
  parameters: { type: 'object' },
  run: () => 'open',
})

/** Waits until a follower has received text of a message that streams. */
async function untilText(live: readonly Event[]) {
  const isText = ({ type }: Event) => type === 'output.message.delta'
  while (!live.some(isText)) await new Promise(setImmediate)
}

/** A conversation with all features: tools, approvals, steering, a queue, cancel, a failure. */
async function converse(session: SessionHandle, live: readonly Event[]) {
  const write = { name: 'write_file', arguments: { path: '/a', content: 'a' } }
  const allow = { decision: 'approve' } as const
  const deny = { decision: 'deny', reason: 'no' } as const
  await session.send(
    says(
      { thinking: 'Hm.', text: 'First the door.', ...calls('open_door') },
      { tool_calls: [write, { ...write, arguments: { path: '/b', content: 'b' } }] },
      { text: words, tokens_per_second: 1000 },
    ),
    {
      tools: [opens],
      onApproval: ({ arguments: { path } }) => (path === '/a' ? allow : deny),
    },
  )
  await session.send(says({ error: { message: 'no', status: 400 } })).catch(() => {})
  const turn = session.send(endless)
  let text = ''
  await until(turn, (event) => {
    if (event.type === 'output.message.delta') text += event.data.delta
    return text.length > 20
  })
  await untilText(live)
  const queued = session.send(says({ text: 'queued' }), { on_busy: 'queue' })
  await until(queued, isOfType('input.message'))
  await turn.cancel()
  await queued
}

const approving = {
  capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
}

for (const accumulated of [false, true]) {
  test(`creates the same transcript from live and stored events, accumulated=${accumulated}`, async () => {
    const session = await client.start({ tools: [opens.definition] }, approving)
    const live: Event[] = []
    const stop = new AbortController()
    const following = (async () => {
      for await (const event of session.events({ accumulated, signal: stop.signal })) {
        live.push(event)
      }
    })()
    await converse(session, live)
    const stored = await storedOf(session)
    while (live.at(-1)?.id !== stored.at(-1)!.id) await new Promise(setImmediate)
    stop.abort()
    await following.catch(() => {})
    assert.ok(live.length > stored.length, 'there were deltas')
    const transcript = fold(stored)
    assert.deepEqual(fold(live), transcript)
    assert.deepEqual(shown(transcript), [
      'user: llmsim-script: [{"th',
      'agent: First the door.',
      'open_door done',
      'agent: ',
      'write_file done',
      'write_file failed',
      'agent: word0 word1 word2 wo',
      'user: llmsim-script: [{"er',
      'agent: The model call faile',
      'turn.failed',
      'user: llmsim-script: [{"te',
      'agent: word0 word1 word2 wo',
      'user: llmsim-script: [{"te',
      'turn.cancelled',
      'agent: queued',
    ])
    assert.deepEqual(
      [transcript.status, transcript.turnId, transcript.waitingFor],
      ['idle', undefined, []],
    )
    assert.ok(transcript.usage!.output_tokens > 0)
    const [door, allowed, denied] = itemsOf(transcript).filter(
      (item): item is ToolCallItem => item.kind === 'tool_call',
    )
    assert.deepEqual([door!.isForClient, door!.result], [true, [{ type: 'text', text: 'open' }]])
    assert.deepEqual(
      [allowed!.approval!.state, denied!.approval!.state, denied!.approval!.reason],
      ['approved', 'denied', 'no'],
    )
    assert.equal(allowed!.approval!.decidedBy!.kind, 'anonymous')
    assert.equal(
      fold(stored, transcript),
      transcript,
      'a stored event that is known changes nothing',
    )
  })
}

test('lists the calls that a waiting turn needs', async () => {
  const session = await client.start({ tools: [opens.definition] }, approving)
  const write = { name: 'write_file', arguments: { path: '/a', content: 'a' } }
  const open = { name: 'open_door', arguments: {} }
  session.send(says({ tool_calls: [write, open] }, { text: 'end' })).catch(() => {})
  const live: Event[] = []
  await until(session.events(), (event) => {
    live.push(event)
    return event.type === 'tool.call_requested'
  })
  const transcript = fold(live)
  assert.deepEqual(
    transcript.waitingFor.map(({ name, status, approval }) => [name, status, approval?.state]),
    [
      ['write_file', 'waiting', 'requested'],
      ['open_door', 'waiting', undefined],
    ],
  )
  assert.ok(Date.parse(transcript.waitingFor[1]!.expiresAt!) > Date.now())
  assert.equal(transcript.status, 'active')
  await client.outlast.sessions.cancelTurn(session.id)
  await until(session.events(), isOfType('session.idled'))
  const after = fold(await storedOf(session))
  assert.deepEqual(after.waitingFor, [])
  assert.deepEqual(shown(after).slice(2), [
    'write_file cancelled',
    'open_door cancelled',
    'turn.cancelled',
  ])
})

test('shows one message after a further attempt, without the earlier text', async (t) => {
  const model = await startModel(t)
  const session = client.outlast.session(await model.session(client.server))
  let transcript = emptyTranscript
  const texts: string[] = []
  const live = followed(session, async (received) => {
    session.send('Go on').catch(() => {})
    const first = await model.call(1)
    first.say('half of it')
    await untilText(received)
    first.breakOff()
    const second = await model.call(2)
    second.say('all of it')
    second.end()
  })
  for (const event of await live) {
    transcript = addEvent(transcript, event)
    const item = itemsOf(transcript).at(-1)
    if (item?.kind === 'agent_message') texts.push(`${item.attempt} ${item.text}`)
  }
  assert.ok(texts.includes('1 half of it'))
  assert.ok(texts.includes('2 '))
  const messages = itemsOf(transcript).filter(({ kind }) => kind === 'agent_message')
  assert.equal(messages.length, 1)
  assert.equal(texts.at(-1), '2 all of it')
  assert.deepEqual(transcript, fold(await storedOf(session)))
})

test('has the arguments of calls while the model writes them, and drops them with the attempt', () => {
  const id = (digit: string) => `turn_${digit.repeat(32)}`
  const about = { id: 'event', ts: '2026-11-25T09:30:00.000Z', session_id: 'session', context: {} }
  const started = (sequence: number, attempt: number) =>
    ({
      ...about,
      sequence,
      type: 'output.message.started',
      data: { turn_id: id('1'), message_id: 'message_1', attempt },
    }) as Event
  const delta = (tool_call_id: string, text: string) =>
    ({
      ...about,
      type: 'tool.input.delta',
      data: { turn_id: id('1'), tool_call_id, name: 'add', delta: text },
    }) as Event
  const writing = (events: Event[]) =>
    itemsOf(fold(events)).flatMap((item) => (item.kind === 'agent_message' ? item.writing : []))
  const call = (id: string, input: string) => ({ id, name: 'add', input })
  const first = [started(1, 1), delta('a', '{"x'), delta('b', '{'), delta('a', '":1}')]
  assert.deepEqual(writing(first), [call('a', '{"x":1}'), call('b', '{')])
  assert.deepEqual(writing([...first, started(2, 2), delta('c', '{')]), [call('c', '{')])
  assert.deepEqual(writing([delta('a', 'inside')]), [call('a', 'inside')])
  const ended = {
    ...about,
    sequence: 3,
    type: 'session.idled',
    data: { turn_id: id('1') },
  } as Event
  assert.deepEqual(writing([...first, ended]), [])
})

test('has all text of a message when events start inside it', async (t) => {
  const model = await startModel(t)
  const session = client.outlast.session(await model.session(client.server))
  session.send('Go on').catch(() => {})
  const call = await model.call()
  call.think('hm ')
  call.say('one ')
  await until(session.events(), isOfType('output.message.delta'))
  const started = (await storedOf(session)).at(-1)!
  const live: Event[] = []
  const reading = until(session.events({ after_sequence: started.sequence! }), (event) => {
    live.push(event)
    return event.type === 'session.idled'
  })
  const text = () => itemsOf(fold(live))[0]
  while (live.length < 2) await new Promise(setImmediate)
  const early = text()
  assert.ok(early?.kind === 'agent_message' && early.isStreaming)
  assert.deepEqual([early.thinking, early.text, early.id], ['hm ', 'one ', undefined])
  call.say('two')
  call.end()
  await reading
  const whole = text()
  assert.ok(whole?.kind === 'agent_message' && !whole.isStreaming)
  assert.deepEqual([whole.thinking, whole.text], ['hm ', 'one two'])
  assert.match(whole.id!, /^message_/)
})

test('keeps unchanged items as the same objects', async () => {
  const session = await client.start()
  const live = await followed(session, async () => {
    for (let n = 0; n < 3; n++) await session.send('hello')
    await session.send(slow)
  })
  assert.ok(live.length > 0)
  const events = await all(client.outlast.events.list(session.id))
  let transcript = fold(events)
  const before = transcript
  const delta = { turn_id: 'turn_x', delta: 'more' }
  const event = {
    ...events.at(-1)!,
    id: 'event_x',
    type: 'output.message.delta',
    data: delta,
  } as Event
  const { sequence: _, ...unstored } = event
  for (let n = 0; n < 300; n++)
    transcript = addEvent(transcript, { ...unstored, id: `e${n}` } as Event)
  const items = itemsOf(before)
  assert.deepEqual(
    itemsOf(transcript)
      .slice(0, items.length)
      .map((item, at) => item === items[at]),
    items.map(() => true),
  )
  assert.equal(addEvent(before, events[3]!), before)
})

test('costs the same per event for long and short conversations', () => {
  const event = (n: number, type: string, data: object) =>
    ({
      id: `e${n}`,
      type,
      ts: '',
      session_id: 's',
      context: { turn_id: 't' },
      data,
      sequence: n,
    }) as unknown as Event
  let transcript = emptyTranscript
  const copied: number[] = []
  for (let n = 1; n <= 20_000; n += 2) {
    const tool_call = { id: `c${n}`, name: 'x', arguments: {} }
    transcript = addEvent(transcript, event(n, 'tool.started', { tool_call }))
    const before = transcript.sections
    transcript = addEvent(
      transcript,
      event(n + 1, 'tool.completed', {
        tool_call_id: `c${n}`,
        tool_name: 'x',
        success: true,
        status: 'success',
      }),
    )
    const changed = transcript.sections.filter((section, at) => section !== before[at])
    copied.push(changed.reduce((sum, section) => sum + section.length, transcript.sections.length))
  }
  assert.ok(Math.max(...copied) <= 256, `${Math.max(...copied)} places were copied for one event`)
  assert.equal(itemsOf(transcript).length, 10_000)
})

test('a queued message whose turn ends before it begins waits no longer', () => {
  const about = { id: 'event_1', ts: '2026-11-29T00:00:00.000Z', session_id: 'session_1' }
  const input = { id: 'message_2', role: 'user', content: [{ type: 'text', text: 'Later' }] }
  const context = { turn_id: 'turn_2', input_message_id: 'message_2' }
  for (const [type, data] of [
    ['turn.cancelled', { turn_id: 'turn_2', reason: 'user' }],
    ['turn.failed', { turn_id: 'turn_2', error: 'No.', error_code: 'turn_crashed' }],
  ] as const) {
    const events = [
      {
        ...about,
        sequence: 1,
        type: 'input.message',
        data: { message: input, on_busy: 'queue' },
      },
      { ...about, sequence: 2, type, context, data },
    ]
    const isQueued = (count: number) => {
      const all = events.slice(0, count).map((event) => ({ context: {}, ...event }) as never)
      const [item] = itemsOf(all.reduce<Transcript>(addEvent, emptyTranscript))
      return item?.kind === 'user_message' && item.isQueued
    }
    assert.deepEqual([isQueued(1), isQueued(2)], [true, false], type)
  }
})
