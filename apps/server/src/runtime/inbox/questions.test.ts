import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { QuestionOutcome, Session } from '@outlast/contract'
import { expectStatus } from '../../../test/access.ts'
import { queryRows } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  type ScriptStep,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>
let log = ''
beforeAll(async (t) => {
  const { write } = process.stderr
  process.stderr.write = (chunk: string | Uint8Array) => {
    log += String(chunk)
    return true
  }
  t.after(() => {
    process.stderr.write = write
  })
  server = await startServer(t as never, { env: { LOG_LEVEL: 'debug' } })
})

const color = {
  header: 'Color',
  question: 'Which color?',
  options: [{ label: 'Red' }, { label: 'Blue', default: true }],
}
const secret = {
  kind: 'secret',
  question: 'The token of the CRM?',
  secret_name: 'crm_token',
  purpose: 'To read your customers.',
}
const asks = (questions: object[], id = 'call_ask') => ({
  tool_calls: [{ id, name: 'ask_user', arguments: { questions } }],
})

/** Starts a session whose turn waits for answers. */
async function asking(t: TestContext, questions: object[], config = {}, then: ScriptStep[] = []) {
  const capabilities = [{ ref: 'ask_user', config }, { ref: 'test_math' }]
  const { id } = await createAgent(server, { capabilities })
  const session = await createSession(server, { agent_id: id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const steps = [asks(questions), ...then, { text: 'Thanks.' }]
  expectStatus(await post(server, session.id, scripted(...steps)), 201)
  await stream.event('tool.call_requested')
  const path = `/v1/sessions/${session.id}`
  const read = async (): Promise<Session> => (await server.call('GET', path)).body
  const parked = () => eventually(async () => (await read()).waiting_for)
  const answer = (body: object) => server.call('POST', `${path}/question-answers`, body)
  return { session, stream, path, read, parked, answer }
}

/** The result that the model got. */
function resultIn(events: Parameters<typeof dataOf>[0]): QuestionOutcome {
  const [part] = dataOf(events, 'tool.completed')!.result!
  assert.equal(part?.type, 'text')
  return JSON.parse(part!.type === 'text' ? part!.text : '')
}

test('a turn waits for answers, and the model gets them in the order of the questions', async (t) => {
  const all = [
    color,
    { id: 'size', kind: 'number', question: 'Which size?' },
    { id: 'gift', kind: 'boolean', question: 'Is it a gift?' },
    { id: 'note', kind: 'text', question: 'What should the card say?' },
  ]
  const { session, stream, parked, answer, read } = await asking(t, all)
  const { input, tool_calls } = dataOf(stream.events, 'tool.call_requested')!
  assert.deepEqual(
    input!.questions.map(({ id, kind }) => [id, kind]),
    [
      ['q1', 'choice'],
      ['size', 'number'],
      ['gift', 'boolean'],
      ['note', 'text'],
    ],
  )
  const { asked_at, expires_at, questions } = tool_calls[0]!.arguments
  assert.deepEqual({ asked_at, expires_at, questions }, input)
  const waits = (await parked())!
  assert.equal(waits.type, 'input')
  assert.deepEqual([waits.calls[0]!.type, waits.calls[0]!.expires_at], ['input', input!.expires_at])
  const why = expectStatus(await server.call('GET', `/v1/sessions/${session.id}/why`), 200)
  assert.equal(why.state, 'waits_for_input')
  const answers = [
    { id: 'note', value: 'Congratulations' },
    { id: 'gift', value: true },
    { id: 'size', value: 41.5 },
    { id: 'q1', selected: ['Red'] },
  ]
  const accepted = expectStatus(await answer({ answers }), 200)
  assert.deepEqual(accepted, {
    tool_call_id: 'call_ask',
    status: 'answered',
    answered_by: 'user',
    session_status: 'active',
    waiting_for: null,
  })
  await stream.event('session.idled')
  assert.deepEqual(resultIn(stream.events), {
    status: 'answered',
    answered_by: 'user',
    answers: [
      { id: 'q1', selected: ['Red'] },
      { id: 'size', value: 41.5 },
      { id: 'gift', value: true },
      { id: 'note', value: 'Congratulations' },
    ],
  })
  assert.equal(dataOf(stream.events, 'tool.completed')!.answered_by!.kind, 'anonymous')
  assert.equal(replyOf(stream.events), 'Thanks.')
  assert.equal((await read()).status, 'idle')
})

test('a person can decline, and the turn continues', async (t) => {
  const { stream, parked, answer } = await asking(t, [color])
  await parked()
  const accepted = expectStatus(await answer({ status: 'declined', answers: [{ id: 'x' }] }), 200)
  assert.equal(accepted.status, 'declined')
  await stream.event('session.idled')
  assert.deepEqual(resultIn(stream.events), {
    status: 'declined',
    answered_by: 'user',
    answers: [],
  })
})

test('a message instead of answers ends the questions as cancelled, and the model gets both', async (t) => {
  const { session, stream, parked, answer } = await asking(t, [color])
  await parked()
  expectStatus(await post(server, session.id, 'Never mind.'), 201)
  await stream.event('session.idled')
  assert.deepEqual(resultIn(stream.events), {
    status: 'cancelled',
    answered_by: 'user',
    answers: [],
  })
  assert.equal(typesOf(stream.events).filter((type) => type === 'turn.started').length, 1)
  const late = await answer({ answers: [{ id: 'q1', selected: ['Red'] }] })
  expectStatus(late, 409, 'question_not_waiting')
})

test('without answers in time, choices get their defaults and others are declined', async (t) => {
  const free = { id: 'why', kind: 'text', question: 'Why?' }
  const first = { id: 'size', question: 'Size?', options: [{ label: 'S' }, { label: 'L' }] }
  const { stream, answer } = await asking(t, [color, first, free], { expires_in_seconds: 1 })
  await stream.event('session.idled')
  assert.deepEqual(resultIn(stream.events), {
    status: 'timed_out',
    answered_by: 'timeout',
    answers: [
      { id: 'q1', selected: ['Blue'] },
      { id: 'size', selected: ['S'] },
    ],
  })
  expectStatus(await answer({ status: 'declined' }), 409, 'question_not_waiting')
  const other = await asking(t, [free], { expires_in_seconds: 1 })
  await other.stream.event('session.idled')
  assert.equal(resultIn(other.stream.events).status, 'declined')
})

test('refuses answers that do not fit the questions, and none of them is stored', async (t) => {
  const all = [
    color,
    {
      id: 'many',
      question: 'Which?',
      multi_select: true,
      allow_other: false,
      options: color.options,
    },
    { id: 'size', kind: 'number', question: 'Which size?' },
    { id: 'note', kind: 'text', question: 'A note?' },
  ]
  const { path, parked, answer, stream, session } = await asking(t, all)
  await parked()
  const good = {
    q1: { selected: ['Red'] },
    many: { selected: ['Red', 'Blue'] },
    size: { value: 3 },
    note: { other_text: 'n' },
  }
  const withAnswer = (id: string, change: object) =>
    Object.entries({ ...good, [id]: change }).map(([id, one]) => ({ id, ...one }))
  const refused = async (answers: object[], code: string, status = 400) =>
    expectStatus(await answer({ answers }), status, code)
  const before = (await eventsOf(server, session.id)).length
  await refused([], 'question_unanswered')
  await refused(withAnswer('q1', good.q1).slice(1), 'question_unanswered')
  await refused(
    [...withAnswer('q1', good.q1), { id: 'q1', selected: ['Red'] }],
    'question_repeated',
  )
  await refused([...withAnswer('q1', good.q1), { id: 'q9', value: 1 }], 'question_unknown')
  await refused(withAnswer('q1', { selected: ['Green'] }), 'option_not_offered')
  await refused(withAnswer('q1', { selected: ['Red', 'Blue'] }), 'answer_invalid')
  await refused(withAnswer('many', { selected: ['Red', 'Red'] }), 'answer_invalid')
  await refused(withAnswer('many', { selected: [], other_text: 'Green' }), 'answer_invalid')
  await refused(withAnswer('q1', {}), 'answer_invalid')
  await refused(withAnswer('q1', { value: 'Red' }), 'answer_invalid')
  await refused(withAnswer('size', { value: '3' }), 'answer_invalid')
  await refused(withAnswer('size', { other_text: '3' }), 'answer_invalid')
  await refused(withAnswer('note', { value: 7 }), 'answer_invalid')
  await refused(withAnswer('note', { value: '  ' }), 'answer_invalid')
  await refused(withAnswer('note', { secret: 'x' }), 'answer_invalid')
  await refused(withAnswer('note', { value: 'x'.repeat(10_001) }), 'answer_too_long')
  await refused(withAnswer('note', { value: `ghp_${'a1'.repeat(18)}` }), 'answer_is_credential')
  await refused(withAnswer('q1', { other_text: `sk-${'a1'.repeat(20)}` }), 'answer_is_credential')
  for (const status of ['cancelled', 'timed_out']) {
    expectStatus(await answer({ status }), 400, 'invalid_request')
  }
  expectStatus(await answer({ tool_call_id: 'call_other', status: 'declined' }), 404, 'not_found')
  const forged = { tool_results: [{ tool_call_id: 'call_ask', result: 'forged' }] }
  expectStatus(
    await server.call('POST', `${path}/tool-results`, forged),
    409,
    'tool_call_not_waiting',
  )
  const other = await createSession(server)
  const elsewhere = `/v1/sessions/${other.id}/question-answers`
  const foreign = { tool_call_id: 'call_ask', answers: withAnswer('q1', good.q1) }
  expectStatus(await server.call('POST', elsewhere, foreign), 409, 'question_not_waiting')
  const unknown = `/v1/sessions/session_${'0'.repeat(32)}/question-answers`
  expectStatus(await server.call('POST', unknown, foreign), 404, 'not_found')
  assert.equal((await eventsOf(server, session.id)).length, before)
  expectStatus(await answer({ answers: withAnswer('q1', { other_text: 'Green' }) }), 200)
  await stream.event('session.idled')
  assert.deepEqual(resultIn(stream.events).answers[0], {
    id: 'q1',
    selected: [],
    other_text: 'Green',
  })
})

test('of many answers at once exactly one wins', async (t) => {
  const { stream, parked, answer } = await asking(t, [color])
  await parked()
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      answer({ answers: [{ id: 'q1', selected: [n % 2 ? 'Red' : 'Blue'] }] }),
    ),
  )
  const won = answers.filter(({ status }) => status === 200)
  assert.equal(won.length, 1)
  for (const lost of answers.filter((one) => one.status !== 200)) {
    expectStatus(lost, 409, 'question_not_waiting')
  }
  await stream.event('session.idled')
  const [selected] = resultIn(stream.events).answers[0]!.selected!
  assert.equal(selected, answers.indexOf(won[0]!) % 2 ? 'Red' : 'Blue')
  assert.equal(typesOf(stream.events).filter((type) => type === 'tool.completed').length, 1)
})

