import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { Type } from 'typebox'
import {
  ownTools,
  testCapability,
  testTool,
  withCallHook,
} from '../../../test/processes/own-code.ts'
import { addListedServer, sessionWithMcp, startMcp } from '../../../test/remotes/mcp.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import type { CallDecision, CallHook, CallHookContext, HookedCall } from '../../authoring/config.ts'
import { builtins } from '../../capabilities/index.ts'

type Ran = Record<string, unknown>[]

/** A server with a hook, and a session whose agent can pay. `ran` lists the inputs of payments. */
async function payingSession(
  t: TestContext,
  {
    hook,
    env,
    agent: fields = {},
  }: { hook: CallHook; env?: Record<string, string>; agent?: object },
) {
  const ran: Ran = []
  const pay = testTool({
    name: 'pay',
    input: Type.Object({ sum: Type.Number() }),
    run(input) {
      ran.push(input)
      return { paid: input.sum }
    },
  })
  const server = await startServer(t, {
    capabilities: [...builtins, testCapability([pay])],
    project: withCallHook(hook),
    ...(env && { env }),
  })
  const agent = await createAgent(server, { capabilities: ownTools, ...fields })
  const session = await createSession(server, { agent_id: agent.id })
  return { server, agent, session, ran }
}

const payTen = scripted({ tool_calls: [{ name: 'pay', arguments: { sum: 10 } }] }, { text: 'done' })

const completedOf = (events: Event[]) => dataOf(events, 'tool.completed')

test('a hook sees the call, its capability, its place and the message, and lets it run', async (t) => {
  const seen: [HookedCall, Omit<CallHookContext, 'signal'>][] = []
  const hook: CallHook = (call, { signal, ...context }) => {
    assert.equal(signal.aborted, false)
    seen.push([call, context])
    return undefined
  }
  const { server, agent, session, ran } = await payingSession(t, { hook })
  const events = await converse(t, server, session.id, payTen)
  const started = dataOf(events, 'tool.started')
  const { message } = dataOf(events, 'input.message')
  assert.equal(seen.length, 1)
  const [call, context] = seen[0]!
  assert.deepEqual(call, { call: started.tool_call, capabilityId: 'own' })
  assert.deepEqual(
    [context.turnId, context.agent, context.message],
    [dataOf(events, 'turn.started').turn_id, { id: agent.id, name: agent.name }, message],
  )
  assert.ok(context.sessionId && context.organizationId)
  assert.deepEqual(started.hook, { decision: 'allowed' })
  assert.deepEqual([completedOf(events).success, ran], [true, [{ sum: 10 }]])
})

test('the model reads why a hook denied a call, which does not run', async (t) => {
  const reason = 'No payments on Fridays.'
  const { server, session, ran } = await payingSession(t, { hook: () => ({ deny: reason }) })
  const events = await converse(t, server, session.id, payTen)
  assert.deepEqual(dataOf(events, 'tool.started').hook, { decision: 'denied', reason })
  assert.equal(dataOf(events, 'tool.started').replay, undefined)
  const { status, error } = completedOf(events)
  assert.deepEqual([status, error], ['error', `The call was denied: ${reason}`])
  assert.deepEqual(ran, [])
})

test('a long reason of a hook is shortened', async (t) => {
  const hook = () => ({ deny: `${'🂡'.repeat(5_000)}` })
  const { server, session } = await payingSession(t, { hook })
  const { error } = completedOf(await converse(t, server, session.id, payTen))
  assert.ok(error!.length < 1_100 && error!.endsWith('🂡…'), error!)
})

test('a hook asks a person, and is not asked again after the approval', async (t) => {
  let asked = 0
  const hook = () => {
    asked += 1
    return { approval: true as const }
  }
  const { server, session, ran } = await payingSession(t, { hook })
  await post(server, session.id, payTen)
  const [call] = await untilWaiting(server, session.id)
  assert.deepEqual(ran, [])
  const before = await eventsOf(server, session.id)
  const request = dataOf(before, 'tool.approval_requested')
  assert.deepEqual(request.hook, { decision: 'approval_required' })
  const events = await decide(server, session.id, { callId: call!, decision: 'approve' })
  assert.deepEqual([completedOf(events).success, ran, asked], [true, [{ sum: 10 }], 1])
})

test('a hook changes the arguments of a call, and the model is informed', async (t) => {
  const { server, session, ran } = await payingSession(t, {
    hook: () => ({ arguments: { sum: 5 } }),
  })
  const events = await converse(t, server, session.id, payTen)
  assert.deepEqual(ran, [{ sum: 5 }])
  const { tool_call, hook } = dataOf(events, 'tool.started')
  assert.deepEqual([tool_call.arguments, hook], [{ sum: 5 }, { decision: 'changed' }])
  assert.match(JSON.stringify(completedOf(events).result), /A hook of the server changed.*sum.*5/)
  const reply = dataOf(events, 'output.message.completed')
  assert.match(JSON.stringify(reply.message.content), /"sum":10/)
})

