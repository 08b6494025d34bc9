import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { dataOf } from '../../apps/server/test/session.ts'
import { reach, startAimock } from './aimock.ts'
import { sayings } from './suite.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'

const server = serverOfFile()
const mock = startAimock()

function inputsOf(events: Event[]): Map<string, string> {
  const inputs = new Map<string, string>()
  for (const { type, data } of events) {
    if (type !== 'tool.input.delta') continue
    const key = `${data.tool_call_id} ${data.name}`
    inputs.set(key, (inputs.get(key) ?? '') + data.delta)
  }
  return inputs
}

for (const type of ['openai', 'openai_completions', 'anthropic', 'google'] as const) {
  test(`the deltas of arguments make the arguments of each call with ${type}`, async () => {
    const model = await addModel(server(), type, reach(mock, type)())
    let events: Event[] = []
    let inputs = new Map<string, string>()
    // A reply that ends before the stream has read its start has no deltas.
    for (let tries = 0; tries < 20 && inputs.size === 0; tries += 1) {
      events = (await (await talkTo(server(), model)).say(sayings.sums)).events
      inputs = inputsOf(events)
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
