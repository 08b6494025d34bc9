import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '@outlast/sdk'
import * as drafts from './draft.ts'

const agent = {
  ...{ id: 'agent_1', name: 'Porter', system_prompt: 'Open.', tags: ['a'] },
  capabilities: [{ ref: 'everything', config: { key: '********', words: ['a'] } }],
  tools: [{ type: 'client_side', name: 'look_outside' }],
  default_model_id: null,
} as unknown as Agent
const draft = drafts.agentDraft(agent)

test('an agent that is saved as it was read stays what it was', () => {
  assert.deepEqual(drafts.agentBody(draft), {
    ...{ name: 'Porter', system_prompt: 'Open.', tags: ['a'] },
    ...{ capabilities: agent.capabilities, tools: agent.tools },
  })
})

test('what is empty is not sent', () => {
  const body = { name: '', system_prompt: '', tags: [], capabilities: [] }
  assert.deepEqual(drafts.agentBody(drafts.agentDraft(undefined)), body)
})

test('tools that are no JSON are not sent', () => {
  assert.equal(drafts.jsonProblem(' '), undefined)
  assert.equal(drafts.jsonProblem('[]'), undefined)
  assert.ok(drafts.jsonProblem('[{'))
  assert.throws(() => drafts.agentBody({ ...draft, tools: '[{' }), /no JSON/)
})

test('a preview has no secrets, and no name that is empty', () => {
  const { name, capabilities } = drafts.previewBodyOf({ ...draft, name: '' })
  assert.equal(name, undefined)
  assert.deepEqual(capabilities, [{ ref: 'everything', config: { words: ['a'] } }])
})

test('of two sides each field is the one that was chosen', () => {
  const theirs = { ...draft, name: 'Guard', prompt: 'Close.' }
  const chosen = drafts.chosenOf(draft, theirs, (field) => field === 'prompt')
  assert.deepEqual(chosen, { ...draft, name: 'Guard' })
})

for (const [name, file] of [
  ['Porter', 'porter.md'],
  ['The  Porter (2)!', 'the-porter-2.md'],
  ['…', 'agent.md'],
] as const) {
  test(`the file of "${name}" is ${file}`, () => assert.equal(drafts.fileNameOf(name, 'md'), file))
}
