import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addBudget, ledgerOf } from '../../apps/server/test/budgets.ts'
import { dataOf } from '../../apps/server/test/session.ts'
import { talkToPlayer } from './recorded.ts'
import { serverOfFile } from './talk.ts'
import { type WireType, wires, wireTypes } from './wires/index.ts'
import type { Body } from './wires/wire.ts'

const server = serverOfFile()

/** The field of a request that holds the thinking effort, and its value for `low`. */
const efforts: [type: WireType, model: string, of: (body: Body) => unknown, expected: unknown][] = [
  ...(['openai', 'azure_openai'] as const).flatMap((type) =>
    ['gpt-5-mini', 'my-deployment'].map(
      (model) =>
        [
          type,
          model,
          ({ reasoning, include, store }: Body) => ({ reasoning, include, store }),
          {
            reasoning: { effort: 'low', summary: 'auto' },
            include: ['reasoning.encrypted_content'],
            store: false,
          },
        ] as (typeof efforts)[number],
    ),
  ),
  [
    'openai_completions',
    'some-model',
    ({ reasoning_effort }) => ({ reasoning_effort }),
    { reasoning_effort: 'low' },
  ],
  [
    'anthropic',
    'claude-sonnet-5-5',
    ({ thinking, output_config }) => ({ thinking, output_config }),
    { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'low' } },
  ],
  [
    'google',
    'gemini-3-flash-preview',
    ({ generationConfig }) => generationConfig.thinkingConfig,
    { thinkingLevel: 'low', includeThoughts: true },
  ],
]

for (const [type, model_id, of, expected] of efforts) {
  test(`${type}, ${model_id}: the thinking effort is in the request`, async (t) => {
    const { say, player } = await talkToPlayer(t, server(), { type, model_id, takes: [{}] })
    await say('Hello', { controls: { reasoning: { effort: 'low' } } })
    assert.deepEqual(of(player.bodies()[0]), expected)
    await say('Hello again')
    assert.notDeepEqual(of(player.bodies()[1]), expected, 'nothing of it by default')
  })
}

/** The same for `none`. */
const off: typeof efforts = [
  ['openai', 'gpt-5.1', ({ reasoning }) => reasoning, { effort: 'none' }],
  ['openai', 'gpt-5-mini', ({ reasoning }) => reasoning.effort, 'minimal'],
  ['openai_completions', 'gpt-5.1', (body) => body.reasoning_effort, 'none'],
  ['anthropic', 'claude-haiku-4-5', ({ thinking }) => thinking, { type: 'disabled' }],
  [
    'google',
    'gemini-2.5-flash',
    ({ generationConfig }) => generationConfig.thinkingConfig,
    { thinkingBudget: 0 },
  ],
]

for (const [type, model_id, of, expected] of off) {
  test(`${type}, ${model_id}: a request without thinking`, async (t) => {
    const { say, player } = await talkToPlayer(t, server(), { type, model_id, takes: [{}] })
    const { events } = await say('Hello', { controls: { reasoning: { effort: 'none' } } })
    assert.deepEqual(of(player.bodies()[0]), expected)
    const starts = events.filter((event) => event.type === 'reason.thinking.started')
    assert.equal(starts.length, expected === 'minimal' ? 1 : 0)
  })
}

/** The field of a request that limits the tokens of a reply. */
const limitOf: Record<WireType, (body: Body) => unknown> = {
  openai: ({ max_output_tokens }) => max_output_tokens,
  azure_openai: ({ max_output_tokens }) => max_output_tokens,
  openai_completions: ({ max_tokens }) => max_tokens,
  anthropic: ({ max_tokens }) => max_tokens,
  google: ({ generationConfig }) => generationConfig?.maxOutputTokens,
}

for (const type of wireTypes) {
  test(`${type}: the output limit of a message is in each request of its turn`, async (t) => {
    const takes = [{ pieces: wires[type].unsigned }, {}, {}, {}]
    const { say, player } = await talkToPlayer(t, server(), { type, takes })
    await say('Two sums, please', { controls: { max_output_tokens: 300 } })
    await say('Hello')
    const [first, second, byDefault] = player.bodies().map(limitOf[type])
    assert.deepEqual([first, second], [300, 300])
    assert.notEqual(byDefault, 300)
    await say('Hello', { controls: { max_output_tokens: 2_147_483_647 } })
    const most = Number(limitOf[type](player.bodies()[3]))
    assert.ok(most >= Number(byDefault ?? 0) && most < 2_000_000, `${most}`)
  })
}

