import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '@outlast/sdk'
import * as drafts from './draft.ts'

const agent = {
  ...{ id: 'agent_1', name: 'Porter', system_prompt: 'Open.', tags: ['a'] },
  capabilities: [{ ref: 'everything', config: { key: '********', words: ['a'] } }],
  tools: [{ type: 'client_side', name: 'look_outside' }],
  default_model_id: null,
  display_name: 'The porter',
  initial_files: [{ path: '/keys.md', content: 'Gold.' }],
  max_iterations: 3,
  parallel_tool_calls: false,
  network_access: { allowed: ['example.com'], blocked: ['*.example.com'] },
} as unknown as Agent
const draft = drafts.agentDraft(agent)

test('saving an unchanged agent sends the same values', () => {
  assert.deepEqual(drafts.agentBody(draft), {
    ...{ name: 'Porter', system_prompt: 'Open.', tags: ['a'] },
    ...{ capabilities: agent.capabilities, tools: agent.tools, display_name: 'The porter' },
    ...{ initial_files: agent.initial_files, max_iterations: 3, parallel_tool_calls: false },
    network_access: agent.network_access,
  })
})

test('omits empty fields', () => {
  const body = { name: '', system_prompt: '', tags: [], capabilities: [] }
  assert.deepEqual(drafts.agentBody(drafts.agentDraft(undefined)), body)
})

test('refuses to send tools that are not valid JSON', () => {
  assert.equal(drafts.jsonProblem(' '), undefined)
  assert.equal(drafts.jsonProblem('[]'), undefined)
  assert.ok(drafts.jsonProblem('[{'))
  assert.throws(() => drafts.agentBody({ ...draft, tools: '[{' }), /not valid JSON/)
})

test('a preview omits secrets and an empty name', () => {
  const { name, capabilities } = drafts.previewBodyOf({ ...draft, name: '' })
  assert.equal(name, undefined)
  assert.deepEqual(capabilities, [{ ref: 'everything', config: { words: ['a'] } }])
})

test('merges two versions by the chosen fields', () => {
  const theirs = { ...draft, name: 'Guard', prompt: 'Close.' }
  const chosen = drafts.chosenOf(draft, theirs, (field) => field === 'prompt')
  assert.deepEqual(chosen, { ...draft, name: 'Guard' })
})

for (const [name, file] of [
  ['Porter', 'porter.md'],
  ['The  Porter (2)!', 'the-porter-2.md'],
  ['…', 'agent.md'],
] as const) {
  test(`exports "${name}" as ${file}`, () => assert.equal(drafts.fileNameOf(name, 'md'), file))
}
