import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captureLog, startServer } from '../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../test/session.ts'
import { defineConfig } from '../authoring/config.ts'
import { defineCapability, defineTool, Type } from '../authoring/index.ts'
import { projectOf } from './load.ts'

const limits = defineCapability({
  id: 'limits',
  config: Type.Object({ most: Type.Optional(Type.Integer()) }),
  prompt({ most = 1 }) {
    if (most > 9) throw new Error('most is too high')
    return `At most ${most}.`
  },
  tools: ({ most = 1 }) => [
    defineTool({
      name: 'count_to',
      description: 'Counts.',
      replay: 'safe',
      input: Type.Object({ count: Type.Integer({ minimum: 1 }) }),
      run: ({ count }) => Array.from({ length: Math.min(count, most) }, (_, index) => index + 1),
    }),
  ],
})

test('a turn uses a capability of the project with its config', async (t) => {
  const project = await projectOf(defineConfig({ capabilities: [limits] }))
  const server = await startServer(t, { project })
  const { body } = await server.call('GET', '/v1/capabilities/limits')
  assert.deepEqual(
    [body.name, body.category, body.system_prompt],
    ['Limits', 'Project', 'At most 1.'],
  )
  const capabilities = [{ ref: 'limits', config: { most: 3 } }]
  const agent = await createAgent(server, { capabilities })
  const session = await createSession(server, { agent_id: agent.id })
  const call = (count: number) => ({ tool_calls: [{ name: 'count_to', arguments: { count } }] })
  const events = await converse(
    t,
    server,
    session.id,
    scripted(call(5), call(0), { text: 'Done.' }),
  )
  const [first, second] = [1, 2].map((at) => dataOf(events, 'tool.completed', at))
  assert.deepEqual((first as { result?: unknown }).result, [{ type: 'text', text: '[1,2,3]' }])
  assert.match(
    String((second as { error?: unknown }).error),
    /^Invalid arguments for count_to: count/,
  )
})

test('a capability that throws for a config has no effect, and the turn names it', async (t) => {
  const log = captureLog(t)
  const project = await projectOf(defineConfig({ capabilities: [limits] }))
  const server = await startServer(t, { project, env: { LOG_LEVEL: 'error' } })
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'limits', config: { most: 10 } }],
  })
  const session = await createSession(server, { agent_id: agent.id })
  const events = await converse(t, server, session.id, scripted({ text: 'Done.' }))
  const { error } = dataOf(events, 'capability.unavailable') as { error: string }
  assert.equal(error, 'config failed for the config of limits')
  assert.equal(log.filter((line) => line.includes('most is too high')).length, 1)
  assert.equal(events.at(-1)?.type, 'session.idled')
})

test('a capability without a usable prompt for a config has no effect', async (t) => {
  captureLog(t)
  const prompts: Record<string, () => unknown> = {
    number: () => 3,
    nul: () => 'a\0b',
    nothing: () => {
      throw undefined
    },
  }
  const styled = defineCapability({
    id: 'styled',
    config: Type.Object({ style: Type.Optional(Type.String()) }),
    prompt: ({ style }) => style && (prompts[style]!() as string),
  })
  const project = await projectOf(defineConfig({ capabilities: [styled] }))
  const server = await startServer(t, { project })
  for (const style of Object.keys(prompts)) {
    const agent = await createAgent(server, {
      capabilities: [{ ref: 'styled', config: { style } }],
    })
    const session = await createSession(server, { agent_id: agent.id })
    const events = await converse(t, server, session.id, scripted({ text: 'Done.' }))
    const { error } = dataOf(events, 'capability.unavailable') as { error: string }
    assert.equal(error, 'config failed for the config of styled')
    assert.equal(events.at(-2)?.type, 'turn.completed')
  }
})

test('a session may not set a config field without a session rule', async (t) => {
  const project = await projectOf(defineConfig({ capabilities: [limits] }))
  const server = await startServer(t, { project })
  const agent = await createAgent(server, { capabilities: [{ ref: 'limits' }] })
  const refused = await server.call('POST', '/v1/sessions', {
    agent_id: agent.id,
    capabilities: [{ ref: 'limits', config: { most: 2 } }],
  })
  assert.deepEqual([refused.status, refused.body.code], [400, 'session_widens_agent'])
})
