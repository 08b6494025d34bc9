import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { addProvider, startAnyVendor } from '../../../test/remotes/any-vendor.ts'
import { addVendorModel, startVendor } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  replyOf,
  scripted,
} from '../../../test/session.ts'

const long = 'A'.repeat(1_500_000)
const half = '\ud83d'

/** Sends events of a stream, whose `type` is also their name. */
function sendEvents(response: ServerResponse, events: { type: string }[]) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}

/** The end of a turn whose model sends these events. */
const endWith = (t: TestContext, provider_type: string, events: { type: string }[]) =>
  endOf(t, provider_type, (response) => sendEvents(response, events))

async function endOf(
  t: TestContext,
  provider_type: string,
  answer: (response: ServerResponse) => unknown,
) {
  const vendor = await startAnyVendor(t, ({ method }, response) =>
    method === 'POST' ? answer(response) : response.writeHead(404).end(),
  )
  const server = await startServer(t, { env: { MODEL_ATTEMPTS_MAX: '1' } })
  const { path } = await addProvider(server.call, `${vendor.url}/v1`, { provider_type })
  const model = { model_id: 'a-model', display_name: 'A model', is_default: true }
  assert.equal((await server.call('POST', `${path}/models`, model)).status, 201)
  const session = await createSession(server)
  return converse(t, server, session.id, 'Hi')
}

const usage = { input_tokens: 1, output_tokens: 1 }
const counted = { prompt_tokens: 1, completion_tokens: 1 }
const blocksOf = (blocks: object[]) => [
  {
    type: 'message_start',
    message: { id: 'm', type: 'message', role: 'assistant', model: 'a-model', content: [], usage },
  },
  ...blocks.flatMap((content_block, index) => [
    { type: 'content_block_start', index, content_block },
    { type: 'content_block_stop', index },
  ]),
  { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage },
  { type: 'message_stop' },
]

const hidden = Array.from({ length: 3 }, () => ({ type: 'redacted_thinking', data: long }))
const empty = Array.from({ length: 50_000 }, () => ({ type: 'text', text: '' }))
for (const [what, blocks] of Object.entries({ 'hidden thinking': hidden, 'empty texts': empty })) {
  test(`${what} count towards the limit of a reply`, async (t) => {
    const events = await endWith(t, 'anthropic', blocksOf(blocks))
    assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_bad_response')
  })
}

test('thinking that is hidden is accepted below the limit', async (t) => {
  const shown = { type: 'text', text: '' }
  const events = await endWith(t, 'anthropic', blocksOf([hidden[0]!, shown]))
  assert.ok(events.some(({ type }) => type === 'turn.completed'))
})

test('a reply of as many characters as the limit is accepted', async (t) => {
  const text = 'A'.repeat(4_000_000)
  const sent: { type: string }[] = blocksOf([{ type: 'text', text: '' }])
  const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }
  const events = await endWith(t, 'anthropic', sent.toSpliced(2, 0, delta))
  assert.equal(replyOf(events).length, text.length)
})

test('arguments that arrive as a whole count towards the limit of a reply', async (t) => {
  const items = Array.from({ length: 3 }, (_, index) => {
    const id = `fc_${index}`
    const args = JSON.stringify({ text: long })
    return {
      type: 'function_call',
      id,
      call_id: id,
      name: 'x',
      arguments: args,
      status: 'completed',
    }
  })
  const response = { id: 'r', created_at: 1, model: 'a-model', usage }
  const events = await endWith(t, 'openai', [
    { type: 'response.created', response },
    ...items.map((item, output_index) => ({
      type: 'response.output_item.done',
      output_index,
      item,
    })),
    { type: 'response.completed', response },
  ] as { type: string }[])
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_bad_response')
})

test('a reply has at most 256 tool calls, and none of more starts', async (t) => {
  const server = await startServer(t)
  const callsOf = (length: number) =>
    Array.from({ length }, (_, n) => ({ name: `x${n}`, arguments: {} }))
  const many = scripted({ tool_calls: callsOf(256) }, { tool_calls: callsOf(257) })
  const session = await createSession(server)
  const events = await converse(t, server, session.id, many)
  assert.equal(events.filter(({ type }) => type === 'tool.completed').length, 256)
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_bad_response')
  const failed = events.findLast((event) => event.type === 'llm.generation')
  const { error, retry } = failed!.data.metadata
  assert.deepEqual([error, retry], ['The reply has more than 256 tool calls.', undefined])
})

test('an event without an end fails the call', async (t) => {
  const lines = Array(1_024).fill(`data: ${'x'.repeat(65_536)}\n`)
  const events = await endOf(t, 'openai_completions', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    Readable.from(lines).pipe(response)
  })
  const { error } = dataOf(events, 'llm.generation').metadata
  assert.match(error!, /The response of the provider is too large/)
})

test('lines of a stream end with CR, LF or both, also in two pieces', async (t) => {
  const delta = (content: string, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: 'r', choices: [{ index: 0, delta: { content }, finish_reason }] })}`
  const events = await endOf(t, 'openai_completions', async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const text = `${delta('One, ')}\r\r${delta('two, ')}\r\n\r\n${delta('three.')}\n\n${delta('', 'stop')}\r\n\n`
    for (const piece of text.split(/(?<=\r)/)) {
      response.write(piece)
      await setImmediate()
    }
    response.end()
  })
  assert.equal(replyOf(events), 'One, two, three.')
})

test('arguments that are nested too deeply are an error of the call, and the turn continues', async (t) => {
  const nested = `{"a":${'['.repeat(6_000)}${']'.repeat(6_000)}}`
  const vendor = await startVendor(t, ({ number }) =>
    number === 1
      ? { calls: [{ name: 'add', arguments: nested }], usage: counted }
      : { text: 'Done.', usage: counted },
  )
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  const events = await converse(t, server, session.id, 'Hi')
  assert.equal(replyOf(events), 'Done.')
  assert.match(dataOf(events, 'tool.completed').error ?? '', /nested too deeply/)
  assert.equal(vendor.requests.length, 2)
})

test('half a surrogate pair in arguments is replaced before a vendor gets them again', async (t) => {
  const given = String.raw`{"a":1,"b":2,"\udE00":{"emoji":["x \ud83d","\uD83D\uDE00","\\ud83d"]}}`
  const vendor = await startVendor(t, ({ number }) =>
    number === 1
      ? {
          calls: [
            { name: 'add', arguments: given },
            { name: 'add', arguments: '{"a": "\\ud83d' },
            { name: 'add', arguments: `{"a":"${half}"}` },
          ],
        }
      : { text: 'Done.' },
  )
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = await createSession(server, { agent_id: agent.id })
  assert.equal(replyOf(await converse(t, server, session.id, 'Hi')), 'Done.')
  const { tool_calls } = vendor.requests[1]!.body.messages.at(-4)!
  assert.deepEqual(
    tool_calls!.map((call) => JSON.parse(call.function.arguments)),
    [
      { a: 1, b: 2, '\ufffd': { emoji: ['x \ufffd', '😀', '\\ud83d'] } },
      { _unreadable: '{"a": "\\ud83d' },
      { a: '\ufffd' },
    ],
  )
})