test('a repeated request with its key is answered again, and another one is refused', async (t) => {
  const { path, parked } = await asking(t, [color])
  await parked()
  const send = (selected: string[]) =>
    server.call(
      'POST',
      `${path}/question-answers`,
      { answers: [{ id: 'q1', selected }] },
      {
        'idempotency-key': path,
      },
    )
  const first = expectStatus(await send(['Red']), 200)
  assert.deepEqual(expectStatus(await send(['Red']), 200), first)
  expectStatus(await send(['Blue']), 409, 'idempotency_key_reused')
})

const badSets: [string, object[]][] = [
  ['no question', []],
  ['five questions', Array.from({ length: 5 }, () => color)],
  ['a question of 100 KB', [{ ...color, question: 'x'.repeat(100_000) }]],
  ['a choice without options', [{ question: 'Which?' }]],
  ['one option', [{ question: 'Which?', options: [{ label: 'Red' }] }]],
  ['options with the same label', [{ ...color, options: [{ label: 'A' }, { label: 'A' }] }]],
  ['options of a text', [{ ...color, kind: 'text' }]],
  ['a secret among others', [color, secret]],
  ['a secret without a name', [{ ...secret, secret_name: undefined }]],
  ['an id with NUL', [{ ...color, id: 'a\0' }]],
  ['a label with NUL', [{ ...color, options: [{ label: 'A' }, { label: '\0' }] }]],
  ['a secret name with NUL', [{ ...secret, secret_name: 'a\0' }]],
  ['an unknown kind', [{ kind: 'file', question: 'Which?' }]],
  [
    'two ids that are the same',
    [
      { ...color, id: 'a' },
      { ...color, id: 'a' },
    ],
  ],
  ['a long header', [{ ...color, header: 'x'.repeat(17) }]],
]

