/** Requests whose form a vendor refuses: they are sent again in the form that it accepts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { addBudget } from '../../apps/server/test/budgets.ts'
import { dataOf, replyOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { playReplies, type Refuse, type Take, talkToPlayer } from './recorded.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'
import { type WireType, wires } from './wires/index.ts'
import type { Body } from './wires/wire.ts'

// Two long messages fill the context of an unknown model.
const server = serverOfFile({ CONTEXT_PERCENT: '1', CONTEXT_TOKENS_UNKNOWN: '200000' })
const low = { controls: { reasoning: { effort: 'low' as const } } }
const type = 'openai_completions'

/** Errors in OpenAI's form. */
const refusal = (message: string, status = 400): [number, object] => [
  status,
  { error: { message, type: 'invalid_request_error' } },
]

function expectDone(events: Event[]) {
  assert.ok(dataOf(events, 'turn.completed'))
  assert.equal(replyOf(events), 'Done.')
  assert.equal(dataOf(events, 'llm.generation').metadata.retry, undefined)
}

test('Claude may drop thinking whose system prompt has changed since', async (t) => {
  const bound = 'Hello.'
  const refuse: Refuse = ({ system, messages, thinking }) => {
    const isChanged = JSON.stringify(messages).includes('"signature"') && system.length > 1
    if (!isChanged || thinking?.block_binding) return undefined
    const message = `messages.1.content.0: Invalid \`signature\` in \`thinking\` block. The block is bound to a different conversation`
    return [400, { type: 'error', error: { type: 'invalid_request_error', message } }]
  }
  const model_id = 'claude-sonnet-5-5'
  const takes = [{ pieces: wires.anthropic.signed }, { pieces: [{ text: bound }] }, {}]
  const about = { type: 'anthropic' as const, takes, model_id, refuse }
  const { say, player } = await talkToPlayer(t, server(), about)
  assert.equal(replyOf((await say('Two sums, please')).events), bound)
  expectDone((await say('Hello', { instructions: 'Answer in French.' })).events)
  expectDone((await say('Hello', { instructions: 'Answer in German.', ...low })).events)
  const [, , refused, plain, , adaptive] = player.requests
  const block_binding = { prefix_mismatch_behavior: 'drop_block' }
  assert.equal(refused!.body.thinking, undefined)
  assert.deepEqual(plain!.body.thinking, { block_binding })
  assert.match(String(plain!.about.headers['anthropic-beta']), /thinking-binding-controls/)
  const { thinking, output_config } = adaptive!.body
  assert.deepEqual(thinking, { type: 'adaptive', display: 'summarized', block_binding })
  assert.equal(output_config.effort, 'low')
  assert.deepEqual(
    wires.anthropic.said(plain!.body).slice(0, 2),
    wires.anthropic.signed.slice(0, 2),
  )
})

test('a server that requires the thinking of earlier calls gets it for the rest of the turn', async (t) => {
  const isCall = ({ tool_calls }: Body) => tool_calls !== undefined
  const refuse: Refuse = ({ messages }) =>
    messages.filter(isCall).every(({ reasoning_content }: Body) => reasoning_content)
      ? undefined
      : refusal('The `reasoning_content` in the thinking mode must be passed back to the API.')
  const sum = (call: string) => ({ call, name: 'add', input: { a: 1, b: 2 } })
  const takes: Take[] = [
    { pieces: [{ thinking: 'One sum, it seems.' }, sum('call_1')] },
    { pieces: [sum('call_2')] },
    {},
  ]
  const { say, player } = await talkToPlayer(t, server(), { type, takes, refuse })
  expectDone((await say('Two sums, please')).events)
  const [, refused, second, third, ...others] = player.bodies()
  assert.deepEqual(others, [])
  assert.ok(!JSON.stringify(refused).includes('reasoning_content'))
  assert.deepEqual(wires[type].said(second), takes[0]!.pieces)
  assert.equal(wires[type].said(third).length, 4)
})

test('a model that joins the turn gets the usual form of requests', async (t) => {
  const requires: Refuse = ({ messages }) =>
    messages.some(({ tool_calls, reasoning_content }: Body) => tool_calls && !reasoning_content)
      ? refusal('The `reasoning_content` in the thinking mode must be passed back to the API.')
      : undefined
  const refuses: Refuse = ({ messages }) =>
    messages.some(({ reasoning_content }: Body) => reasoning_content !== undefined)
      ? refusal("'messages.2' : property 'reasoning_content' is unsupported")
      : undefined
  const sum = (call: string) => ({ call, name: 'add', input: { a: 1, b: 2 } })
  const joined = Promise.withResolvers<void>()
  const takes: Take[] = [
    { pieces: [sum('call_1')] },
    { pieces: [sum('call_2')], endsAfter: joined.promise },
  ]
  const { say, player, session } = await talkToPlayer(t, server(), {
    ...{ type, takes, refuse: requires },
  })
  const other = await playReplies(t, type, [{}], refuses)
  const { base_url } = other
  const { id: model_id } = await addModel(server(), type, { base_url, model_id: 'other-model' })
  const saying = say('Two sums, please')
  await eventually(async () => player.requests.length === 3)
  const content = [{ type: 'text', text: 'Be brief.' }]
  const joining = { message: { content }, controls: { model_id } }
  const path = `/v1/sessions/${session.id}/messages`
  assert.equal((await server().call('POST', path, joining)).status, 201)
  joined.resolve()
  expectDone((await saying).events)
  assert.equal(other.requests.length, 1)
})

