import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { type Capability, defineCapability, defineTool, type Tool } from '../capability.ts'
import { builtins } from '../index.ts'
import { hashCatalog } from './catalog-hash.ts'

const greet = (fields: Partial<Tool> = {}): Tool => ({
  ...defineTool({
    name: 'greet',
    description: 'Greets.',
    replay: 'safe',
    input: Type.Object({ name: Type.String(), loud: Type.Optional(Type.Boolean()) }),
    run: ({ name }) => `Hello ${name}`,
  }),
  ...fields,
})

const greeting = (fields: Partial<Capability> = {}): Capability => ({
  ...defineCapability({
    id: 'greeting',
    name: 'Greeting',
    description: 'Greets people.',
    category: 'Testing',
    icon: 'hand',
    status: 'available',
    config: Type.Object({ times: Type.Optional(Type.Integer()) }),
    sessionRules: { times: 'smaller' },
    prompt: () => 'Greet everyone.',
    tools: () => [greet()],
  }),
  ...fields,
})

const withTool = (fields: Partial<Tool>) => greeting({ tools: () => [greet(fields)] })

test('equal catalogues have one hash, in any order and with other code behind their tools', () => {
  const hash = hashCatalog([...builtins, greeting()])
  assert.match(hash, /^[0-9a-f]{16}$/)
  assert.equal(hashCatalog([greeting(), ...builtins.toReversed()]), hash)
  assert.equal(hashCatalog([...builtins, withTool({ run: () => 'Good morning' })]), hash)
  const keys = Object.entries(greet()).reverse()
  assert.equal(hashCatalog([...builtins, withTool(Object.fromEntries(keys))]), hash)
})

test('each part that models or calls depend on changes the hash', () => {
  const input = Type.Object({ name: Type.String({ maxLength: 9 }) })
  const changed = [
    [],
    [greeting({ id: 'welcome' })],
    [greeting({ name: 'Welcome' })],
    [greeting({ description: 'Welcomes people.' })],
    [greeting({ status: 'deprecated' })],
    [greeting({ dependencies: ['noop'] })],
    [greeting({ config: Type.Object({}) })],
    [greeting({ prompt: () => 'Greet nobody.' })],
    [greeting({ prompt: () => undefined })],
    [greeting({ tools: () => [] })],
    [greeting({ tools: () => [greet(), greet({ name: 'wave' })] })],
    [withTool({ name: 'wave' })],
    [withTool({ description: 'Waves.' })],
    [withTool({ input })],
    [withTool({ policy: 'requires_approval' })],
    [withTool({ replay: 'unsafe' })],
    [withTool({ limits: { timeoutMs: 5 } })],
    [withTool({ output: { schema: Type.Object({}), parse: async (value) => ({ value }) } })],
  ]
  const hashes = [[greeting()], ...changed].map(hashCatalog)
  assert.equal(new Set(hashes).size, hashes.length)
})
