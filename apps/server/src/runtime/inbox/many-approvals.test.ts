import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AuditEntry } from '@outlast/contract'
import { expectStatus } from '../../../test/access.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  type ScriptStep,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as never)
})

const write = (id: string) => ({
  id,
  name: 'write_file',
  arguments: { path: `/${id}`, content: 'hello' },
})
const remove = (id: string) => ({ id, name: 'delete_file', arguments: { path: '/a' } })
const config = { requires_approval: ['write_file', 'delete_file'] }

/** Starts a session whose turn waits for the approval of this many calls. */
async function asking(t: TestContext, steps: ScriptStep[], waits: number) {
  const capabilities = [{ ref: 'session_file_system', config }]
  const { id } = await createAgent(server, { capabilities })
  const session = await createSession(server, { agent_id: id })
  const stream = await follow(t, server.url, { sessionId: session.id })
  expectStatus(await post(server, session.id, scripted(...steps, { text: 'Done.' })), 201)
  const path = `/v1/sessions/${session.id}`
  const parked = (count: number) =>
    eventually(async () => {
      const { waiting_for } = (await server.call('GET', path)).body
      return waiting_for?.calls.length === count
    })
  await parked(waits)
  const send = (where: string, body: object) => server.call('POST', `${path}/${where}`, body)
  const decide = (approvals: object[]) => send('approvals', { approvals })
  const settle = (decisions: object[]) => send('tool-approvals', { decisions })
  return { session, stream, path, parked, decide, settle }
}

const approve = (tool_call_id: string) => ({ tool_call_id, decision: 'approve' })
const deny = (tool_call_id: string) => ({ tool_call_id, decision: 'deny' })

/** Audit entries of a session, the newest first. */
async function entriesOf(sessionId: string): Promise<AuditEntry[]> {
  return expectStatus(await server.call('GET', `/v1/audit-log?target=${sessionId}`), 200).data
}

test('decides on several calls at once, with changed arguments and reasons', async (t) => {
  const calls = { tool_calls: [write('a'), write('b'), write('c')] }
  const { session, stream, path, decide } = await asking(t, [calls], 3)
  const changed = { path: '/b', content: 'changed' }
  const accepted = await decide([
    approve('a'),
    { ...approve('b'), arguments: changed },
    { ...deny('c'), reason: 'Not this one.' },
  ])
  assert.deepEqual(expectStatus(accepted, 200), {
    approvals: [
      { tool_call_id: 'a', decision: 'approved' },
      { tool_call_id: 'b', decision: 'approved' },
      { tool_call_id: 'c', decision: 'denied' },
    ],
    status: 'active',
    waiting_for: null,
  })
  const [entry] = await entriesOf(session.id)
  const decisions = [approve('a'), approve('b'), deny('c')]
  assert.deepEqual([entry!.action, entry!.details], ['decide_tool_calls', { decisions }])
  await stream.event('session.idled')
  assert.equal((await server.call('GET', `${path}/fs/b`)).body.content, 'changed')
  assert.equal((await server.call('GET', `${path}/fs/c`)).status, 404)
  const again = await decide([approve('a'), { ...approve('b'), arguments: changed }, deny('c')])
  expectStatus(again, 200)
  const resolved = await eventsOf(server, session.id, '?types=tool.approval_resolved')
  assert.equal(resolved.length, 3)
})

