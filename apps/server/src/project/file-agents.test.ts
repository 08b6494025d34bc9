import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import { registerPerson, signInAdmin, startGuarded } from '../../test/access.ts'
import { capabilities } from '../../test/agent-files.ts'
import { createTestDatabase } from '../../test/database.ts'
import {
  deploy,
  fileAgent,
  fileAgentsOf,
  salesFile,
  startWithAgents,
  support,
  supportFile,
} from '../../test/file-agents.ts'
import { writeFiles, writeProject } from '../../test/processes/project-files.ts'
import { type Call, startServer } from '../../test/server.ts'
import { emptyProject } from '../authoring/project.ts'
import { loadProject } from './load.ts'

const whole = {
  ...support,
  description: 'Answers.',
  default_model_id: 'model_01933b5a000070008000000000000401',
  tags: ['b', 'a'],
  capabilities: [
    { ref: 'noop' },
    { ref: 'guarded', config: { url: 'https://a.example', key: 'x' } },
  ],
  tools: [{ type: 'client_side' as const, name: 'show_map', description: 'Shows a map.' }],
  display_name: 'The support',
  initial_files: [{ path: '/guide.md', content: 'Be kind.' }],
  max_iterations: 9,
  parallel_tool_calls: false,
  network_access: { allowed: ['*.example.com'] },
  retention_days: 7,
}

const changesIn = async (call: Call) =>
  ((await call('GET', '/v1/audit-log')).body.data as AuditEntry[]).map(
    ({ actor_type, action, target, details }) => [actor_type, action, target, details?.source_file],
  )

test('a start stores the agents of the files', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const agents = await deploy(t, databaseUrl, [supportFile, salesFile])
  const { id, harness_id, created_at, updated_at, ...rest } = agents.get('Support')!
  assert.match(id, /^agent_[0-9a-f]{32}$/)
  assert.match(harness_id, /^harness_/)
  assert.ok(Date.parse(created_at) <= Date.parse(updated_at))
  assert.deepEqual(rest, {
    ...support,
    tags: [],
    capabilities: [],
    status: 'active',
    source: 'file',
    source_file: 'agents/support.md',
  })
  assert.equal(agents.get('Sales')!.source_file, 'agents/sales.yaml')
})

test('a start with unchanged files changes nothing, and records nothing', async (t) => {
  const first = await startWithAgents(t, [fileAgent('support.md', whole)], { capabilities })
  const { databaseUrl, call } = first
  const before = await fileAgentsOf(call)
  assert.deepEqual((await changesIn(call)).length, 1)
  const { retention_days, default_model_id, capabilities: uses, ...rest } = whole
  const reordered = {
    capabilities: [
      { ref: 'noop' },
      { config: { key: 'x', url: 'https://a.example' }, ref: 'guarded' },
    ],
    default_model_id,
    ...rest,
    retention_days,
  }
  const second = await startWithAgents(t, [fileAgent('support.md', reordered)], {
    capabilities,
    databaseUrl,
  })
  assert.deepEqual(await fileAgentsOf(second.call), before)
  assert.equal((await changesIn(call)).length, 1)
})

test('a changed file changes its agent, also each field to its default', async (t) => {
  const { databaseUrl, call, stop } = await startWithAgents(t, [fileAgent('support.md', whole)], {
    capabilities,
  })
  const first = (await fileAgentsOf(call)).get('Support')!
  assert.equal(first.retention_days, 7)
  await stop()
  const agents = await deploy(t, databaseUrl, [supportFile])
  const { id, created_at, updated_at, ...rest } = agents.get('Support')!
  assert.deepEqual([id, created_at], [first.id, first.created_at])
  assert.ok(updated_at > first.updated_at)
  assert.deepEqual(rest, {
    harness_id: first.harness_id,
    ...support,
    tags: [],
    capabilities: [],
    status: 'active',
    source: 'file',
    source_file: 'agents/support.md',
  })
})

