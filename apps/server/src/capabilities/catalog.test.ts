import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CapabilityInfo, type CapabilityUse } from '@outlast/contract'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { ApiError } from '../errors.ts'
import { type Capability, defineCapability, defineTool } from './capability.ts'
import {
  assemble,
  checkCombination,
  checkToolInput,
  checkUses,
  describeCapability,
} from './catalog.ts'
import { builtins } from './index.ts'

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

test('the built-in capabilities, those of demos and tests last', () => {
  assert.deepEqual(
    builtins.map(({ id }) => id),
    [
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

test('every built-in capability is described as the contract says, and takes an empty config', () => {
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

test('what a capability does not have is left out of its description', () => {
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

test('an unknown capability is refused by name', () => {
  assert.deepEqual(
    refusal(() => checkUses(list, [use('base'), use('nope')])),
    {
      error: 'There is no capability nope.',
      code: 'capability_unknown',
      details: [{ path: 'capabilities/1/ref', message: 'names a capability that does not exist' }],
    },
  )
})

test('a repeated capability and one that is not ready are refused', () => {
  const repeated = refusal(() => checkUses(list, [use('base'), use('base')]))
  assert.deepEqual(repeated.details, [{ path: 'capabilities/1/ref', message: 'repeats base' }])
  const soon = refusal(() => checkUses(list, [use('soon')], 'session/capabilities'))
  assert.deepEqual(soon.details, [
    { path: 'session/capabilities/0/ref', message: 'names soon, which is coming soon' },
  ])
})

test('a config that does not fit is refused where it does not', () => {
  const cases: [unknown, string, RegExp][] = [
    [{ timezone: 'Mars/Olympus' }, 'capabilities/0/config/timezone', /not a known time zone/],
    [{ timezone: 5 }, 'capabilities/0/config/timezone', /string/],
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

test('no config, null and an empty one mean the same', () => {
  for (const config of [undefined, null, {}]) checkUses(builtins, [use('current_time', config)])
})

test('tools of one name from two capabilities are refused, from one capability used twice not', () => {
  const { code, error } = refusal(() => checkTogether([use('voice')], [use('loud')]))
  assert.equal(code, 'invalid_request')
  assert.match(error, /voice and loud both bring a tool speak/)
  checkTogether([use('voice')], [use('voice', { tone: 'low' }), use('silent')])
})

test('the config of agent and session is checked as it is merged', () => {
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

test('without text from a capability the prompt is the agent’s own', () => {
  const { prompt, tools } = put([use('silent')])
  assert.equal(prompt, 'Be kind.')
  assert.deepEqual([...tools.keys()], ['one'])
})

test('texts stand in order, each in its element, the agent’s prompt last', () => {
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

test('agent first, then session, dependencies before, each once', () => {
  assert.deepEqual(idsIn(put([use('voice'), use('base')], [use('top'), use('voice')]).prompt), [
    'voice',
    'base',
    'middle',
    'top',
  ])
})

test('dependencies in a circle come to an end', () => {
  assert.deepEqual(idsIn(put([use('ring_a')]).prompt), ['ring_b', 'ring_a'])
})

test('what is gone or not available is left out, with what it would bring', () => {
  assert.equal(put([use('gone'), use('soon')]).prompt, 'Be kind.')
})

test('the session’s config lies over the agent’s, at the agent’s place', () => {
  const agent = [use('voice', { tone: 'low', length: 1 }), use('base')]
  const { prompt, tools } = put(agent, [use('voice', { tone: 'high' })])
  assert.match(prompt, /^<capability id="voice">\ntone high, length 1\n/)
  assert.equal(tools.get('speak')?.description, 'Speaks high.')
})

test('leaves out a capability whose config a later version no longer takes', () => {
  const { prompt, tools, left } = put([use('voice', { tone: 5 }), use('silent')])
  assert.deepEqual([prompt, [...tools.keys()]], ['Be kind.', ['one']])
  assert.match(left[0]!.error!, /config of the agent for voice is not valid \(tone must be string/)
})

test('of tools with one name the first stays', () => {
  const { tools } = put([use('voice'), use('loud')])
  assert.deepEqual([...tools.keys()], ['speak', 'shout'])
  assert.equal(tools.get('speak')?.description, 'Speaks plainly.')
})

test('at most a hundred capabilities apply', () => {
  const many = Array.from({ length: 120 }, (_, n) => capability(`c${n}`, { prompt: () => 'x' }))
  const uses = many.map(({ id }) => use(id))
  const { prompt } = assemble(many, { agentPrompt: '', agentUses: uses, sessionUses: [] })
  assert.equal(idsIn(prompt).length, 100)
})

test('arguments that do not fit are explained in one sentence', () => {
  const agent = { agentPrompt: '', agentUses: [{ ref: 'test_math' }], sessionUses: [] }
  const multiply = assemble(builtins, agent).tools.get('multiply')!
  assert.equal(checkToolInput(multiply, { a: 1, b: 2 }), undefined)
  const cases: [unknown, string][] = [
    [{}, 'the input needs a, b'],
    [{ a: '1', b: 2 }, 'a must be number'],
    [{ a: 1, b: 2, c: 3 }, 'the input does not take c'],
    [null, 'the input must be object'],
  ]
  for (const [input, problem] of cases) {
    assert.equal(checkToolInput(multiply, input), `Invalid arguments for multiply: ${problem}.`)
  }
})