test('stores all decisions or none, and names the calls that were decided otherwise', async (t) => {
  const calls = { tool_calls: [write('a'), write('b')] }
  const { session, decide, parked } = await asking(t, [calls], 2)
  const count = async () => (await eventsOf(server, session.id)).length
  const before = await count()
  expectStatus(await decide([approve('a'), approve('x')]), 409, 'approval_not_pending')
  const wrong = { ...approve('b'), arguments: { path: 7 } }
  expectStatus(await decide([approve('a'), wrong]), 400, 'invalid_request')
  const odd = { ...deny('a'), arguments: { path: '/a', content: '' } }
  expectStatus(await decide([odd]), 400, 'invalid_request')
  expectStatus(await decide([approve('a'), approve('a')]), 400, 'invalid_request')
  expectStatus(await decide([]), 400, 'invalid_request')
  const many = Array.from({ length: 65 }, (_, n) => approve(`${n}`))
  expectStatus(await decide(many), 400, 'invalid_request')
  assert.equal(await count(), before)
  expectStatus(await decide([deny('a')]), 200)
  await parked(1)
  const refused = await decide([approve('a'), approve('b')])
  expectStatus(refused, 409, 'approval_not_pending')
  assert.match(refused.body.error, /\ba\b/)
  await parked(1)
  expectStatus(await decide([deny('a'), approve('b')]), 200)
  const unknown = `/v1/sessions/session_${'0'.repeat(32)}/approvals`
  const foreign = await server.call('POST', unknown, { approvals: [deny('a')] })
  expectStatus(foreign, 404, 'not_found')
})

test('a repeated decision with another rule or other arguments is refused', async (t) => {
  const calls = { tool_calls: [write('a'), write('b'), write('c'), remove('d')] }
  const { path, decide } = await asking(t, [calls], 4)
  const changed = { path: '/b', content: 'changed' }
  const decided = [
    approve('a'),
    { ...approve('b'), arguments: changed },
    { ...approve('c'), always: 'session' },
    { ...deny('d'), always: 'agent' },
  ]
  expectStatus(await decide(decided), 200)
  expectStatus(await decide(decided), 200)
  expectStatus(await decide([approve('c'), deny('d')]), 200)
  for (const other of [
    { ...approve('a'), always: 'session' },
    { ...approve('a'), always: 'agent' },
    { ...approve('a'), arguments: write('a').arguments },
    approve('b'),
    { ...approve('c'), always: 'agent' },
    { ...deny('d'), always: 'session' },
  ]) {
    expectStatus(await decide([other]), 409, 'approval_not_pending')
  }
  const rules = expectStatus(await server.call('GET', `${path}/tool-rules`), 200)
  assert.deepEqual(
    rules.data.map(({ tool_name }: Record<string, string>) => tool_name),
    ['write_file'],
  )
})

test('several decisions at once make rules of the agent, all or none', async (t) => {
  const { session, decide } = await asking(t, [{ tool_calls: [write('a')] }], 1)
  const path = `/v1/agents/${session.agent_id}/tool-rules`
  const count = async () => expectStatus(await server.call('GET', path), 200).total
  const one = { ...approve('a'), always: 'agent' }
  expectStatus(await decide([one, { ...approve('x'), always: 'agent' }]), 409)
  assert.equal(await count(), 0)
  expectStatus(await decide([{ ...one, always: 'everyone' }]), 400, 'invalid_request')
  expectStatus(await decide([one]), 200)
  assert.equal(await count(), 1)
})

test('of opposite decisions at once one wins, for all of its calls', async (t) => {
  const calls = { tool_calls: [write('a'), write('b')] }
  const { stream, session, decide } = await asking(t, [calls], 2)
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      decide(n % 2 ? [approve('a'), approve('b')] : [deny('b'), deny('a')]),
    ),
  )
  const won = answers.map(({ status }) => status === 200)
  assert.ok(won.some((one) => one))
  const parities = new Set(won.flatMap((one, n) => (one ? [n % 2] : [])))
  assert.equal(parities.size, 1)
  await stream.event('session.idled')
  const resolved = await eventsOf(server, session.id, '?types=tool.approval_resolved')
  assert.equal(resolved.length, 2)
})

test('settles all waiting calls: those without a decision are not approved', async (t) => {
  const calls = { tool_calls: [write('a'), write('b')] }
  const { path, stream, settle } = await asking(t, [calls], 2)
  const decision = { tool_call_id: 'tool_approval_a', decision: 'allow' }
  const settled = expectStatus(await settle([decision]), 200)
  assert.deepEqual(settled.resolved, [
    { tool_call_id: 'a', tool: 'write_file', outcome: 'allow' },
    { tool_call_id: 'b', tool: 'write_file', outcome: 'not_approved' },
  ])
  await stream.event('session.idled')
  assert.equal((await server.call('GET', `${path}/fs/b`)).status, 404)
  expectStatus(await settle([decision]), 409, 'approval_not_pending')
  expectStatus(await settle([{ tool_call_id: 'x', decision: 'allow' }]), 404, 'not_found')
  const maybe = { tool_call_id: 'a', decision: 'maybe' }
  expectStatus(await settle([maybe]), 400, 'invalid_request')
})

