import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CapabilityInfo, type CapabilityUse } from '@outlast/contract'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { ApiError } from '../../errors.ts'
import { type Capability, defineCapability, defineTool } from '../capability.ts'
import { builtins } from '../index.ts'
import { assemble, checkCombination, checkUses, describeCapability } from './catalog.ts'

const about = { description: 'For a test.', category: 'Testing', icon: 'box' }
const noInput = Type.Object({}, { additionalProperties: false })

const tool = (name: string, description = name) =>
  defineTool({ name, description, replay: 'safe', input: noInput, run: () => ({}) })

type More = Partial<Omit<Capability, 'config' | 'sessionRules'>>

function capability(id: string, more: More = {}): Capability {
  return defineCapability({ id, name: id, status: 'available', ...about, ...more })
}

const voice = defineCapability({
  id: 'voice',
  name: 'Voice',
  status: 'available',
  ...about,
  config: Type.Object({ tone: Type.Optional(Type.String()), length: Type.Optional(Type.Number()) }),
  sessionRules: { tone: 'session', length: 'session' },
  prompt: ({ tone, length }) => `tone ${tone}, length ${length}`,
  tools: ({ tone }) => [tool('speak', `Speaks ${tone ?? 'plainly'}.`)],
})

const list = [
  capability('base', { prompt: () => 'base' }),
  capability('middle', { dependencies: ['base'], prompt: () => 'middle' }),
  capability('top', { dependencies: ['middle', 'base'], prompt: () => ' top \n' }),
  capability('ring_a', { dependencies: ['ring_b'], prompt: () => 'a' }),
  capability('ring_b', { dependencies: ['ring_a'], prompt: () => 'b' }),
  capability('soon', { status: 'coming_soon', dependencies: ['base'], prompt: () => 'soon' }),
  capability('silent', { prompt: () => '  ', tools: () => [tool('one')] }),
  capability('loud', { tools: () => [tool('speak', 'loud'), tool('shout')] }),
  voice,
]

const use = (ref: string, config?: unknown): CapabilityUse =>
  config === undefined ? { ref } : { ref, config }

function put(agent: CapabilityUse[], session: CapabilityUse[] = [], agentPrompt = 'Be kind.') {
  return assemble(list, { agentPrompt, agentUses: agent, sessionUses: session })
}

const checkTogether = (
  agentUses: CapabilityUse[],
  sessionUses: CapabilityUse[],
  among: readonly Capability[] = list,
) => checkCombination(among, { agentUses, sessionUses })

const idsIn = (prompt: string) =>
  [...prompt.matchAll(/<capability id="(\w+)">/g)].map(([, id]) => id)

function refusal(act: () => void) {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof ApiError)
    return error.body
  }
  return assert.fail('nothing was refused')
}

test('lists the built-in capabilities with demo capabilities last', () => {
  assert.deepEqual(
    builtins.map(({ id }) => id),
    [
      'ask_user',
      'budgeting',
      'current_time',
      'session_file_system',
      'session_storage',
      'stateless_todo_list',
      'virtual_bash',
      'web_fetch',
      'fake_aws',
      'fake_crm',
      'fake_financial',
      'fake_warehouse',
      'noop',
      'sample_data',
      'test_math',
      'test_weather',
    ],
  )
})

test('descriptions of built-in capabilities match the contract, and an empty config is valid', () => {
  for (const builtin of builtins) {
    const info = describeCapability(builtin)
    assert.ok(Check(CapabilityInfo, JSON.parse(JSON.stringify(info))), builtin.id)
    assert.equal(info.config_schema?.type, 'object')
    checkUses(builtins, [{ ref: builtin.id }])
    for (const definition of info.tool_definitions ?? []) {
      assert.equal(definition.parameters.additionalProperties, false, definition.name)
    }
  }
})

test('a description omits empty parts', () => {
  const info = describeCapability(builtins.find(({ id }) => id === 'noop')!)
  assert.deepEqual(Object.keys(info).sort(), [
    'category',
    'config_schema',
    'description',
    'icon',
    'id',
    'name',
    'status',
  ])
})

test('refuses an unknown capability by name', () => {
  const { error, code, details } = refusal(() => checkUses(list, [use('base'), use('nope')]))
  assert.equal(
    error,
    'Capability nope does not exist. GET /v1/capabilities lists all capabilities.',
  )
  assert.equal(code, 'capability_unknown')
  assert.deepEqual(details, [
    { path: 'capabilities/1/ref', message: 'is not the id of a capability' },
  ])
})

test('refuses a repeated and an unavailable capability', () => {
  const repeated = refusal(() => checkUses(list, [use('base'), use('base')]))
  assert.deepEqual(repeated.details, [{ path: 'capabilities/1/ref', message: 'repeats base' }])
  const soon = refusal(() => checkUses(list, [use('soon')], 'session/capabilities'))
  assert.deepEqual(soon.details, [
    { path: 'session/capabilities/0/ref', message: 'is soon, which is coming soon' },
  ])
})

