import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { createTestDatabase } from '../../../test/database.ts'
import { ownTools, testCapability, testTool } from '../../../test/processes/own-code.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'
import { builtins } from '../../capabilities/index.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/** Starts nodes of different code on one database: the prompt and the tools of a capability. */
async function nodes(t: TestContext) {
  const databaseUrl = await createTestDatabase(t)
  return (prompt: string, tools: Record<string, string>) =>
    startServer(t, {
      databaseUrl,
      capabilities: [
        ...builtins,
        testCapability(
          Object.entries(tools).map(([name, description]) =>
            testTool({ name, description, policy: 'requires_approval' }),
          ),
          { prompt: () => prompt },
        ),
      ],
      env: { LOG_LEVEL: 'silent', SHUTDOWN_GRACE_MS: '0' },
    })
}

const useA = scripted({ tool_calls: [{ name: 'a', arguments: {} }] }, { text: 'done' })

async function parkedSession(server: Server, fields: object = {}) {
  const agent = await createAgent(server, { capabilities: ownTools, ...fields })
  const session = await createSession(server, { agent_id: agent.id })
  await post(server, session.id, useA)
  return { agent, session, callId: await untilWaiting(server, session.id) }
}

const untilWaiting = (server: Server, sessionId: string): Promise<string> =>
  eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${sessionId}`)
    return body.waiting_for?.tool_call_ids[0]
  })

async function approve(t: TestContext, server: Server, sessionId: string, callId: string) {
  const stream = await follow(t, server.url, { sessionId })
  const path = `/v1/sessions/${sessionId}/approvals/${callId}`
  assert.equal((await server.call('POST', path, { decision: 'approve' })).status, 200)
  await stream.event('session.idled')
  stream.close()
}

/** The prompt and the tools of each model call, as the model received them. */
async function received(server: Server, sessionId: string) {
  const events = await eventsOf(server, sessionId, '?types=llm.generation&expand=messages')
  return events.map(({ data }) => {
    const { messages, tools } = data as Event<'llm.generation'>['data']
    const [system] = messages
    assert.equal(system!.role, 'system')
    return {
      prompt: JSON.stringify(system!.content),
      tools: tools!.map(({ name, description }) => `${name}: ${description}`).sort(),
    }
  })
}

test('a turn keeps its prompt and its tools on a node with other code, until the next turn', async (t) => {
  const start = await nodes(t)
  const before = await start('Old rules.', { a: 'old a', b: 'old b' })
  const { session, callId } = await parkedSession(before)
  const after = await start('New rules.', { a: 'new a', c: 'new c' })
  await before.stop()
  await approve(t, after, session.id, callId)
  await converse(t, after, session.id, scripted({ text: 'next' }))
  const [first, second, third] = await received(after, session.id)
  assert.match(first!.prompt, /Old rules/)
  assert.deepEqual(first!.tools, ['a: old a', 'b: old b'])
  assert.equal(second!.prompt, first!.prompt)
  assert.deepEqual(second!.tools, ['a: new a'])
  assert.match(third!.prompt, /New rules/)
  assert.deepEqual(third!.tools, ['a: new a', 'c: new c'])
})

test('an edit of the agent during a turn takes effect at the next turn', async (t) => {
  const start = await nodes(t)
  const server = await start('Rules.', { a: 'a' })
  const { agent, session, callId } = await parkedSession(server, { system_prompt: 'You are Ada.' })
  const edit = {
    system_prompt: 'You are Grace.',
    capabilities: [...ownTools, { ref: 'test_math' }],
  }
  assert.equal((await server.call('PATCH', `/v1/agents/${agent.id}`, edit)).status, 200)
  await approve(t, server, session.id, callId)
  await converse(t, server, session.id, scripted({ text: 'next' }))
  const [first, second, third] = await received(server, session.id)
  assert.match(first!.prompt, /You are Ada/)
  assert.deepEqual(second, first)
  assert.match(third!.prompt, /You are Grace/)
  assert.equal(third!.tools.length, 5)
})

test('a call of a tool that was removed during the turn fails, and the model reads why', async (t) => {
  const start = await nodes(t)
  const before = await start('Rules.', { a: 'a', b: 'b' })
  const agent = await createAgent(before, { capabilities: ownTools })
  const session = await createSession(before, { agent_id: agent.id })
  const calls = ['a', 'b'].map((name) => ({ tool_calls: [{ name, arguments: {} }] }))
  await post(before, session.id, scripted(...calls, { text: 'done' }))
  const callId = await untilWaiting(before, session.id)
  const after = await start('Rules.', { a: 'a' })
  await before.stop()
  await approve(t, after, session.id, callId)
  const { error, error_code } = dataOf(await eventsOf(after, session.id), 'tool.completed', 2)
  assert.deepEqual([error, error_code], ['The tool b no longer exists.', 'tool_missing'])
})

test('the start of a turn has the hashes of its prompt and tools', async (t) => {
  const start = await nodes(t)
  const server = await start('Rules.', { a: 'a' })
  const { session, callId } = await parkedSession(server)
  await approve(t, server, session.id, callId)
  const { prompt_hash, tools_hash } = dataOf(await eventsOf(server, session.id), 'turn.started')
  const [first] = await received(server, session.id)
  const [{ text }] = JSON.parse(first!.prompt)
  assert.equal(prompt_hash, createHash('sha256').update(text).digest('hex'))
  assert.match(tools_hash!, /^[0-9a-f]{64}$/)
})