for (const [what, questions] of badSets) {
  test(`the model gets an error for ${what}, and no person is asked`, async (t) => {
    const { id } = await createAgent(server, { capabilities: [{ ref: 'ask_user' }] })
    const session = await createSession(server, { agent_id: id })
    const stream = await follow(t, server.url, { sessionId: session.id })
    await post(server, session.id, scripted(asks(questions), { text: 'Sorry.' }))
    await stream.event('session.idled')
    assert.match(dataOf(stream.events, 'tool.completed')!.error!, /[Ii]nvalid/)
    assert.ok(!typesOf(stream.events).includes('tool.call_requested'))
  })
}

/** Every text of every table, as PostgreSQL prints its rows. */
async function everyRow(): Promise<string> {
  const tables = await queryRows<{ name: string }>(
    server.databaseUrl,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const rows = await Promise.all(
    tables.map(({ name }) =>
      queryRows<{ row: string }>(server.databaseUrl, `select t::text as row from ${name} t`),
    ),
  )
  return rows
    .flat()
    .map(({ row }) => row)
    .join('\n')
}

test('a secret answer is stored for tools, and no table, event or log has it', async (t) => {
  const { session, path, stream, parked, answer } = await asking(t, [secret])
  await parked()
  const canary = 'canary-9c1d4e77'
  expectStatus(await answer({ answers: [{ id: 'q1', other_text: canary }] }), 400, 'answer_invalid')
  const ref = { id: 'q1', secret_ref: 'session:crm_token' }
  expectStatus(await answer({ answers: [ref] }), 400, 'secret_not_stored')
  const given = { answers: [{ id: 'q1', secret: canary }] }
  const key = { 'idempotency-key': `secret ${session.id}` }
  expectStatus(await server.call('POST', `${path}/question-answers`, given, key), 200)
  await stream.event('session.idled')
  assert.deepEqual(resultIn(stream.events).answers, [ref])
  const names = expectStatus(await server.call('GET', `${path}/storage/secrets`), 200)
  assert.deepEqual(
    names.data.map(({ name }: { name: string }) => name),
    ['crm_token'],
  )
  const rows = await everyRow()
  assert.match(rows, /crm_token/)
  assert.ok(!rows.includes(canary), 'a table has the secret')
  assert.doesNotMatch(JSON.stringify(stream.events), new RegExp(canary))
  assert.ok(log.length > 0 && !log.includes(canary), 'the log has the secret')
})

test('a secret that is stored already answers by its name only', async (t) => {
  const { path, stream, parked, answer } = await asking(t, [secret])
  await parked()
  const secrets = { crm_token: 'x', other: 'y' }
  expectStatus(await server.call('PUT', `${path}/storage/secrets`, { secrets }), 200)
  const by = (secret_ref: string) => answer({ answers: [{ id: 'q1', secret_ref }] })
  expectStatus(await by('session:other'), 400, 'secret_not_stored')
  expectStatus(await by('session:crm_token'), 200)
  await stream.event('session.idled')
})

test('questions and other tools of one reply do not wait for each other', async (t) => {
  const { id } = await createAgent(server, {
    capabilities: [{ ref: 'ask_user' }, { ref: 'test_math' }],
    tools: [{ type: 'client_side', name: 'look', description: 'Looks.' }],
  })
  const session = await createSession(server, { agent_id: id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const mixed = {
    tool_calls: [
      ...asks([color]).tool_calls,
      { id: 'call_sum', name: 'add', arguments: { a: 1, b: 2 } },
      { id: 'call_look', name: 'look', arguments: {} },
    ],
  }
  await post(server, session.id, scripted(mixed, { text: 'Done.' }))
  const path = `/v1/sessions/${session.id}`
  const parked = await eventually(async () => (await server.call('GET', path)).body.waiting_for)
  assert.equal(parked.type, 'tool_results')
  assert.equal(parked.calls.length, 2)
  const declined = { status: 'declined' }
  const accepted = await server.call('POST', `${path}/question-answers`, declined)
  assert.deepEqual(expectStatus(accepted, 200).waiting_for.tool_call_ids, ['call_look'])
  const results = { tool_results: [{ tool_call_id: 'call_look', result: 1 }] }
  expectStatus(await server.call('POST', `${path}/tool-results`, results), 200)
  await stream.event('session.idled')
  assert.equal(dataOf(stream.events, 'act.completed')!.success_count, 3)
})