/** The field of a request that allows one tool call only; Google's API has none. */
const single: Record<WireType, (body: Body) => unknown> = {
  openai: ({ parallel_tool_calls }) => parallel_tool_calls,
  azure_openai: ({ parallel_tool_calls }) => parallel_tool_calls,
  openai_completions: ({ parallel_tool_calls }) => parallel_tool_calls,
  anthropic: ({ tool_choice }) => tool_choice?.disable_parallel_tool_use !== true,
  google: () => false,
}

for (const type of wireTypes) {
  test(`${type}: without parallel tool calls one call of a reply runs`, async (t) => {
    const takes = [{ pieces: wires[type].unsigned }, {}]
    const fields = { parallel_tool_calls: false }
    const { say, player } = await talkToPlayer(t, server(), { type, takes, fields })
    const { events } = await say('Two sums, please')
    assert.equal(single[type](player.bodies()[0]), false)
    assert.equal(wires[type].results(player.bodies()[1]).length, 1)
    assert.equal(dataOf(events, 'act.started').tool_calls.length, 1)
    assert.ok(events.some((event) => event.type === 'turn.completed'))
  })
}

test('signed replies are replayed with their first call only', async (t) => {
  for (const type of wireTypes) {
    const takes = [{ pieces: wires[type].signed }, {}]
    const fields = { parallel_tool_calls: false }
    const { say, player } = await talkToPlayer(t, server(), { type, takes, fields })
    const { events } = await say('Two sums, please')
    assert.ok(
      events.some((event) => event.type === 'turn.completed'),
      type,
    )
    const said = wires[type].said(player.bodies()[1])
    assert.equal(said.filter((piece) => 'call' in piece).length, 1, type)
  }
})

test('without tools a vendor gets no option for tool calls', async (t) => {
  for (const type of ['openai', 'anthropic', 'openai_completions'] as const) {
    const fields = { parallel_tool_calls: false, capabilities: [] }
    const { say, player } = await talkToPlayer(t, server(), { type, takes: [{}], fields })
    await say('Hello')
    const { parallel_tool_calls, tool_choice } = player.bodies()[0]
    assert.deepEqual([parallel_tool_calls, tool_choice], [undefined, undefined], type)
  }
})

test('models that count their thinking get a share of the output limit for it', async (t) => {
  const effort = (value: string) => ({ controls: { reasoning: { effort: value } } })
  const claude = await talkToPlayer(t, server(), { type: 'anthropic', takes: [{}] })
  for (const value of ['low', 'high', 'max']) await claude.say('Hello', effort(value))
  const [low, high, max] = claude.player.bodies()
  assert.equal(low.thinking.type, 'enabled')
  assert.ok(low.thinking.budget_tokens < high.thinking.budget_tokens)
  for (const { thinking, max_tokens } of [low, high, max]) {
    assert.ok(thinking.budget_tokens < max_tokens, 'room for an answer')
    assert.ok(max_tokens <= 64_000, 'no more than the model can write')
  }
  const takes = [{}]
  const model_id = 'gemini-2.5-flash'
  const gemini = await talkToPlayer(t, server(), { type: 'google', model_id, takes })
  await gemini.say('Hello', effort('low'))
  const { thinkingConfig } = gemini.player.bodies()[0].generationConfig
  assert.equal(thinkingConfig.includeThoughts, true)
  assert.ok(thinkingConfig.thinkingBudget > 0)
})

test('an output limit includes the thinking', async (t) => {
  const limited = (max_output_tokens: number, effort: string) => ({
    controls: { max_output_tokens, reasoning: { effort } },
  })
  const claude = await talkToPlayer(t, server(), { type: 'anthropic', takes: [{}] })
  for (const [limit, effort, thinking] of [
    [300, 'high', undefined],
    [2_047, 'low', undefined],
    [2_048, 'low', { type: 'enabled', budget_tokens: 1_024 }],
    [10_000, 'high', { type: 'enabled', budget_tokens: 6_000 }],
  ] as const) {
    await claude.say('Hello', limited(limit, effort))
    const body = claude.player.bodies().at(-1)
    assert.deepEqual([body.max_tokens, body.thinking], [limit, thinking])
  }
  const model_id = 'claude-sonnet-5-5'
  const adaptive = await talkToPlayer(t, server(), { type: 'anthropic', model_id, takes: [{}] })
  await adaptive.say('Hello', limited(300, 'high'))
  const [{ max_tokens, thinking }] = adaptive.player.bodies()
  assert.deepEqual([max_tokens, thinking.type], [300, 'adaptive'])
  const flash = 'gemini-2.5-flash'
  const gemini = await talkToPlayer(t, server(), { type: 'google', model_id: flash, takes: [{}] })
  await gemini.say('Hello', limited(300, 'high'))
  const { generationConfig } = gemini.player.bodies()[0]
  assert.equal(generationConfig.maxOutputTokens, 300, 'Google counts its thoughts')
})

