import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LLMock } from '@copilotkit/aimock'
import { startServer } from '../../test/server.ts'
import { converse, createAgent, createSession, dataOf, replyOf } from '../../test/session.ts'

const question = 'What time is it in Kyiv, and what is 12.5 × 8?'
const answer = 'It is late in Kyiv, and the product is 100.'
const types = ['openai_completions', 'openai', 'anthropic'] as const

const mock = new LLMock({ port: 0 })

const usage = {
  ...{ prompt_tokens: 31, completion_tokens: 7, total_tokens: 38 },
  ...{ input_tokens: 31, output_tokens: 7 },
}

before(async () => {
  const calls = [
    { name: 'get_current_time', arguments: JSON.stringify({ timezone: 'Europe/Kyiv' }) },
    { name: 'multiply', arguments: JSON.stringify({ a: 12.5, b: 8 }) },
  ]
  mock.on({ userMessage: question, hasToolResult: false }, { toolCalls: calls, usage })
  mock.on({ userMessage: question, hasToolResult: true }, { content: answer, usage })
  mock.on({ userMessage: 'Thank you' }, { content: 'You are welcome.' })
  await mock.start()
})
after(() => mock.stop())

for (const type of types) {
  test(`a whole turn with tools over the wire of ${type}, then a second one`, async (t) => {
    const server = await startServer(t)
    const { call } = server
    const provider = await call('POST', '/v1/llm-providers', {
      name: type,
      provider_type: type,
      base_url: `${mock.url}/v1`,
      api_key: 'sk-secret-of-a-vendor',
    })
    assert.equal(provider.status, 201, JSON.stringify(provider.body))
    const model = await call('POST', `/v1/llm-providers/${provider.body.id}/models`, {
      model_id: 'a-model',
      display_name: 'A model',
    })
    const agent = await createAgent(server, {
      default_model_id: model.body.id,
      capabilities: [{ ref: 'current_time' }, { ref: 'test_math' }],
    })
    const { id } = await createSession(server, { agent_id: agent.id })
    const events = await converse(t, server, id, question)
    const tools = events.filter((event) => event.type === 'tool.completed')
    assert.deepEqual(tools.map(({ data }) => [data.tool_name, data.status]).sort(), [
      ['get_current_time', 'success'],
      ['multiply', 'success'],
    ])
    assert.match(JSON.stringify(tools), /\\"result\\":100/)
    assert.equal(replyOf(events), answer)
    const { metadata } = dataOf(events, 'llm.generation')
    assert.equal(metadata.provider, type)
    assert.deepEqual(metadata.usage, { input_tokens: 31, output_tokens: 7 })
    const { usage: total } = dataOf(events, 'turn.completed')
    assert.deepEqual(total, { input_tokens: 62, output_tokens: 14 })
    assert.equal(replyOf(await converse(t, server, id, 'Thank you')), 'You are welcome.')
    const sent = JSON.stringify(mock.getRequests().at(-1)?.body)
    assert.match(sent, /12\.5 × 8/)
    assert.match(sent, /get_current_time/)
    const seen = JSON.stringify(await call('GET', `/v1/sessions/${id}/events?expand=messages`))
    assert.doesNotMatch(seen, /sk-secret/)
  })
}
