/** Agents as models: their list, and the model that a request names beside a conversation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, scripted } from '../../../../test/session.ts'

let openai: OpenAI
let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t)
  openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
})

test('a conversation keeps its agent, under its name and its id', async () => {
  const ada = await createAgent(server, { name: 'ada' })
  const bob = await createAgent(server, { name: 'bob' })
  const { id: conversation } = await openai.conversations.create()
  const input = scripted({ text: 'Hi.' })
  const first = await openai.responses.create({ model: 'agent:ada', conversation, input })
  const others = ['agent:bob', bob.id, 'agent:nobody']
  const places = [{ conversation }, { previous_response_id: first.id }]
  for (const place of places) {
    for (const model of others) {
      const refused = { status: 400, code: 'invalid_request', param: 'model' }
      await assert.rejects(openai.responses.create({ model, input, ...place }), refused)
    }
    const same = await openai.responses.create({ model: ada.id, input, ...place })
    assert.equal(same.output_text, 'Hi.')
  }
  const named = await openai.responses.create({ model: 'agent:ada', conversation, input })
  assert.equal(named.model, 'agent:ada')
})

test('a conversation whose agent is archived continues under its name', async () => {
  const { id } = await createAgent(server, { name: 'eve' })
  const { id: conversation } = await openai.conversations.create()
  const input = scripted({ text: 'Hi.' })
  await openai.responses.create({ model: 'agent:eve', conversation, input })
  await server.call('DELETE', `/v1/agents/${id}`)
  const next = await openai.responses.create({ model: 'agent:eve', conversation, input })
  assert.equal(next.output_text, 'Hi.')
})

test('lists more agents than a page has, and finds each', async () => {
  const { name } = await createAgent(server, { name: 'tool' })
  const newer = Array.from({ length: 101 }, (_, index) => `tool-${index}`)
  for (const one of newer) await createAgent(server, { name: one })
  const { data } = await openai.models.list()
  const names = new Set(data.map(({ id }) => id))
  for (const one of [name, ...newer]) assert.ok(names.has(`agent:${one}`), one)
  assert.equal((await openai.models.retrieve(`agent:${name}`)).id, `agent:${name}`)
})
