import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  type ScriptStep,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

const write = (id: string, path: string, content = 'hello') => ({
  id,
  name: 'write_file',
  arguments: { path, content },
})

const guarded = {
  capabilities: [
    { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
    { ref: 'test_math' },
  ],
}

/** Starts a session whose turn waits for an approval. */
async function asking(t: TestContext, script: ScriptStep[], agent: object = guarded) {
  const server = await startServer(t)
  const { id } = await createAgent(server, agent)
  const session = await createSession(server, { agent_id: id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  await post(server, session.id, scripted(...script))
  await stream.event('tool.approval_requested')
  const path = `/v1/sessions/${session.id}`
  const waitsFor = async () => (await server.call('GET', path)).body.waiting_for
  const decide = (callId: string, body: object) =>
    server.call('POST', `${path}/approvals/${callId}`, body)
  const fileAt = async (file: string) => (await server.call('GET', `${path}/fs${file}`)).body
  return { server, session, stream, path, waiting: () => eventually(waitsFor), decide, fileAt }
}

const approve = { decision: 'approve' }

test('a call waits for approval and then runs', async (t) => {
  const script = [{ tool_calls: [write('call_1', '/a.txt')] }, { text: 'Written.' }]
  const { stream, waiting, decide, fileAt } = await asking(t, script)
  const asked = dataOf(stream.events, 'tool.approval_requested')!
  assert.deepEqual(asked.tool_call, write('call_1', '/a.txt'))
  const waits = await waiting()
  assert.deepEqual([waits.type, waits.tool_call_ids], ['approval', ['call_1']])
  assert.equal((await fileAt('/a.txt')).code, 'path_not_found')

  const answer = await decide('call_1', approve)
  assert.deepEqual(answer.body, {
    tool_call_id: 'call_1',
    decision: 'approved',
    status: 'active',
    waiting_for: null,
  })
  await stream.event('session.idled')
  const types = typesOf(stream.events).filter((type) => /^(tool|act|reason)\.(?!input)/.test(type))
  assert.deepEqual(types, [
    'reason.started',
    'reason.completed',
    'act.started',
    'tool.approval_requested',
    'tool.approval_resolved',
    'tool.started',
    'tool.completed',
    'act.completed',
    'reason.started',
    'reason.completed',
  ])
  const resolved = dataOf(stream.events, 'tool.approval_resolved')!
  assert.deepEqual(resolved.decided_by, {
    kind: 'anonymous',
    id: '00000000-0000-0000-0000-000000000000',
    name: 'Anonymous',
  })
  assert.equal((await fileAt('/a.txt')).content, 'hello')
  assert.equal(replyOf(stream.events), 'Written.')
})

test('a denied call does not run, and the model reads the reason', async (t) => {
  const script = [{ tool_calls: [write('call_1', '/a.txt')] }, { text: 'Then not.' }]
  const { stream, waiting, decide, fileAt } = await asking(t, script)
  await waiting()
  const answer = await decide('call_1', { decision: 'deny', reason: 'Not in this folder.' })
  assert.equal(answer.body.decision, 'denied')
  await stream.event('session.idled')
  const outcome = dataOf(stream.events, 'tool.completed')!
  assert.deepEqual(
    [outcome.success, outcome.status, outcome.error],
    [false, 'error', 'The call was denied: Not in this folder.'],
  )
  assert.equal(typesOf(stream.events).includes('tool.started'), false)
  assert.equal((await fileAt('/a.txt')).code, 'path_not_found')
})

test('an approval can change the arguments, and the model reads the change', async (t) => {
  const script = [{ tool_calls: [write('call_1', '/a.txt')] }, { text: 'Written.' }]
  const { stream, waiting, decide, fileAt } = await asking(t, script)
  await waiting()
  const edited = { path: '/safe/b.txt', content: 'changed' }
  const wrong = await decide('call_1', { ...approve, arguments: { path: 5 } })
  assert.deepEqual([wrong.status, wrong.body.details[0].path], [400, 'arguments'])
  const both = await decide('call_1', { decision: 'deny', arguments: edited })
  assert.equal(both.status, 400)
  assert.equal((await decide('call_1', { ...approve, arguments: edited })).status, 200)
  await stream.event('session.idled')
  assert.equal((await fileAt('/safe/b.txt')).content, 'changed')
  assert.equal((await fileAt('/a.txt')).code, 'path_not_found')
  assert.deepEqual(dataOf(stream.events, 'tool.started')!.tool_call.arguments, edited)
  const parts = dataOf(stream.events, 'tool.completed')!.result as { text: string }[]
  assert.match(parts[1]!.text, /A person changed the arguments .*\/safe\/b\.txt/)
})

test('approvals of parallel calls are independent', async (t) => {
  const ids = Array.from({ length: 8 }, (_, index) => `call_${index}`)
  const tool_calls = ids.map((id) => write(id, `/${id}.txt`, id))
  const { stream, waiting, decide, fileAt } = await asking(t, [{ tool_calls }, { text: 'Done.' }])
  const waits = await waiting()
  assert.deepEqual(waits.tool_call_ids, ids)
  const order = [...ids].reverse()
  const answers = await Promise.all(
    order.map((id, index) => decide(id, index % 2 === 0 ? approve : { decision: 'deny' })),
  )
  assert.deepEqual(
    answers.map(({ status }) => status),
    ids.map(() => 200),
  )
  await stream.event('session.idled')
  for (const [index, id] of order.entries()) {
    const file = await fileAt(`/${id}.txt`)
    if (index % 2 === 0) assert.equal(file.content, id)
    else assert.equal(file.code, 'path_not_found')
  }
  const outcomes = stream.events.filter((event) => event.type === 'tool.completed')
  assert.deepEqual(outcomes.map(({ data }) => data.tool_call_id).sort(), ids)
})

test('an approved call runs while others still wait', async (t) => {
  const tool_calls = [write('call_1', '/1.txt'), write('call_2', '/2.txt')]
  const { stream, waiting, decide, fileAt } = await asking(t, [{ tool_calls }, { text: 'Done.' }])
  await waiting()
  await decide('call_2', approve)
  await stream.event('tool.completed')
  assert.equal((await fileAt('/2.txt')).content, 'hello')
  assert.deepEqual((await waiting()).tool_call_ids, ['call_1'])
  await decide('call_1', approve)
  await stream.event('session.idled')
  assert.equal((await fileAt('/1.txt')).content, 'hello')
})

test('a message sent during the wait does not count as a decision', async (t) => {
  const script = [{ tool_calls: [write('call_1', '/a.txt')] }, { text: 'Written.' }]
  const { server, session, stream, waiting, decide, fileAt } = await asking(t, script)
  await waiting()
  for (const text of ['yes', 'approve', 'call_1: approve']) await post(server, session.id, text)
  assert.deepEqual((await waiting()).tool_call_ids, ['call_1'])
  assert.equal((await fileAt('/a.txt')).code, 'path_not_found')
  await decide('call_1', { decision: 'deny' })
  await stream.event('session.idled')
  assert.equal((await fileAt('/a.txt')).code, 'path_not_found')
  assert.equal(typesOf(stream.events).filter((type) => type === 'turn.started').length, 1)
  const asked = dataOf(stream.events, 'llm.generation', 2)!.messages.map(({ role }) => role)
  assert.deepEqual(asked.slice(-4), ['tool_result', 'user', 'user', 'user'])
})

test('a decision is final', async (t) => {
  const script = [{ tool_calls: [write('call_1', '/a.txt')] }, { text: 'Written.' }]
  const { server, session, stream, waiting, decide, path } = await asking(t, script)
  await waiting()
  const both = await Promise.all([
    decide('call_1', approve),
    decide('call_1', { decision: 'deny' }),
  ])
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409])
  await stream.event('session.idled')
  const before = await eventsOf(server, session.id)
  const refused = async (callId: string, body: object, status: number, code: string) => {
    const answer = await decide(callId, body)
    assert.deepEqual([answer.status, answer.body.code], [status, code])
  }
  await refused('call_1', approve, 409, 'approval_not_pending')
  await refused('call_9', approve, 409, 'approval_not_pending')
  await refused('call_1', { decision: 'perhaps' }, 400, 'invalid_request')
  await refused('call_1', {}, 400, 'invalid_request')
  const nobody = `/v1/sessions/session_${'0'.repeat(32)}/approvals/call_1`
  assert.equal((await server.call('POST', nobody, approve)).status, 404)
  const result = { tool_results: [{ tool_call_id: 'call_1', result: 'sneaked in' }] }
  assert.equal((await server.call('POST', `${path}/tool-results`, result)).status, 409)
  assert.deepEqual(await eventsOf(server, session.id), before)
})

test('a tool result does not count as a decision', async (t) => {
  const script = [{ tool_calls: [write('call_1', '/a.txt')] }, { text: 'Written.' }]
  const { server, path, waiting } = await asking(t, script)
  await waiting()
  const result = { tool_results: [{ tool_call_id: 'call_1', result: 'sneaked in' }] }
  const answer = await server.call('POST', `${path}/tool-results`, result)
  assert.deepEqual([answer.status, answer.body.code], [409, 'tool_call_not_waiting'])
})

test('a client tool can require approval: the person decides before the client gets the call', async (t) => {
  const tool = {
    type: 'client_side',
    name: 'pay',
    description: 'Pays.',
    policy: 'requires_approval',
  }
  const call = { id: 'call_pay', name: 'pay', arguments: { amount: 5 } }
  const { server, stream, path, waiting, decide } = await asking(
    t,
    [{ tool_calls: [call] }, { text: 'Paid.' }],
    { tools: [tool] },
  )
  assert.equal((await waiting()).type, 'approval')
  await decide('call_pay', { ...approve, arguments: { amount: 3 } })
  const requested = await stream.event('tool.call_requested')
  assert.deepEqual(requested.data.tool_calls, [{ ...call, arguments: { amount: 3 } }])
  const tool_results = [{ tool_call_id: 'call_pay', result: 'ok' }]
  assert.equal((await server.call('POST', `${path}/tool-results`, { tool_results })).status, 200)
  await stream.event('session.idled')
  assert.equal(replyOf(stream.events), 'Paid.')
})

test('calls that cannot run do not request approval', async (t) => {
  const server = await startServer(t)
  const { id } = await createAgent(server, guarded)
  const session = await createSession(server, { agent_id: id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  const broken = { id: 'call_1', name: 'write_file', arguments: { path: 5 } }
  await post(server, session.id, scripted({ tool_calls: [broken] }, { text: 'Oh.' }))
  await stream.event('session.idled')
  assert.equal(typesOf(stream.events).includes('tool.approval_requested'), false)
  assert.match(dataOf(stream.events, 'tool.completed')!.error!, /Invalid arguments/)
})

test('config requires approval for all tools of a capability or for the named ones', async (t) => {
  const server = await startServer(t)
  const policies = async (requires_approval: unknown) => {
    const uses = [{ ref: 'test_math', config: { requires_approval } }]
    const { status, body } = await server.call('POST', '/v1/agents/preview', { capabilities: uses })
    if (status !== 200) return body.details[0].path
    type Shown = { name: string; policy: string }
    return Object.fromEntries(body.tools.map(({ name, policy }: Shown) => [name, policy]))
  }
  const all = await policies(true)
  assert.deepEqual(new Set(Object.values(all)), new Set(['requires_approval']))
  const some = await policies(['add'])
  assert.deepEqual([some.add, some.multiply], ['requires_approval', 'auto'])
  assert.deepEqual(new Set(Object.values(await policies(false))), new Set(['auto']))
  assert.equal(await policies(['ad']), 'capabilities/0/config/requires_approval/0')
  assert.match(await policies('all'), /requires_approval$/)
})
