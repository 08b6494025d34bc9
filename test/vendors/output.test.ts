/** The request of each vendor for an answer by a schema, and how its answer is read. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dataOf } from '../../apps/server/test/session.ts'
import { type Take, talkToPlayer } from './recorded.ts'
import { serverOfFile } from './talk.ts'
import { type WireType, wires, wireTypes } from './wires/index.ts'
import type { Body } from './wires/wire.ts'

const server = serverOfFile()

const closed = {
  type: 'object',
  properties: { total: { type: 'number' }, lines: { type: 'array', items: { type: 'string' } } },
  required: ['total', 'lines'],
  additionalProperties: false,
}
const { required: _, ...loose } = closed
const valid = { total: 3, lines: ['a'] }

/** A native request: a model that has response formats, and where its schema is. */
const natives: [
  type: WireType,
  model: string,
  formatOf: (body: Body) => unknown,
  format: (schema: object, strict: boolean) => object,
][] = [
  ...(['openai', 'azure_openai'] as const).map(
    (type) =>
      [
        type,
        'gpt-5-mini',
        ({ text }: Body) => text.format,
        (schema: object, strict: boolean) => ({
          type: 'json_schema',
          name: 'answer',
          strict,
          schema,
        }),
      ] as (typeof natives)[number],
  ),
  [
    'openai_completions',
    'gpt-5-mini',
    ({ response_format }) => response_format,
    (schema, strict) => ({ type: 'json_schema', json_schema: { name: 'answer', strict, schema } }),
  ],
  [
    'anthropic',
    'claude-sonnet-5-5',
    ({ output_config }) => output_config.format,
    (schema) => ({ type: 'json_schema', schema }),
  ],
  [
    'google',
    'gemini-3-flash-preview',
    ({ generationConfig }) => ({
      type: generationConfig.responseMimeType,
      schema: generationConfig.responseJsonSchema,
    }),
    (schema) => ({ type: 'application/json', schema }),
  ],
]

const output = (schema: object) => ({ controls: { output_schema: schema } as never })
const text = (value: unknown): Take => ({ pieces: [{ text: JSON.stringify(value) }] })

describe('a model with response formats gets the schema as one, beside its tools', () => {
  for (const [type, model_id, formatOf, format] of natives) {
    test(`${type}, ${model_id}`, async (t) => {
      const takes = [text(valid), text(valid), { pieces: [{ text: 'Hello.' }] }]
      const { say, player } = await talkToPlayer(t, server(), { type, takes, model_id })
      const first = await say('How much?', output(closed))
      assert.deepEqual(dataOf(first.events, 'turn.completed').output, valid)
      const second = await say('And now?', output(loose))
      assert.deepEqual(dataOf(second.events, 'turn.completed').output, valid)
      await say('Hello')
      const [strict, open, plain] = player.bodies()
      assert.deepEqual(formatOf(strict), format(closed, true))
      assert.deepEqual(formatOf(open), format(loose, false), 'strict only if it can be')
      assert.doesNotMatch(JSON.stringify(plain), /json_schema|application\/json/)
      for (const body of [strict, open]) {
        assert.match(JSON.stringify(body.tools), /"multiply"/)
        assert.doesNotMatch(JSON.stringify(body.tools), /final_answer/)
        assert.doesNotMatch(JSON.stringify(body.tool_choice ?? 'auto'), /required|any/)
      }
    })
  }
})

/** Models without response formats: a name, and the tool with the answer. */
const others: [type: WireType, model: string, tool: string, choice: (body: Body) => unknown][] = [
  ['openai', 'gpt-4', 'final_answer', ({ tool_choice }) => tool_choice],
  ['azure_openai', 'gpt-4', 'final_answer', ({ tool_choice }) => tool_choice],
  ['openai_completions', 'some-model', 'final_answer', ({ tool_choice }) => tool_choice],
  ['anthropic', 'claude-3-haiku-20240307', 'json', ({ tool_choice }) => tool_choice.type],
  [
    'google',
    'gemini-2.5-flash',
    'json',
    ({ toolConfig }) => toolConfig.functionCallingConfig.mode.toLowerCase(),
  ],
]