test('half a surrogate pair in arguments of a hook is replaced', async (t) => {
  const half = '\ud83d'
  const { server, session, ran } = await payingSession(t, {
    hook: () => ({ arguments: { sum: 5, [half]: ['😀', half] } }),
  })
  await converse(t, server, session.id, payTen)
  assert.deepEqual(ran, [{ sum: 5, '\ufffd': ['😀', '\ufffd'] }])
})

test('invalid arguments of a hook fail the call', async (t) => {
  const { server, session, ran } = await payingSession(t, {
    hook: () => ({ arguments: { sum: 'five' } }),
  })
  const events = await converse(t, server, session.id, payTen)
  const { status, error } = completedOf(events)
  assert.equal(status, 'error')
  assert.match(error!, /Invalid arguments for pay: sum must be a number.*A hook.*"five"/)
  assert.deepEqual(ran, [])
})

test('a hook is not asked about invalid arguments and missing tools', async (t) => {
  let asked = 0
  const hook = () => {
    asked += 1
    return undefined
  }
  const { server, session } = await payingSession(t, { hook })
  const calls = [
    { name: 'pay', arguments: { sum: 'ten' } },
    { name: 'levitate', arguments: {} },
  ]
  const events = await converse(
    t,
    server,
    session.id,
    scripted({ tool_calls: calls }, { text: '' }),
  )
  assert.equal(events.filter(({ type }) => type === 'tool.completed').length, 2)
  assert.equal(asked, 0)
})

const broken: [string, CallHook][] = [
  [
    'throws',
    () => {
      throw new Error('policy service is down')
    },
  ],
  ['rejects', () => Promise.reject(new Error('policy service is down'))],
  ['never answers', () => new Promise(() => {})],
  ...[
    null,
    true,
    'deny',
    {},
    { deny: 1 },
    { approval: false },
    { arguments: [1] },
    { arguments: new Date(0) as never },
    { deny: 'x', approval: true },
  ].map((answer): [string, CallHook] => [
    `returns ${JSON.stringify(answer)}`,
    () => answer as CallDecision,
  ]),
]

for (const [how, hook] of broken) {
  test(`a hook that ${how} denies the call, and the turn continues`, async (t) => {
    const env = { LOG_LEVEL: 'silent', TOOL_TIMEOUT_MS: '300' }
    const { server, session, ran } = await payingSession(t, { hook, env })
    const events = await converse(t, server, session.id, payTen)
    assert.match(completedOf(events).error!, /^The call was denied: The server could not decide/)
    assert.equal(dataOf(events, 'tool.started').hook?.decision, 'denied')
    assert.ok(typesOf(events).includes('turn.completed'))
    assert.deepEqual(ran, [])
  })
}

test('a hook that rejects after its time limit leaves the server alive', async (t) => {
  const late = Promise.withResolvers<undefined>()
  const decisions = [late.promise, undefined]
  const env = { LOG_LEVEL: 'silent', TOOL_TIMEOUT_MS: '300' }
  const { server, session } = await payingSession(t, { hook: () => decisions.shift(), env })
  const denied = await converse(t, server, session.id, payTen)
  assert.equal(completedOf(denied).success, false)
  late.reject(new Error('too late'))
  const allowed = await converse(t, server, session.id, payTen)
  assert.equal(completedOf(allowed).success, true)
})

test('cancels a turn whose hook never answers, and aborts the signal of the hook', async (t) => {
  const asked = Promise.withResolvers<AbortSignal>()
  const hook: CallHook = (_, { signal }) => {
    asked.resolve(signal)
    return new Promise(() => {})
  }
  const { server, session, ran } = await payingSession(t, { hook })
  const call = { tool_calls: [{ name: 'pay', arguments: { sum: 10 } }] }
  // The turn still runs when the hook has reached its limit of 10 s.
  await post(server, session.id, scripted(call, { text: 'done', delay_ms: 600_000 }))
  const signal = await asked.promise
  const { body } = await server.call('POST', `/v1/sessions/${session.id}/cancel`)
  assert.equal(body.status, 'cancelled')
  assert.equal(signal.aborted, true)
  assert.deepEqual(ran, [])
  const { status, error } = await eventually(async () => {
    const events = await eventsOf(server, session.id)
    return typesOf(events).includes('session.idled') ? completedOf(events) : undefined
  })
  assert.deepEqual([status, error], ['cancelled', 'The turn was cancelled.'])
})

test('a hook that changes the call that it gets does not change the call', async (t) => {
  const hook: CallHook = ({ call }) => {
    call.arguments.sum = 1_000
    return undefined
  }
  const { server, session, ran } = await payingSession(t, { hook })
  const events = await converse(t, server, session.id, payTen)
  assert.deepEqual(ran, [{ sum: 10 }])
  assert.deepEqual(dataOf(events, 'tool.started').tool_call.arguments, { sum: 10 })
})