test('the output that a budget grants includes the thinking', async (t) => {
  const claude = await talkToPlayer(t, server(), { type: 'anthropic', takes: [{}] })
  const subject: [string, string] = ['agent', claude.agent.id]
  const budget = await addBudget(server(), { subject, limit: 10_000 })
  await claude.say('Hello', { controls: { reasoning: { effort: 'high' } } })
  const [{ thinking, max_tokens }] = claude.player.bodies()
  assert.ok(thinking.budget_tokens >= 1_024)
  assert.ok(thinking.budget_tokens < max_tokens, 'room for an answer')
  const [entry] = await ledgerOf(server(), budget)
  assert.ok(max_tokens <= entry!.reserved!, `${max_tokens} of ${entry!.reserved}`)
})

describe('cached tokens are not charged twice', () => {
  const isMarked = ({ cache_control }: Body) => cache_control?.type === 'ephemeral'

  test('Anthropic gets cache marks on the system prompt and the newest messages', async (t) => {
    const { signed } = wires.anthropic
    const takes = [{ pieces: signed }, {}]
    const { say, player } = await talkToPlayer(t, server(), { type: 'anthropic', takes })
    await say('Two sums, please')
    await say('And now?')
    for (const { system, messages } of player.bodies()) {
      assert.deepEqual(system.map(isMarked), [...system.slice(1).map(() => false), true])
      const marked = messages.map(({ content }: Body) => content.some(isMarked))
      const expected = marked.map((_: boolean, at: number) => at >= marked.length - 2)
      assert.deepEqual(marked, expected)
      const count = [...system, ...messages.flatMap(({ content }: Body) => content)]
      assert.ok(count.filter(isMarked).length <= 4, 'the provider accepts at most four')
    }
  })

  for (const type of wireTypes) {
    test(`${type}: a request begins with the bytes of the one before`, async (t) => {
      const takes = [{ pieces: wires[type].signed }, {}]
      const { say, player } = await talkToPlayer(t, server(), { type, takes })
      await say('Two sums, please')
      await say('And now?')
      const bodies = player.bodies()
      assert.equal(bodies.length, 3)
      for (const [at, body] of bodies.slice(1).entries()) {
        const { list, rest } = partsOf(body)
        const before = partsOf(bodies[at])
        assert.equal(rest, before.rest)
        assert.deepEqual(list.slice(0, before.list.length), before.list)
        assert.ok(list.length > before.list.length)
      }
    })
  }

  test('OpenAI gets one cache key for a session', async (t) => {
    for (const type of ['openai', 'azure_openai'] as const) {
      const { say, player, session } = await talkToPlayer(t, server(), { type, takes: [{}] })
      await say('Hello')
      await say('Hello again')
      const keys = player.bodies().map(({ prompt_cache_key }) => prompt_cache_key)
      assert.equal(new Set(keys).size, 1)
      assert.ok(keys[0].length <= 64, 'the provider accepts no more')
      assert.ok(session.id.endsWith(keys[0].slice(-32)))
    }
  })

  test('the end of a turn reports its cached tokens', async (t) => {
    const usage = { input: 900, output: 10, cacheRead: 800, cacheWrite: 50 }
    const takes = [{ pieces: wires.anthropic.signed, usage }, { usage }]
    const { say } = await talkToPlayer(t, server(), { type: 'anthropic', takes })
    const { usage: total } = dataOf((await say('Two sums, please')).events, 'turn.completed')
    assert.equal(total!.input_tokens, 1_800)
    assert.equal(total!.cache_read_tokens, 1_600)
    assert.equal(total!.cache_creation_tokens, 100)
  })
})

/** The growing list of items, and the rest; without the cache marks, which move. */
function partsOf(body: Body): { list: string[]; rest: string } {
  const { messages, input, contents, ...rest } = body
  const list: object[] = messages ?? input ?? contents
  const text = (value: unknown) =>
    JSON.stringify(value, (name, inner) => (name === 'cache_control' ? undefined : inner))
  return { list: list.map(text), rest: text(rest) }
}