test('an agent that moves to another file stays the same agent', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = (await deploy(t, databaseUrl, [supportFile])).get('Support')!
  const moved = (await deploy(t, databaseUrl, [fileAgent('help/support.yaml', support)])).get(
    'Support',
  )!
  assert.deepEqual([moved.id, moved.source_file], [first.id, 'agents/help/support.yaml'])
})

test('a renamed agent is another agent, and the earlier one is archived', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = (await deploy(t, databaseUrl, [supportFile])).get('Support')!
  const renamed = [fileAgent('support.md', { ...support, name: 'Help' })]
  const agents = await deploy(t, databaseUrl, renamed)
  assert.deepEqual(
    [...agents.values()].map(({ name, status }) => [name, status]),
    [
      ['Help', 'active'],
      ['Support', 'archived'],
    ],
  )
  assert.equal(agents.get('Support')!.id, first.id)
})

test('an agent whose file is removed is archived, and revived when the file returns', async (t) => {
  const server = await startServer(t)
  const { databaseUrl, call } = server
  const { id } = (await deploy(t, databaseUrl, [supportFile, salesFile])).get('Support')!
  const gone = await deploy(t, databaseUrl, [salesFile])
  assert.equal(gone.get('Support')!.status, 'archived')
  assert.equal(gone.get('Sales')!.status, 'active')
  const archivedAt = gone.get('Support')!.updated_at
  const still = await deploy(t, databaseUrl, [salesFile])
  assert.equal(still.get('Support')!.updated_at, archivedAt)
  const session = { agent_id: id }
  assert.equal((await call('POST', '/v1/sessions', session)).body.code, 'agent_archived')

  const back = (await deploy(t, databaseUrl, [supportFile, salesFile])).get('Support')!
  assert.deepEqual([back.id, back.status], [id, 'active'])
  assert.equal((await call('POST', '/v1/sessions', session)).status, 201)

  const changes = (await changesIn(call)).filter(([, , target]) => target === id)
  assert.deepEqual(changes.toReversed(), [
    ['server', 'create_agent', id, 'agents/support.md'],
    ['server', 'delete_agent', id, 'agents/support.md'],
    ['server', 'put_agent', id, 'agents/support.md'],
  ])
})

test('a project without agent files archives them, and a node without a project leaves them', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const first = await deploy(t, databaseUrl, [supportFile])
  assert.deepEqual(await deploy(t, databaseUrl, undefined), first)
  const none = await deploy(t, databaseUrl, [])
  assert.equal(none.get('Support')!.status, 'archived')
})

test('an agent of the API with the same name is left alone', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const own = (await call('POST', '/v1/agents', support)).body
  const fromFile = (await deploy(t, databaseUrl, [supportFile])).get('Support')!
  assert.notEqual(fromFile.id, own.id)
  await deploy(t, databaseUrl, [])
  assert.deepEqual((await call('GET', `/v1/agents/${own.id}`)).body, own)
  assert.equal(own.source, 'api')
})

test('the name identifies an agent from a file, an id does not', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const own = (await call('POST', '/v1/agents', support)).body
  const agents = [fileAgent('support.md', { ...support, name: 'Other', id: own.id })]
  const first = (await deploy(t, databaseUrl, agents)).get('Other')!
  assert.notEqual(first.id, own.id)
  assert.deepEqual((await deploy(t, databaseUrl, agents)).get('Other'), first)
  assert.deepEqual((await call('GET', `/v1/agents/${own.id}`)).body, own)
})

test('nodes that start at the same moment make no agent twice', async (t) => {
  const { databaseUrl, call } = await startServer(t)
  const agents = Array.from({ length: 20 }, (_, index) =>
    fileAgent(`a${index}.md`, { name: `Agent ${index}`, system_prompt: 'x' }),
  )
  await Promise.all([1, 2, 3, 4].map(() => startWithAgents(t, agents, { databaseUrl })))
  assert.equal((await fileAgentsOf(call)).size, 20)
  assert.equal((await changesIn(call)).length, 20)
})