test('a hook decides about calls of the client before the client is asked', async (t) => {
  const decisions: Record<string, CallDecision> = {
    open_door: { deny: 'The door stays shut.' },
    ring: undefined,
    knock: { arguments: { times: 2 } },
  }
  const hook: CallHook = ({ call, capabilityId }) => {
    assert.equal(capabilityId, undefined)
    return decisions[call.name]
  }
  const tools = Object.keys(decisions).map((name) => ({
    type: 'client_side',
    name,
    description: name,
  }))
  const { server, session } = await payingSession(t, { hook, agent: { tools } })
  const calls = Object.keys(decisions).map((name) => ({ name, arguments: {}, id: name }))
  await post(server, session.id, scripted({ tool_calls: calls }, { text: 'done' }))
  assert.deepEqual((await untilWaiting(server, session.id)).sort(), ['knock', 'ring'])
  const events = await eventsOf(server, session.id)
  const requests = events.flatMap((event) =>
    event.type === 'tool.call_requested' ? [event.data] : [],
  )
  assert.deepEqual(
    requests.map(({ tool_calls, hook: decided }) => [
      tool_calls.map(({ name, arguments: input }) => [name, input]),
      decided?.decision,
    ]),
    [
      [[['ring', {}]], 'allowed'],
      [[['knock', { times: 2 }]], 'changed'],
    ],
  )
  assert.equal(completedOf(events).error, 'The call was denied: The door stays shut.')
})

type Server = Awaited<ReturnType<typeof startServer>>

/** Returns the ids of the calls that the turn waits for. */
const untilWaiting = (server: Server, sessionId: string): Promise<string[]> =>
  eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${sessionId}`)
    return body.waiting_for?.tool_call_ids
  })

/** Decides on a call, and returns the events once the session is idle. */
async function decide(
  server: Server,
  sessionId: string,
  { callId, ...decision }: { callId: string; decision: 'approve' | 'deny'; arguments?: object },
) {
  const path = `/v1/sessions/${sessionId}/approvals/${callId}`
  const { status, body } = await server.call('POST', path, decision)
  assert.equal(status, 200, JSON.stringify(body))
  return eventually(async () => {
    const events = await eventsOf(server, sessionId)
    return events.at(-1)!.type === 'session.idled' ? events : undefined
  })
}

for (const [name, decision, error] of [
  ['lets them run', undefined, undefined],
  ['cannot require another approval', { approval: true }, undefined],
  ['can deny them', { deny: 'Too much.' }, /The call was denied: Too much\./],
] as const) {
  test(`after an approval with other arguments a hook sees them once, and ${name}`, async (t) => {
    const sums: unknown[] = []
    const hook: CallHook = ({ call }) => {
      sums.push(call.arguments.sum)
      return call.arguments.sum === 10 ? undefined : decision
    }
    const uses = [{ ref: 'own', config: { requires_approval: true } }]
    const { server, session, ran } = await payingSession(t, { hook, agent: { capabilities: uses } })
    await post(server, session.id, payTen)
    const [callId] = await untilWaiting(server, session.id)
    const edited = { callId: callId!, decision: 'approve' as const, arguments: { sum: 20 } }
    const events = await decide(server, session.id, edited)
    assert.deepEqual(sums, [10, 20])
    assert.equal(events.filter(({ type }) => type === 'tool.approval_requested').length, 1)
    if (error) assert.match(completedOf(events).error!, error)
    else assert.deepEqual([completedOf(events).success, ran], [true, [{ sum: 20 }]])
  })
}

test('a hook decides about calls of MCP servers, and its arguments must match their schemas', async (t) => {
  const mcp = await startMcp(t)
  const words: CallDecision[] = [{ arguments: { word: 'hello' } }, { arguments: { word: 5 } }]
  const ids: unknown[] = []
  const server = await startServer(t, {
    env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' },
    project: withCallHook(({ capabilityId }) => {
      ids.push(capabilityId)
      return words.shift()
    }),
  })
  const { ref } = await addListedServer(server, mcp.url)
  const session = await sessionWithMcp(server, ref)
  const say = { tool_calls: [{ name: 'mcp_tools__say', arguments: { word: 'hi' } }] }
  const events = await converse(t, server, session.id, scripted(say, say, { text: 'done' }))
  assert.deepEqual(ids, [ref, ref])
  const called = mcp.heard('tools/call').map(({ message }) => message.params.arguments)
  assert.deepEqual(called, [{ word: 'hello' }])
  assert.equal(completedOf(events).success, true)
  const { error } = dataOf(events, 'tool.completed', 2)
  assert.match(error!, /^Invalid arguments for mcp_tools__say: word must be string\. A hook/)
})
