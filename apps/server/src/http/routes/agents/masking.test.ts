import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../../../test/session.ts'
import { defineCapability, defineTool } from '../../../capabilities/capability.ts'
import { builtins } from '../../../capabilities/index.ts'

const secret = 'hunter2-hunter2'

/** A capability with a secret in its config, which its tool proves that it has. */
const locked = defineCapability({
  id: 'locked',
  name: 'Locked',
  description: 'For tests.',
  category: 'Testing',
  icon: 'lock',
  status: 'available',
  config: Type.Object(
    {
      key: Type.Optional(Type.String({ minLength: 10, writeOnly: true })),
      label: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  sessionRules: { key: 'session', label: 'session' },
  tools: ({ key, label }) => [
    defineTool({
      name: 'open',
      description: 'Opens.',
      replay: 'safe',
      input: Type.Object({}),
      run: () => ({ opened: key === secret, label }),
    }),
  ],
})

const use = (config: object) => [{ ref: 'locked', config }]

async function start(t: Parameters<typeof startServer>[0]) {
  return startServer(t, { capabilities: [...builtins, locked] })
}

test('a secret in the config of an agent works and is masked in every response', async (t) => {
  const server = await start(t)
  const { call } = server
  const agent = await createAgent(server, { capabilities: use({ key: secret, label: 'A' }) })
  const session = await createSession(server, {
    agent_id: agent.id,
    capabilities: use({ label: 'B' }),
  })
  const own = await createSession(server, {
    agent_id: agent.id,
    capabilities: use({ key: `${secret}!` }),
  })
  const paths = [
    '/v1/agents',
    '/v1/agents?limit=5',
    `/v1/agents/${agent.id}`,
    `/v1/agents/${agent.id}/export`,
    `/v1/agents/${agent.id}/export?format=json`,
    '/v1/sessions',
    `/v1/sessions/${own.id}`,
    `/v1/sessions/${session.id}/preview`,
    `/v1/sessions/${own.id}/preview`,
    `/v1/sessions/${own.id}/events`,
  ]
  const answers = [
    agent,
    session,
    own,
    ...(await Promise.all(paths.map((path) => call('GET', path)))),
  ]
  for (const answer of answers) assert.doesNotMatch(JSON.stringify(answer), /hunter2/)
  assert.deepEqual(agent.capabilities, use({ key: '********', label: 'A' }))
  assert.deepEqual(own.capabilities, use({ key: '********' }))
  const script = scripted({ tool_calls: [{ name: 'open', arguments: {} }] }, { text: 'Done.' })
  const events = await converse(t, server, session.id, script)
  assert.match(
    JSON.stringify(dataOf(events, 'tool.completed')),
    /\\"opened\\":true,\\"label\\":\\"B\\"/,
  )
})

test('an agent sent with masked secrets keeps them; another agent gets none', async (t) => {
  const server = await start(t)
  const { call } = server
  const agent = await createAgent(server, { capabilities: use({ key: secret, label: 'A' }) })
  const path = `/v1/agents/${agent.id}`
  const opens = async () => {
    const session = await createSession(server, { agent_id: agent.id })
    const script = scripted({ tool_calls: [{ name: 'open', arguments: {} }] }, { text: 'Done.' })
    const events = await converse(t, server, session.id, script)
    return JSON.stringify(dataOf(events, 'tool.completed')).includes('\\"opened\\":true')
  }
  const { id, name, system_prompt, capabilities } = (await call('GET', path)).body
  const changes: [string, string, object][] = [
    ['PATCH', path, { capabilities: use({ key: '********', label: 'C' }) }],
    ['PUT', path, { name, system_prompt, capabilities }],
    ['POST', '/v1/agents', { id, name, system_prompt, capabilities }],
    ['POST', '/v1/agents/import', { id, name, system_prompt, capabilities }],
  ]
  for (const [method, at, body] of changes) {
    const sent = at.endsWith('/import') ? JSON.stringify(body) : body
    const answer = await call(method, at, sent)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    assert.equal(answer.body.capabilities[0].config.key, '********')
    assert.equal(await opens(), true)
  }
  const refused = [
    await call('POST', '/v1/agents', { name, system_prompt, capabilities }),
    await call('PUT', `/v1/agents/agent_${'1'.repeat(32)}`, { name, system_prompt, capabilities }),
    await call('POST', '/v1/sessions', { agent_id: id, capabilities }),
    await call('POST', '/v1/agents/import', JSON.stringify({ name, system_prompt, capabilities })),
  ]
  for (const { status, body } of refused) {
    assert.deepEqual([status, body.details[0].path], [400, 'capabilities/0/config/key'])
  }
  await call('PATCH', path, { capabilities: use({ label: 'D' }) })
  assert.equal(await opens(), false)
})

test('an imported secret is not in the answer', async (t) => {
  const { call } = await start(t)
  const file = JSON.stringify({ name: 'X', system_prompt: 'X', capabilities: use({ key: secret }) })
  const { status, body } = await call('POST', '/v1/agents/import', file)
  assert.equal(status, 201)
  assert.deepEqual(body.capabilities, use({ key: '********' }))
})

test('a secret stays masked when its capability is gone', async (t) => {
  const before = await start(t)
  const agent = await createAgent(before, { capabilities: use({ key: secret, label: 'A' }) })
  const server = await startServer(t, { databaseUrl: before.databaseUrl })
  for (const path of ['/v1/agents', `/v1/agents/${agent.id}`, `/v1/agents/${agent.id}/export`]) {
    assert.doesNotMatch(JSON.stringify((await server.call('GET', path)).body), /hunter2/, path)
  }
  await server.stop()
})
