import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { Type } from 'typebox'
import { createTestDatabase } from '../../../test/database.ts'
import {
  ownTools,
  testCapability,
  testTool,
  withCallHook,
} from '../../../test/processes/own-code.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'
import { emptyProject, type Project } from '../../authoring/project.ts'
import type { Tool, ToolContext } from '../../capabilities/capability.ts'
import { builtins } from '../../capabilities/index.ts'
import { textHash } from '../../store/stored-texts.ts'

/** The code of a node: its tools, the prompt of their capability, and a project. */
type Code = { tools: Tool[]; prompt?: string; project?: Project }

/** Starts nodes of different code on one database. */
async function nodes(t: TestContext) {
  const databaseUrl = await createTestDatabase(t)
  return ({ tools, prompt, project = emptyProject }: Code, env: Record<string, string> = {}) =>
    startServer(t, {
      databaseUrl,
      project,
      capabilities: [...builtins, testCapability(tools, { prompt: () => prompt })],
      env: { LOG_LEVEL: 'silent', SHUTDOWN_GRACE_MS: '0', ...env },
    })
}

type Server = Awaited<ReturnType<typeof startServer>>

const sum = Type.Object({ sum: Type.Number() })
const amount = Type.Object({ amount: Type.Number() })

const callTo = (name: string, input: object = { sum: 10 }) =>
  scripted({ tool_calls: [{ name, arguments: input }] }, { text: 'done' })

/** Posts a message, and returns the id of the call that the turn waits for. */
async function parked(server: Server, sessionId: string, message: string): Promise<string> {
  assert.equal((await post(server, sessionId, message)).status, 201)
  return untilWaiting(server, sessionId)
}