test('a request that no other form changes is sent once', async (t) => {
  const refuse: Refuse = () => refusal('Use max_completion_tokens instead. Roles must alternate.')
  for (const type of ['openai', 'anthropic', 'openai_completions'] as const) {
    const { say, player } = await talkToPlayer(t, server(), { type, takes: [{}], refuse })
    assert.equal(dataOf((await say('Hello')).events, 'turn.failed').error_code, 'llm_error')
    assert.equal(player.requests.length, 1, type)
  }
})

test('a model that refuses `max_tokens` gets the limit by its other name', async (t) => {
  const refuse: Refuse = ({ max_tokens }) =>
    max_tokens === undefined
      ? undefined
      : refusal(
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        )
  const model_id = 'some-model'
  const takes = [{ pieces: [{ text: 'Notes of it.' }] }, {}]
  const fields = { capabilities: [] }
  const talk = await talkToPlayer(t, server(), { type, takes: [{}], model_id, refuse, fields })
  const subject: [string, string] = ['agent', talk.agent.id]
  await addBudget(server(), { subject, limit: 10_000 })
  expectDone((await talk.say('Hello')).events)
  const [refused, accepted] = talk.player.bodies()
  assert.ok(refused.max_tokens > 0)
  assert.equal(accepted.max_completion_tokens, refused.max_tokens)

  const azure = await playReplies(t, type, [{}], refuse)
  const base_url = `${azure.base_url}/chat/completions`
  const deployment = await addModel(server(), 'azure_openai', { base_url, model_id })
  const limited = { controls: { max_output_tokens: 300 } }
  expectDone((await (await talkTo(server(), deployment)).say('Hello', limited)).events)
  assert.deepEqual(
    azure.bodies().map(({ max_tokens, max_completion_tokens: max }) => [max_tokens, max]),
    [
      [300, undefined],
      [undefined, 300],
    ],
  )

  const long = await talkToPlayer(t, server(), {
    ...{ type, model_id, refuse, fields },
    takes: [{}, {}, ...takes],
  })
  for (const _ of [1, 2]) await long.say('word '.repeat(720))
  const { events } = await long.say('word '.repeat(720))
  assert.equal(dataOf(events, 'context.compacted').summary, 'Notes of it.')
  expectDone(events)
})

/** The bodies with which vLLM and Mistral refuse an order of roles. */
function refuseOrder({ messages }: Body): ReturnType<Refuse> {
  const pairs = messages.map(
    ({ role }: Body, at: number) => `${messages[at - 1]?.role ?? 'system'} ${role}`,
  )
  const alternates = ['user user', 'system assistant', 'assistant assistant']
  const message = alternates.some((pair) => pairs.includes(pair))
    ? 'Conversation roles must alternate user/assistant/user/assistant/...'
    : "Unexpected role 'user' after role 'tool'"
  const isRefused = [...alternates, 'tool user'].some((pair) => pairs.includes(pair))
  return isRefused ? [400, { object: 'error', message, type: 'invalid', code: 3230 }] : undefined
}

test('a server with a strict order of roles gets a user message before each opening reply', async (t) => {
  const azure = await playReplies(t, type, [{}], refuseOrder)
  const base_url = `${azure.base_url}/chat/completions`
  const deployment = await addModel(server(), 'azure_openai', { base_url, model_id: 'mistral' })
  const about = { type: type as WireType, takes: [{}], refuse: refuseOrder }
  const { agent, player } = await talkToPlayer(t, server(), about)
  const other = await talkTo(server(), deployment)
  for (const [{ id }, { bodies }] of [
    [agent, player],
    [other.agent, azure],
  ] as const) {
    const messages = [
      { id: 'm1', role: 'assistant', content: 'Welcome.' },
      { id: 'm2', role: 'assistant', content: 'I can add.' },
      { id: 'm3', role: 'user', content: 'Hello' },
    ]
    const run = { threadId: 'thread', runId: 'run', messages }
    const { body } = await server().call('POST', `/v1/ag-ui/agents/${id}`, run)
    assert.match(body, /"RUN_FINISHED"/)
    const [refused, accepted, ...more] = bodies()
    const roles = ({ messages }: Body) => messages.map(({ role }: Body) => role)
    assert.deepEqual(roles(refused).slice(-3), ['assistant', 'assistant', 'user'])
    const pairs = ['user', 'assistant', 'user', 'assistant', 'user']
    assert.deepEqual(roles(accepted).slice(-5), pairs)
    assert.deepEqual(more, [])
  }
})

test('a server with a strict order of roles gets a reply before each message', async (t) => {
  const silent: Take = { pieces: [], endsAfter: new Promise(() => {}) }
  const takes = [silent, { pieces: wires[type].unsigned }, silent, {}]
  const about = { type: type as WireType, takes, refuse: refuseOrder }
  const { say, player, session } = await talkToPlayer(t, server(), about)
  const sayAndCancel = async (said: string, requests: number) => {
    let isOver = false
    const saying = say(said).finally(() => {
      isOver = true
    })
    await eventually(async () => isOver || player.requests.length === requests)
    await server().call('POST', `/v1/sessions/${session.id}/cancel`)
    assert.ok(dataOf((await saying).events, 'turn.cancelled'))
  }
  await sayAndCancel('Hello', 1)
  await sayAndCancel('Two sums, please', 4)
  expectDone((await say('Hello again')).events)
  const roles = player.bodies().map(({ messages }) => messages.map(({ role }: Body) => role))
  assert.deepEqual(roles[2].slice(-3), ['user', 'assistant', 'user'])
  assert.deepEqual(roles[5].slice(-3), ['tool', 'assistant', 'user'])
  assert.equal(roles.length, 6, 'two requests were refused')
})