test('the last node that starts decides', async (t) => {
  const older = await startWithAgents(t, [supportFile])
  const { databaseUrl } = older
  const newer = { ...support, system_prompt: 'You are new.' }
  await startWithAgents(t, [fileAgent('support.md', newer)], { databaseUrl })
  assert.equal((await fileAgentsOf(older.call)).get('Support')!.system_prompt, 'You are new.')
  await startWithAgents(t, [supportFile], { databaseUrl })
  const { system_prompt } = (await fileAgentsOf(older.call)).get('Support')!
  assert.equal(system_prompt, support.system_prompt)
})

test('agents of a folder follow its Markdown and YAML files', async (t) => {
  const folder = writeProject(t, {
    'agents/support.md': '---\ndescription: Helps.\n---\nYou help.\n',
    'agents/sales.yaml': 'name: Sales\nsystem_prompt: You sell.\ncapabilities: [noop]\n',
  })
  const databaseUrl = await createTestDatabase(t)
  const deployFolder = async () => deploy(t, databaseUrl, (await loadProject({ folder })).agents)

  const first = await deployFolder()
  const shown = [...first.values()].map(({ name, source_file, system_prompt }) => [
    name,
    source_file,
    system_prompt,
  ])
  assert.deepEqual(shown.toSorted(), [
    ['Sales', 'agents/sales.yaml', 'You sell.'],
    ['support', 'agents/support.md', 'You help.'],
  ])
  assert.deepEqual(await deployFolder(), first)

  rmSync(path.join(folder, 'agents/sales.yaml'))
  writeFiles(folder, { 'agents/support.md': 'You help more.\n' })
  const second = await deployFolder()
  assert.equal(second.get('Sales')!.status, 'archived')
  const { id, system_prompt, description } = second.get('support')!
  assert.deepEqual(
    [id, system_prompt, description],
    [first.get('support')!.id, 'You help more.', undefined],
  )
})

const cyclic: Record<string, unknown> = {}
cyclic.self = cyclic

const bad: [why: string, agent: object, message: RegExp][] = [
  ['an unknown capability', { capabilities: [{ ref: 'teleport' }] }, /teleport does not exist/],
  [
    'an invalid config',
    { capabilities: [{ ref: 'current_time', config: { timezone: 5 } }] },
    /capabilities\/0\/config\/timezone/,
  ],
  ['a capability twice', { capabilities: [{ ref: 'noop' }, { ref: 'noop' }] }, /repeats noop/],
  [
    'an unknown model',
    { default_model_id: `model_${'0'.repeat(32)}` },
    /Model model_0+ does not exist/,
  ],
  ['a model that is no id', { default_model_id: 'gpt-5' }, /default_model_id/],
  [
    'an MCP server that is not there',
    { capabilities: [{ ref: 'mcp:01933b5a-0000-7000-8000-000000000001' }] },
    /mcp:/,
  ],
  [
    'a client tool twice',
    { tools: [1, 2].map(() => ({ type: 'client_side', name: 'a', description: 'x' })) },
    /tools\/1\/name repeats a/,
  ],
  [
    'a client tool of the name of a tool',
    {
      capabilities: [{ ref: 'test_math' }],
      tools: [{ type: 'client_side', name: 'add', description: 'x' }],
    },
    /add/,
  ],
  ['no prompt', { system_prompt: '' }, /system_prompt/],
  ['no name', { name: undefined }, /name/],
  ['a name of two lines', { name: 'a\nb' }, /name/],
  ['NUL in the prompt', { system_prompt: 'a\0b' }, /NUL/],
  ['a negative retention', { retention_days: -1 }, /retention_days/],
  ['a config that is no JSON', { capabilities: [{ ref: 'noop', config: cyclic }] }, /JSON/],
  [
    'a config with a prototype',
    { capabilities: [{ ref: 'noop', config: JSON.parse('{"__proto__":{}}') }] },
    /config/,
  ],
]

