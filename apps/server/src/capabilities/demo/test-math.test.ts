import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { sessionWith, useTools } from '../../../test/tool-session.ts'
import { type ToolContext, ToolError } from '../capability.ts'
import { testMath } from './test-math.ts'

function run(name: string, a: number, b: number) {
  const tool = testMath.tools({}).find((tool) => tool.name === name)!
  return JSON.stringify(tool.run({ a, b }, {} as ToolContext))
}

test('calculates, with fields in alphabetical order and numbers as JavaScript prints them', () => {
  assert.equal(run('add', 2, 3), '{"a":2,"b":3,"operation":"add","result":5}')
  assert.equal(run('subtract', 2, 3.5), '{"a":2,"b":3.5,"operation":"subtract","result":-1.5}')
  assert.equal(run('multiply', 12.5, 8), '{"a":12.5,"b":8,"operation":"multiply","result":100}')
  assert.equal(run('divide', 1, 4), '{"a":1,"b":4,"operation":"divide","result":0.25}')
})

test('division by zero and overflow are errors for the model', () => {
  assert.throws(() => run('divide', 1, 0), new ToolError('Cannot divide by zero'))
  assert.throws(() => run('divide', 1, -0), ToolError)
  assert.throws(() => run('multiply', 1e308, 1e308), new ToolError('The result is too large'))
})

test('precision rounds results only', async (t) => {
  const server = await startServer(t)
  const session = await sessionWith(server, 'test_math', { precision: 2 })
  const answers = await useTools(
    t,
    server,
    session.id,
    ['add', { a: 0.1, b: 0.2 }],
    ['subtract', { a: 1, b: 0.125 }],
    ['multiply', { a: 1e200, b: 1e100 }],
    ['divide', { a: 2, b: 3 }],
    ['divide', { a: 2, b: 0 }],
  )
  assert.deepEqual(
    answers.map((answer) => answer.result ?? answer),
    [0.3, 0.88, 1e300, 0.67, 'Cannot divide by zero'],
  )
  assert.equal(answers[1].b, 0.125)
})