test('refuses an invalid config with the path of the field', () => {
  const cases: [unknown, string, RegExp][] = [
    [{ timezone: 'Mars/Olympus' }, 'capabilities/0/config/timezone', /must be a time zone such as/],
    [{ timezone: 5 }, 'capabilities/0/config/timezone', /must be a time zone such as/],
    [{ timezon: 'UTC' }, 'capabilities/0/config', /does not take timezon/],
    ['UTC', 'capabilities/0/config', /object/],
    [[], 'capabilities/0/config', /object/],
  ]
  for (const [config, path, message] of cases) {
    const { code, details } = refusal(() => checkUses(builtins, [use('current_time', config)]))
    assert.equal(code, 'invalid_request')
    assert.equal(details?.length, 1)
    assert.equal(details[0]?.path, path)
    assert.match(details[0]?.message ?? '', message)
  }
})

test('no config, null and an empty config are equal', () => {
  for (const config of [undefined, null, {}]) checkUses(builtins, [use('current_time', config)])
})

test('refuses tools of the same name from two capabilities, but not from one used twice', () => {
  const { code, error } = refusal(() => checkTogether([use('voice')], [use('loud')]))
  assert.equal(code, 'invalid_request')
  assert.match(error, /voice and loud both have a tool speak/)
  checkTogether([use('voice')], [use('voice', { tone: 'low' }), use('silent')])
})

test('validates the combined config of agent and session', () => {
  const number = Type.Optional(Type.Number())
  const strict = defineCapability({
    id: 'strict',
    name: 'strict',
    status: 'available',
    ...about,
    config: Type.Object({ a: number, b: number }, { maxProperties: 1 }),
    sessionRules: { a: 'session', b: 'session' },
  })
  checkTogether([use('strict', { a: 1 })], [use('strict', { a: 2 })], [strict])
  const both = () => checkTogether([use('strict', { a: 1 })], [use('strict', { b: 2 })], [strict])
  assert.equal(refusal(both).details?.[0]?.path, 'capabilities/0/config')
})

test('without text of a capability the prompt is the agent’s own', () => {
  const { prompt, tools } = put([use('silent')])
  assert.equal(prompt, 'Be kind.')
  assert.deepEqual([...tools.keys()], ['one'])
})

test('texts are in order, each in its element, with the agent’s prompt last', () => {
  assert.equal(
    put([use('top')]).prompt,
    [
      '<capability id="base">\nbase\n</capability>',
      '<capability id="middle">\nmiddle\n</capability>',
      '<capability id="top">\ntop\n</capability>',
      '<system-prompt>\nBe kind.\n</system-prompt>',
    ].join('\n\n'),
  )
})

test('orders the agent’s capabilities before the session’s, dependencies first, each once', () => {
  assert.deepEqual(idsIn(put([use('voice'), use('base')], [use('top'), use('voice')]).prompt), [
    'voice',
    'base',
    'middle',
    'top',
  ])
})

test('resolves circular dependencies', () => {
  assert.deepEqual(idsIn(put([use('ring_a')]).prompt), ['ring_b', 'ring_a'])
})

test('leaves out missing and unavailable capabilities with their dependencies', () => {
  assert.equal(put([use('gone'), use('soon')]).prompt, 'Be kind.')
})

test('merges the session’s config over the agent’s, in the agent’s order', () => {
  const agent = [use('voice', { tone: 'low', length: 1 }), use('base')]
  const { prompt, tools } = put(agent, [use('voice', { tone: 'high' })])
  assert.match(prompt, /^<capability id="voice">\ntone high, length 1\n/)
  assert.equal(tools.get('speak')?.description, 'Speaks high.')
})

test('leaves out a capability whose config a later version refuses', () => {
  const { prompt, tools, left } = put([use('voice', { tone: 5 }), use('silent')])
  assert.deepEqual([prompt, [...tools.keys()]], ['Be kind.', ['one']])
  assert.match(left[0]!.error!, /config of the agent for voice is invalid \(tone must be a string/)
})

test('keeps the first of several tools with one name', () => {
  const { tools } = put([use('voice'), use('loud')])
  assert.deepEqual([...tools.keys()], ['speak', 'shout'])
  assert.equal(tools.get('speak')?.description, 'Speaks plainly.')
})

test('applies at most a hundred capabilities', () => {
  const many = Array.from({ length: 120 }, (_, n) => capability(`c${n}`, { prompt: () => 'x' }))
  const uses = many.map(({ id }) => use(id))
  const { prompt } = assemble(many, { agentPrompt: '', agentUses: uses, sessionUses: [] })
  assert.equal(idsIn(prompt).length, 100)
})
