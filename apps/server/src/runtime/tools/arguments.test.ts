import assert from 'node:assert/strict'
import test from 'node:test'
import { assemble } from '../../capabilities/catalog/catalog.ts'
import { builtins } from '../../capabilities/index.ts'
import { checkArguments } from './arguments.ts'

test('explains invalid arguments in one sentence', () => {
  const agent = { agentPrompt: '', agentUses: [{ ref: 'test_math' }], sessionUses: [] }
  const multiply = assemble(builtins, agent).tools.get('multiply')!
  const { signal } = new AbortController()
  const check = (input: Record<string, unknown>) =>
    checkArguments(multiply, { id: 'call_1', name: 'multiply', arguments: input }, { signal })
  const given = { a: 1, b: 2 }
  const checked = check(given) as { input: Record<string, unknown> }
  assert.deepEqual(checked, { input: { a: 1, b: 2 } })
  checked.input.a = 3
  assert.equal(given.a, 1, 'a tool that changes its arguments changes no call')
  const cases: [Record<string, unknown>, string][] = [
    [{}, 'the input needs a, b, such as {"a":0,"b":0}'],
    [{ a: '1', b: 2 }, 'a must be a number'],
    [{ a: 1, b: 2, c: 3 }, 'the input does not take c'],
  ]
  for (const [input, problem] of cases) {
    assert.deepEqual(check(input), { error: `Invalid arguments for multiply: ${problem}.` })
  }
})