test('an invalid agent stops the start with its file, and nothing is stored', async (t) => {
  const { call, databaseUrl } = await startServer(t, { capabilities })
  const before = await deploy(t, databaseUrl, [supportFile])
  for (const [why, fields, message] of bad) {
    const agents = [
      fileAgent('good.md', { name: 'Good', system_prompt: 'x' }),
      fileAgent('bad.md', { ...support, name: 'Bad', ...fields }),
    ]
    const project = { ...emptyProject, agents }
    await assert.rejects(startServer(t, { databaseUrl, project, capabilities }), (error: Error) => {
      assert.equal(error.name, 'ProjectError', `${why}: ${error.stack}`)
      assert.match(error.message, /^agents\/bad\.md /, why)
      assert.match(error.message, message, why)
      assert.doesNotMatch(error.message, /good\.md/, why)
      return true
    })
    assert.deepEqual(await fileAgentsOf(call), before, why)
  }
})

test('a start that fails changes no agents', async (t) => {
  const { call, databaseUrl } = await startWithAgents(t, [supportFile])
  const before = await fileAgentsOf(call)
  const fail = (): never => {
    throw new Error('The start fails.')
  }
  const project = { ...emptyProject, agents: [salesFile] }
  const starts = [
    { project: { ...project, routes: fail } },
    { project, beforeListening: async () => fail() },
  ]
  for (const options of starts) {
    await assert.rejects(startServer(t, { databaseUrl, ...options }), /The start fails\./)
    assert.deepEqual(await fileAgentsOf(call), before)
  }
  assert.equal(before.get('Support')!.status, 'active')
})

test('all problems of all files are reported at once', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const agents = [
    supportFile,
    fileAgent('a.md', { ...support, name: 'A', capabilities: [{ ref: 'nope' }] }),
    fileAgent('b.md', { ...support, name: '', description: 'x'.repeat(20_000) }),
    fileAgent('c.md', support),
  ]
  await assert.rejects(startWithAgents(t, agents, { databaseUrl }), ({ message }: Error) => {
    const lines = message.split('\n')
    assert.deepEqual(
      lines.map((line) => line.split(' ')[0]),
      ['agents/a.md', 'agents/b.md', 'agents/b.md', 'agents/c.md'],
    )
    assert.match(lines.at(-1)!, /agents\/support\.md/)
    return true
  })
})

test('a model that was disabled through the API stops no start with unchanged files', async (t) => {
  const model = 'model_01933b5a000070008000000000000401'
  const file = fileAgent('support.md', { ...support, default_model_id: model })
  const { call, databaseUrl } = await startWithAgents(t, [file])
  const before = await fileAgentsOf(call)
  const disabled = await call('PATCH', `/v1/models/${model}`, { status: 'disabled' })
  assert.equal(disabled.status, 200, JSON.stringify(disabled.body))
  assert.deepEqual(await deploy(t, databaseUrl, [file]), before)
  const changed = fileAgent('support.md', { ...file.agent, description: 'New.' })
  await assert.rejects(deploy(t, databaseUrl, [changed]), /agents\/support\.md .*model/i)
})

test('a capability that is gone stops the start, also with unchanged files', async (t) => {
  const file = fileAgent('support.md', { ...support, capabilities: [{ ref: 'free' }] })
  const { databaseUrl } = await startWithAgents(t, [file], { capabilities })
  await assert.rejects(deploy(t, databaseUrl, [file]), /agents\/support\.md .*free/)
})

test('other organizations do not see agents from files', async (t) => {
  const project = { ...emptyProject, agents: [supportFile] }
  const server = await startGuarded(t, { project })
  const admin = await signInAdmin(server)
  const { id } = (await fileAgentsOf(admin.call)).get('Support')!
  const stranger = await registerPerson(server)
  assert.equal((await fileAgentsOf(stranger.call)).size, 0)
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    const answer = await stranger.call(
      method,
      `/v1/agents/${id}`,
      method === 'PATCH' ? {} : undefined,
    )
    assert.equal(answer.status, 404, method)
  }
})