test('a decision for always holds for later calls of the tool in the session, until it is removed', async (t) => {
  const steps = ['b', 'c'].map((id) => ({ tool_calls: [write(id)] }))
  const { session, path, stream, settle, parked } = await asking(
    t,
    [{ tool_calls: [write('a'), remove('d')] }, ...steps],
    2,
  )
  const always = [
    { tool_call_id: 'a', decision: 'allow_always' },
    { tool_call_id: 'd', decision: 'reject_always' },
  ]
  expectStatus(await settle(always), 200)
  await stream.event('session.idled')
  for (const id of ['a', 'b', 'c']) {
    assert.equal((await server.call('GET', `${path}/fs/${id}`)).status, 200, id)
  }
  const rules = expectStatus(await server.call('GET', `${path}/tool-rules`), 200)
  const named = rules.data.map(({ tool_name, decision }: Record<string, string>) => [
    tool_name,
    decision,
  ])
  assert.deepEqual(named, [
    ['delete_file', 'reject'],
    ['write_file', 'allow'],
  ])
  const next = scripted({ tool_calls: [write('e'), remove('f')] }, { text: 'Done.' })
  expectStatus(await post(server, session.id, next), 201)
  await eventually(async () => {
    const events = await eventsOf(server, session.id, '?types=session.idled')
    return events.length === 2
  })
  assert.equal((await server.call('GET', `${path}/fs/e`)).status, 200)
  const asked = await eventsOf(server, session.id, '?types=tool.approval_requested')
  assert.equal(asked.length, 2)
  const completed = await eventsOf(server, session.id, '?types=tool.completed')
  const rejected = completed.at(-1)
  assert.match(JSON.stringify(completed.map(({ data }) => data)), /calls of this tool are rejected/)
  assert.ok(rejected)
  expectStatus(await server.call('DELETE', `${path}/tool-rules/write_file`), 204)
  for (const name of ['write_file', 'write_file%00', '%00']) {
    expectStatus(await server.call('DELETE', `${path}/tool-rules/${name}`), 404, 'not_found')
  }
  const [removal] = await entriesOf(session.id)
  assert.deepEqual(
    [removal!.action, removal!.details],
    ['delete_tool_rule', { tool_name: 'write_file' }],
  )
  expectStatus(await post(server, session.id, scripted({ tool_calls: [write('g')] })), 201)
  await parked(1)
  const fork = expectStatus(await server.call('POST', `${path}/fork`), 201)
  const copied = await server.call('GET', `/v1/sessions/${fork.id}/tool-rules`)
  assert.deepEqual(expectStatus(copied, 200).data, [])
  assert.ok(!typesOf(await eventsOf(server, session.id)).includes('turn.failed'))
})

for (const scope of ['session', 'agent'] as const) {
  test(`a rule of the ${scope} that is removed while its turn waits holds for no later call of the turn`, async (t) => {
    const steps = [write('a'), remove('b'), write('c')].map((call) => ({ tool_calls: [call] }))
    const { session, path, decide } = await asking(t, steps, 1)
    const waitsFor = (id: string) =>
      eventually(async () => {
        const { status, waiting_for } = (await server.call('GET', path)).body
        return status === 'idle' || waiting_for?.calls[0]?.tool_call_id === id
      })
    expectStatus(await decide([{ ...approve('a'), always: scope }]), 200)
    await waitsFor('b')
    const owner = scope === 'session' ? path : `/v1/agents/${session.agent_id}`
    expectStatus(await server.call('DELETE', `${owner}/tool-rules/write_file`), 204)
    expectStatus(await decide([approve('b')]), 200)
    await waitsFor('c')
    const asked = await eventsOf(server, session.id, '?types=tool.approval_requested')
    assert.equal(asked.length, 3)
  })
}
