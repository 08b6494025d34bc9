import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../../../test/session.ts'
import { sessionWith, useTools } from '../../../../test/tool-session.ts'
import { type Capability, defineCapability, defineTool } from '../../../capabilities/capability.ts'
import { builtins } from '../../../capabilities/index.ts'

const about = {
  description: 'For tests.',
  category: 'Testing',
  icon: 'flask-conical',
  status: 'available',
} as const

const greeter = defineCapability({
  ...about,
  id: 'greeter',
  name: 'Greeter',
  dependencies: ['session_file_system'],
  config: Type.Object(
    {
      greeting: Type.Optional(Type.String({ maxLength: 20 })),
      loud: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  sessionRules: { greeting: 'session', loud: 'session' },
  prompt: ({ greeting = 'Hello' }) => `Begin with ${greeting}.`,
  tools: ({ loud = false }) => [
    defineTool({
      name: loud ? 'shout' : 'greet',
      description: 'Greets.',
      replay: 'safe',
      input: Type.Object({}),
      run: () => 'hi',
    }),
  ],
  mounts: ({ greeting = 'Hello' }) => [
    { path: '/greetings/default.txt', content: greeting, isReadonly: true },
  ],
})
const soon = defineCapability({ ...about, id: 'soon', name: 'Soon', status: 'coming_soon' })
const capabilities: Capability[] = [...builtins, greeter, soon]

const promptOf = (text: string) => [
  '<capability id="greeter">',
  text,
  '</capability>',
  '',
  '<system-prompt>',
  'Be Ada.',
  '</system-prompt>',
]

test('a preview shows prompt, tools and model of an agent that need not exist', async (t) => {
  const { call } = await startServer(t, { capabilities })
  const agents = async () => (await call('GET', '/v1/agents')).body.total
  const before = await agents()
  const { status, body } = await call('POST', '/v1/agents/preview', {
    system_prompt: 'Be Ada.',
    capabilities: [{ ref: 'greeter', config: { greeting: 'Ahoy' } }],
    session: { capabilities: [{ ref: 'greeter', config: { loud: true } }] },
  })
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(body.system_prompt.split('\n').slice(-7), promptOf('Begin with Ahoy.'))
  assert.match(body.system_prompt, /^<capability id="session_file_system">/)
  assert.deepEqual(body.capabilities, [
    { ref: 'session_file_system', config: {} },
    { ref: 'greeter', config: { greeting: 'Ahoy', loud: true } },
  ])
  const tools = body.tools.map((tool: Record<string, string>) => [tool.capability_id, tool.name])
  assert.deepEqual(tools[0], ['session_file_system', 'read_file'])
  assert.deepEqual(tools.at(-1), ['greeter', 'shout'])
  assert.equal(body.tools[0].parameters.type, 'object')
  assert.deepEqual(body.warnings, [])
  assert.equal(body.model.provider_type, 'llmsim')
  assert.equal(await agents(), before)
  assert.equal((await call('POST', '/v1/agents/preview', {})).body.system_prompt, '')
})

test('a preview refuses an agent that creation would refuse, and names the place', async (t) => {
  const { call } = await startServer(t, { capabilities })
  const refused = async (body: object) => {
    const answer = await call('POST', '/v1/agents/preview', body)
    return [answer.status, answer.body.code, answer.body.details?.[0]?.path]
  }
  const use = (ref: string, config?: object) => ({ capabilities: [{ ref, config }] })
  assert.deepEqual(await refused(use('greeter', { greeting: 7 })), [
    400,
    'invalid_request',
    'capabilities/0/config/greeting',
  ])
  assert.deepEqual(await refused({ session: use('greeter', { tone: 1 }) }), [
    400,
    'invalid_request',
    'session/capabilities/0/config',
  ])
  assert.deepEqual(await refused(use('nope')), [400, 'capability_unknown', 'capabilities/0/ref'])
  assert.deepEqual(await refused(use('soon')), [400, 'invalid_request', 'capabilities/0/ref'])
  assert.deepEqual(await refused({ default_model_id: `model_${'0'.repeat(32)}` }), [
    400,
    'model_unavailable',
    'default_model_id',
  ])
  assert.deepEqual(await refused({ capabilities: 'greeter' }), [
    400,
    'invalid_request',
    'capabilities',
  ])
})

test('the preview of a session matches the prompt of its next turn', async (t) => {
  const server = await startServer(t, { capabilities })
  const agent = await createAgent(server, {
    system_prompt: 'Be Ada.',
    capabilities: [{ ref: 'greeter', config: { greeting: 'Ahoy' } }],
  })
  const more = [{ ref: 'greeter', config: { loud: true } }, { ref: 'test_math' }]
  const session = await createSession(server, { agent_id: agent.id, capabilities: more })
  const { status, body } = await server.call('GET', `/v1/sessions/${session.id}/preview`)
  assert.equal(status, 200)
  const events = await converse(t, server, session.id, scripted({ text: 'Hi.' }))
  const call = dataOf(events, 'llm.generation') as {
    messages: { role: string; content: { text: string }[] }[]
    tools: { name: string; description: string }[]
  }
  assert.equal(call.messages[0]!.content[0]!.text, body.system_prompt)
  assert.deepEqual(
    call.tools,
    body.tools.map(({ name, description }: Record<string, string>) => ({ name, description })),
  )
})

test('the preview reports settings without effect', async (t) => {
  const first = await startServer(t, { capabilities })
  const agent = await createAgent(first, { capabilities: [{ ref: 'greeter' }] })
  const session = await createSession(first, { agent_id: agent.id })
  const { databaseUrl } = first
  const later = await startServer(t, {
    databaseUrl,
    capabilities: [...builtins, { ...greeter, status: 'deprecated' }],
  })
  const preview = await later.call('GET', `/v1/sessions/${session.id}/preview`)
  assert.deepEqual(preview.body.warnings, [
    'The capability greeter is deprecated: it has no effect.',
  ])
  assert.deepEqual(preview.body.tools, [])
  await later.stop()
  const without = await startServer(t, { databaseUrl })
  const gone = await without.call('GET', `/v1/sessions/${session.id}/preview`)
  assert.deepEqual(gone.body.warnings, ['The capability greeter does not exist: it has no effect.'])
  await without.stop()
})

test('files of capabilities are in a session from its start, each once, and belong to it', async (t) => {
  const server = await startServer(t, { capabilities })
  const agent = await createAgent(server, { capabilities: [{ ref: 'greeter' }] })
  const config = { greeting: 'Ahoy' }
  const session = await createSession(server, {
    agent_id: agent.id,
    capabilities: [{ ref: 'greeter', config }],
  })
  const file = `/v1/sessions/${session.id}/fs/greetings/default.txt`
  const { body } = await server.call('GET', file)
  assert.deepEqual([body.content, body.is_readonly], ['Ahoy', true])
  assert.equal((await server.call('DELETE', file)).body.code, 'file_readonly')
  const events = await server.call('GET', `/v1/sessions/${session.id}/events`)
  assert.equal(events.body.total, 1, 'session.started, and nothing else')
  const plain = await createSession(server)
  const empty = await server.call('GET', `/v1/sessions/${plain.id}/fs`)
  assert.equal(empty.body.total, 0)
})

test('a session whose files do not fit is not created', async (t) => {
  const big = defineCapability({
    ...about,
    id: 'big',
    name: 'Big',
    mounts: () => [{ path: '/big', content: Buffer.alloc(1_048_577), isReadonly: false }],
  })
  const server = await startServer(t, {
    capabilities: [...builtins, big],
    env: { FILE_SIZE_MB: '1' },
  })
  const agent = await createAgent(server, { capabilities: [{ ref: 'big' }] })
  const refused = await server.call('POST', '/v1/sessions', { agent_id: agent.id })
  assert.deepEqual([refused.status, refused.body.code], [413, 'file_too_large'])
  assert.equal((await server.call('GET', '/v1/sessions')).body.total, 0)
})

test('capabilities that cannot be put together keep the server from starting, and are named', async (t) => {
  const one = defineCapability({ ...about, id: 'one', name: 'One', dependencies: ['two'] })
  const two = defineCapability({ ...about, id: 'two', name: 'Two', dependencies: ['three'] })
  const three = defineCapability({ ...about, id: 'three', name: 'Three', dependencies: ['two'] })
  const tool = defineTool({
    name: 'bad name',
    description: '',
    replay: 'safe',
    input: Type.Object({}),
    run: () => 1,
  })
  const demanding = Type.Object({ key: Type.String() })
  const inner = Type.Object({ key: Type.Optional(Type.String({ writeOnly: true })) })
  const hiding = Type.Object({ inner: Type.Optional(inner) })
  const wrong: [Capability[], RegExp][] = [
    [[one, two, three], /two needs three needs two/],
    [[one], /one needs two, which does not exist/],
    [[greeter, greeter, ...builtins], /Two capabilities have the id greeter/],
    [
      [defineCapability({ ...about, id: 'x', name: 'X', tools: () => [tool] })],
      /x has a tool bad name/,
    ],
    [
      [
        defineCapability({
          ...about,
          id: 'x',
          name: 'X',
          tools: () => [
            { ...tool, name: 'y' },
            { ...tool, name: 'y' },
          ],
        }),
      ],
      /x has two tools with the name y/,
    ],
    [
      [
        defineCapability({
          ...about,
          id: 'x',
          name: 'X',
          config: demanding,
          sessionRules: { key: 'session' },
        }),
      ],
      /x does not accept an empty config/,
    ],
    [
      [
        defineCapability({
          ...about,
          id: 'x',
          name: 'X',
          config: hiding,
          sessionRules: { inner: 'session' },
        }),
      ],
      /x has a nested writeOnly field/,
    ],
    [
      [
        defineCapability({
          ...about,
          id: 'x',
          name: 'X',
          mounts: () => [{ path: 'y', content: '', isReadonly: true }],
        }),
      ],
      /x has a file at y/,
    ],
    [
      [{ ...greeter, dependencies: [], sessionRules: {} }],
      /greeter has a config field greeting without a session rule/,
    ],
  ]
  for (const [list, words] of wrong) {
    await assert.rejects(startServer(t, { capabilities: list }), words)
  }
})

test('config and arguments are checked however many fields are too many, and however long lists are', async (t) => {
  const server = await startServer(t)
  const preview = (ref: string, config: object) =>
    server.call('POST', '/v1/agents/preview', {
      system_prompt: 'x',
      capabilities: [{ ref, config }],
    })
  const more = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`more_${n}`, n]))
  const refused = await preview('session_file_system', { ...more, readonly: 'yes' })
  assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_request'])
  const long = await preview('sample_data', { datasets: Array(40_000).fill('users') })
  assert.deepEqual(
    [long.status, long.body.details[0].path],
    [400, 'capabilities/0/config/datasets'],
  )
  const session = await sessionWith(server, 'session_file_system')
  const [said] = await useTools(t, server, session.id, [
    'write_file',
    { ...more, path: 7, content: {} },
  ])
  assert.match(
    said,
    /^Invalid arguments for write_file: the input does not take more_0, .*, more_9 and 10 more;/,
  )
})
