import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import {
  ownTools,
  testCapability,
  testTool,
  withCallHook,
} from '../../../test/processes/own-code.ts'
import { captureLog, type ServerOptions, startServer } from '../../../test/server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../../test/session.ts'
import type { CallHook } from '../../authoring/config.ts'
import { builtins } from '../../capabilities/index.ts'

/** A value that JSON cannot represent. */
function cycle(): object {
  const value: { id: bigint; self?: object } = { id: 10n }
  value.self = value
  return value
}

/** Events of a turn that calls a tool of the server once. */
async function callTool(t: TestContext, run: () => unknown, options: ServerOptions = {}) {
  const capabilities = [...builtins, testCapability([testTool({ name: 'pay', run })])]
  const server = await startServer(t, { capabilities, env: { LOG_LEVEL: 'error' }, ...options })
  const agent = await createAgent(server, { capabilities: ownTools })
  const session = await createSession(server, { agent_id: agent.id })
  const steps = scripted({ tool_calls: [{ name: 'pay', arguments: {} }] }, { text: 'done' })
  return converse(t, server, session.id, steps)
}

test('a call hook that throws a value without a form in JSON denies the call', async (t) => {
  const log = captureLog(t)
  const hook: CallHook = () => {
    throw cycle()
  }
  const events = await callTool(t, () => 'paid', { project: withCallHook(hook) })
  assert.match(dataOf(events, 'tool.completed').error!, /^The call was denied: The server could/)
  assert.equal(events.at(-2)!.type, 'turn.completed')
  assert.equal(log.filter((line) => /hooks\.call failed.*id: 10n/.test(line)).length, 1)
})

test('a tool that throws a value without a form in JSON fails its call', async (t) => {
  const log = captureLog(t)
  const events = await callTool(t, () => {
    throw cycle()
  })
  const { error } = dataOf(events, 'tool.completed')
  assert.equal(error, 'An internal error occurred while executing the tool')
  assert.equal(events.at(-2)!.type, 'turn.completed')
  assert.equal(log.filter((line) => /tool failed.*id: 10n/.test(line)).length, 1)
})

test('a value that even `instanceof` cannot read breaks the attempt, and the turn ends', async (t) => {
  captureLog(t)
  const events = await callTool(t, () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    throw proxy
  })
  assert.equal(dataOf(events, 'tool.completed').success, false)
  assert.equal(events.at(-2)!.type, 'turn.completed')
})
