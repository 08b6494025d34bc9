import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataOf } from '../../apps/server/test/session.ts'
import { reach, startAimock } from './aimock.ts'
import { sayings } from './suite.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'

const server = serverOfFile()
const mock = startAimock()

for (const type of ['openai', 'openai_completions', 'anthropic', 'google'] as const) {
  test(`the deltas of arguments make the arguments of each call with ${type}`, async () => {
    const model = await addModel(server(), type, reach(mock, type)())
    const { events } = await (await talkTo(server(), model)).say(sayings.sums)
    const inputs = new Map<string, string>()
    for (const { type, data } of events) {
      if (type !== 'tool.input.delta') continue
      const key = `${data.tool_call_id} ${data.name}`
      inputs.set(key, (inputs.get(key) ?? '') + data.delta)
    }
    const { content } = dataOf(events, 'output.message.completed').message
    const calls = content.flatMap((part) => (part.type === 'tool_call' ? [part] : []))
    assert.equal(calls.length, 2)
    assert.equal(inputs.size, 2)
    for (const { id, name, arguments: given } of calls) {
      assert.deepEqual(JSON.parse(inputs.get(`${id} ${name}`)!), given)
    }
  })
}
