/** Conversations of Chat Completions that are too long to compare. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../../test/access.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent } from '../../../../test/session.ts'

test('a history of which a session has more than is compared begins a session', async (t) => {
  const server = await startServer(t)
  const { id: model } = await createAgent(server)
  const send = async (...messages: object[]) => {
    const body = { model, messages }
    expectStatus(await server.call('POST', '/openai/v1/chat/completions', body), 200)
    return expectStatus(await server.call('GET', '/v1/sessions'), 200).total as number
  }
  const asked = { role: 'user', content: 'one' }
  const callsOf = (count: number, of: string) => {
    const ids = Array.from({ length: count }, (_, at) => `${of}_${at}`)
    const looked = { name: 'look', arguments: '{}' }
    const tool_calls = ids.map((id) => ({ id, type: 'function', function: looked }))
    const results = ids.map((tool_call_id) => ({ role: 'tool', tool_call_id, content: 'seen' }))
    return { tool_calls, results }
  }
  // Two messages, and 1,009 calls with their outputs.
  const [first, more] = [callsOf(999, 'first'), callsOf(10, 'more')]
  const replied = { role: 'assistant', content: 'done' }
  const called = [
    { ...replied, tool_calls: first.tool_calls },
    ...first.results,
    { role: 'assistant', tool_calls: more.tool_calls },
    ...more.results,
  ]
  const rest = [
    { role: 'user', content: 'two' },
    { role: 'assistant', content: 'three' },
    { role: 'user', content: 'four' },
  ]
  assert.equal(await send(asked, ...called, ...rest), 1)
  // The session goes on after the part that this history has in common with it.
  assert.equal(await send(asked, replied, { role: 'user', content: 'other' }), 2)
})
