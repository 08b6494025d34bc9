import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent, CapabilityInfo } from '@outlast/sdk'
import { isAgentFound, isCapabilityFound } from './found.ts'

const agent = { id: 'agent_1', name: 'Porter', description: 'At the Door', tags: ['House'] }
const capability = {
  ...{ id: 'test_weather', name: 'Test Weather', description: 'Invented.' },
  tool_definitions: [{ name: 'get_forecast' }],
}

for (const [search, found] of [
  ['', true],
  ['port', true],
  ['door', true],
  ['house', true],
  ['agent_1', true],
  ['agent', false],
  ['nothing', false],
] as const) {
  test(`a search for "${search}" finds ${found ? 'the' : 'no'} agent`, () => {
    assert.equal(isAgentFound(agent as Agent, search), found)
  })
}

test('finds a capability by name, description and tools', () => {
  const found = (search: string) => isCapabilityFound(capability as CapabilityInfo, search)
  assert.deepEqual(['weather', 'invented', 'forecast', 'nothing'].map(found), [
    ...[true, true, true, false],
  ])
})