const untilWaiting = (server: Server, sessionId: string): Promise<string> =>
  eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${sessionId}`)
    return body.waiting_for?.tool_call_ids[0]
  })

async function approve(server: Server, sessionId: string, callId: string, fields: object = {}) {
  const path = `/v1/sessions/${sessionId}/approvals/${callId}`
  const { status, body } = await server.call('POST', path, { decision: 'approve', ...fields })
  assert.equal(status, 200, JSON.stringify(body))
}

/** Waits until the session is idle; returns its log. */
async function untilIdle(t: TestContext, server: Server, sessionId: string): Promise<Event[]> {
  const stream = await follow(t, server.url, { sessionId })
  await stream.event('session.idled')
  stream.close()
  return eventsOf(server, sessionId)
}

async function sessionFor(server: Server, fields: object = {}) {
  const agent = await createAgent(server, { capabilities: ownTools, ...fields })
  return { agent, session: await createSession(server, { agent_id: agent.id }) }
}

const asking = { capabilities: [{ ref: 'own', config: { requires_approval: true } }] }

const outcomeOf = (events: Event[]) => {
  const { success, error, error_code: code, result } = dataOf(events, 'tool.completed')
  return { success, error, code, result }
}

const changedSentence =
  'The tool pay has changed since this call was made. Invalid arguments for pay: the input needs amount, such as {"amount":0}.'
const missingSentence = 'The tool pay no longer exists.'

const versions: { name: string; tools: Tool[]; error?: string; code?: string }[] = [
  {
    name: 'whose schema has changed fails',
    tools: [testTool({ name: 'pay', input: amount })],
    error: changedSentence,
    code: 'tool_changed',
  },
  {
    name: 'whose tool is gone fails',
    tools: [testTool({ name: 'other' })],
    error: missingSentence,
    code: 'tool_missing',
  },
  {
    name: 'that still fits runs with the new code',
    tools: [testTool({ name: 'pay', input: sum, run: () => 'new' })],
  },
  {
    name: 'whose tool now requires approval runs, because a person has approved it',
    tools: [testTool({ name: 'pay', input: sum, policy: 'requires_approval', run: () => 'new' })],
  },
]

for (const { name, tools, error, code } of versions) {
  test(`an approved call ${name} after a deploy`, async (t) => {
    const start = await nodes(t)
    const before = await start({ tools: [testTool({ name: 'pay', input: sum })] })
    const { session } = await sessionFor(before, asking)
    const callId = await parked(before, session.id, callTo('pay'))
    const after = await start({ tools })
    await before.stop()
    await approve(after, session.id, callId)
    const outcome = outcomeOf(await untilIdle(t, after, session.id))
    if (error)
      return assert.deepEqual(
        { ...outcome, result: '' },
        { success: false, error, code, result: '' },
      )
    assert.deepEqual(outcome.result, [{ type: 'text', text: '"new"' }])
  })
}

/** Runs `name` on a node until it is stopped during the call; the call is handed over. */
async function interrupted(t: TestContext, tool: Partial<Tool>, next: Code) {
  const start = await nodes(t)
  const began = Promise.withResolvers<string>()
  const before = await start({
    tools: [
      testTool({
        name: 'pay',
        input: sum,
        replay: 'safe',
        run(_: unknown, { signal, idempotencyKey }: ToolContext) {
          began.resolve(idempotencyKey)
          return new Promise((_, reject) => signal.addEventListener('abort', reject))
        },
        ...tool,
      } as never),
    ],
  })
  const { session } = await sessionFor(before)
  await post(before, session.id, callTo('pay'))
  const key = await began.promise
  await before.stop()
  return { after: await start(next), session, key }
}

const interruption = 'The call was interrupted. It is unknown whether it had an effect.'

for (const { name, tools, error, code } of versions.slice(0, 3)) {
  test(`an interrupted call that can be repeated, ${name} after a deploy`, async (t) => {
    const { after, session } = await interrupted(t, {}, { tools })
    const outcome = outcomeOf(await untilIdle(t, after, session.id))
    if (error) assert.deepEqual([outcome.error, outcome.code], [`${interruption} ${error}`, code])
    else assert.deepEqual(outcome.result, [{ type: 'text', text: '"new"' }])
  })
}

test('an interrupted call that cannot be repeated fails in the same way under changed code', async (t) => {
  const { after, session } = await interrupted(
    t,
    { replay: 'unsafe' },
    { tools: versions[0]!.tools },
  )
  const outcome = outcomeOf(await untilIdle(t, after, session.id))
  assert.deepEqual([outcome.error, outcome.code], [interruption, undefined])
})

test('an interrupted call whose tool now requires approval waits for it, and keeps its idempotency key', async (t) => {
  const keys: string[] = []
  const pay = testTool({
    name: 'pay',
    input: sum,
    replay: 'safe',
    policy: 'requires_approval',
    run(_, { idempotencyKey }) {
      keys.push(idempotencyKey)
      return 'new'
    },
  })
  const { after, session, key } = await interrupted(t, {}, { tools: [pay] })
  const callId = await untilWaiting(after, session.id)
  assert.deepEqual(keys, [])
  await approve(after, session.id, callId)
  const events = await untilIdle(t, after, session.id)
  assert.deepEqual(outcomeOf(events).result, [{ type: 'text', text: '"new"' }])
  assert.deepEqual(keys, [key])
  const { sequence, context } = events.find(({ type }) => type === 'tool.started')!
  assert.equal(key, textHash(`${session.id} ${context.turn_id} ${sequence}`))
})

test('an interrupted call that a new hook denies does not run again', async (t) => {
  const project = withCallHook(() => ({ deny: 'No more payments.' }))
  const { after, session } = await interrupted(t, {}, { tools: versions[2]!.tools, project })
  const { error } = outcomeOf(await untilIdle(t, after, session.id))
  assert.equal(error, `${interruption} The call was denied: No more payments.`)
})

test('the next node does not ask a hook again about a call that has begun', async (t) => {
  let asked = 0
  const project = withCallHook(() => {
    asked += 1
    return undefined
  })
  const start = await nodes(t)
  const began = Promise.withResolvers<void>()
  const pay = (run: () => unknown) => testTool({ name: 'pay', input: sum, replay: 'safe', run })
  const before = await start({
    project,
    tools: [
      pay(() => {
        began.resolve()
        return new Promise(() => {})
      }),
    ],
  })
  const { session } = await sessionFor(before)
  await post(before, session.id, callTo('pay'))
  await began.promise
  await before.stop()
  const after = await start({ project, tools: [pay(() => 'new')] })
  const { success } = outcomeOf(await untilIdle(t, after, session.id))
  assert.deepEqual([success, asked], [true, 1])
})

test('a call that waited for approval before there was a hook is decided by the hook', async (t) => {
  const start = await nodes(t)
  const { tools } = versions[2]!
  const before = await start({ tools })
  const { session } = await sessionFor(before, asking)
  const callId = await parked(before, session.id, callTo('pay'))
  await before.stop()
  const after = await start({ tools, project: withCallHook(() => ({ deny: 'No.' })) })
  await approve(after, session.id, callId)
  assert.equal(outcomeOf(await untilIdle(t, after, session.id)).error, 'The call was denied: No.')
})

test('arguments that a node with old code accepted are validated by the node that runs the call', async (t) => {
  const start = await nodes(t)
  const before = await start({ tools: [testTool({ name: 'pay', input: sum })] }, { ROLE: 'api' })
  await start({ tools: versions[0]!.tools }, { ROLE: 'worker' })
  const { session } = await sessionFor(before, asking)
  const callId = await parked(before, session.id, callTo('pay', { amount: 10 }))
  await approve(before, session.id, callId, { arguments: { sum: 20 } })
  const { error, code } = outcomeOf(await untilIdle(t, before, session.id))
  assert.equal(code, 'tool_changed')
  assert.match(error!, /has changed since.*A person changed the arguments.*20/)
})

test('an approved call of the client whose tool was removed meanwhile fails', async (t) => {
  const start = await nodes(t)
  const server = await start({ tools: [] })
  const tools = [
    { type: 'client_side', name: 'pay', description: 'Pays.', policy: 'requires_approval' },
  ]
  const { agent, session } = await sessionFor(server, { tools })
  const callId = await parked(server, session.id, callTo('pay'))
  const { status } = await server.call('PATCH', `/v1/agents/${agent.id}`, { tools: [] })
  assert.equal(status, 200)
  await approve(server, session.id, callId)
  const { error, code } = outcomeOf(await untilIdle(t, server, session.id))
  assert.deepEqual([error, code], [missingSentence, 'tool_missing'])
})

test('the result of a client tool is accepted after its tool was removed', async (t) => {
  const start = await nodes(t)
  const before = await start({ tools: [] })
  const tools = [{ type: 'client_side', name: 'pay', description: 'Pays.' }]
  const { agent, session } = await sessionFor(before, { tools })
  const tool_call_id = await parked(before, session.id, callTo('pay'))
  await before.call('PATCH', `/v1/agents/${agent.id}`, { tools: [] })
  const after = await start({ tools: [testTool({ name: 'pay', input: amount })] })
  await before.stop()
  const body = { tool_results: [{ tool_call_id, result: 'paid' }] }
  const { status } = await after.call('POST', `/v1/sessions/${session.id}/tool-results`, body)
  assert.equal(status, 200)
  const { result } = outcomeOf(await untilIdle(t, after, session.id))
  assert.deepEqual(result, [{ type: 'text', text: 'paid' }])
})