describe('a model without response formats answers by a tool that it must call', () => {
  for (const [type, model_id, tool, choice] of others) {
    test(`${type}, ${model_id}`, async (t) => {
      const takes: Take[] = [
        { pieces: [{ call: 'call_1', name: 'add', input: { a: 1, b: 2 } }] },
        { pieces: [{ call: 'call_2', name: tool, input: { total: 'three', lines: [] } }] },
        { pieces: [{ call: 'call_3', name: tool, input: valid }] },
      ]
      const { say, player } = await talkToPlayer(t, server(), { type, takes, model_id })
      const { events } = await say('How much?', output(closed))
      assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
      const [, invalid, answer] = events.filter(
        (event) => event.type === 'output.message.completed',
      )
      assert.deepEqual(
        invalid!.data.output_errors!.map(({ path }) => path),
        ['/total'],
      )
      const content = [{ type: 'text', text: JSON.stringify(valid) }]
      assert.deepEqual(answer!.data.message.content, content)
      for (const body of player.bodies()) {
        assert.match(String(choice(body)), /required|any/)
        assert.match(JSON.stringify(body.tools ?? body), new RegExp(`"${tool}"`))
      }
    })
  }
})

test("an agent's tool with the name of the tool for answers is offered once", async (t) => {
  const tools = [{ type: 'client_side', name: 'json', description: 'Reads JSON.' }]
  const takes: Take[] = [{ pieces: [{ call: 'call_1', name: 'final_answer', input: valid }] }]
  const fields = { tools, capabilities: [] }
  for (const model_id of ['claude-3-haiku-20240307', 'claude-sonnet-5-5']) {
    const played = { type: 'anthropic' as const, takes, model_id, fields }
    const { say, player } = await talkToPlayer(t, server(), played)
    const { events } = await say('How much?', output({ type: 'object' }))
    assert.deepEqual(dataOf(events, 'turn.completed').output, valid)
    const names = player.bodies()[0].tools.map(({ name }: Body) => name)
    assert.deepEqual(names, ['json', 'final_answer'])
  }
})

describe('the answer of an earlier turn is text in the next one', () => {
  for (const type of wireTypes) {
    test(type, async (t) => {
      const takes = [text(valid), { pieces: [{ text: 'Three.' }] }]
      const model_id = natives.find((native) => native[0] === type)![1]
      const { say, player } = await talkToPlayer(t, server(), { type, takes, model_id })
      await say('How much?', output(closed))
      const { events } = await say('In words?')
      assert.ok(dataOf(events, 'turn.completed'))
      const sent = JSON.stringify(player.bodies()[1])
      assert.ok(sent.includes(JSON.stringify(JSON.stringify(valid)).slice(1, -1)))
    })
  }
})

test('signatures of calls are sent back in turns with and without a schema', async (t) => {
  const { signed } = wires.openai_completions
  const takes = [{ pieces: signed }, {}, text(valid), { pieces: [{ text: 'Three.' }] }]
  const { say, player } = await talkToPlayer(t, server(), { type: 'openai_completions', takes })
  await say('Two sums, please')
  await say('How much?', output(closed))
  for (const body of player.bodies().slice(1)) {
    assert.deepEqual(wires.openai_completions.said(body).slice(0, signed.length), signed)
  }
})

test('instructions of a message are a system text of their own, after the cached one', async (t) => {
  const { say, player } = await talkToPlayer(t, server(), { type: 'anthropic', takes: [{}] })
  await say('Hello', { instructions: 'Answer in French.' })
  const [{ system }] = player.bodies()
  assert.equal(system.length, 2)
  assert.equal(system[0].cache_control.type, 'ephemeral')
  assert.ok(!('cache_control' in system[1]))
  assert.match(system[1].text, /Answer in French/)
})
