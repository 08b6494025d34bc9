/** Decisions that hold for all calls of a tool in all sessions of an agent. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AuditEntry, ToolRule } from '@outlast/contract'
import { createOutlast } from '@outlast/sdk'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../test/access.ts'
import { queryRows } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import { addListedServer, moveServer, startMcp } from '../../../test/remotes/mcp.ts'
import type { Call } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, {
    env: { RATE_LIMIT_ADDRESS: '0', PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' },
  })
})

type Client = { url: string; call: Call; key: string }

async function createClient(): Promise<Client> {
  const person = await registerPerson(server)
  return { url: server.url, ...(await createKey(server, person, { scopes: ['*'] })) }
}

const config = { requires_approval: ['write_file', 'delete_file'] }
const files = { capabilities: [{ ref: 'session_file_system', config }] }

let calls = 0
const write = () => {
  calls += 1
  return { id: `call_${calls}`, name: 'write_file', arguments: { path: '/a', content: 'hello' } }
}

const say = (server = 'tracker') => {
  calls += 1
  return { id: `call_${calls}`, name: `mcp_${server}__say`, arguments: { word: 'x' } }
}

type Asked = { id: string; name: string; arguments: object }

/** Makes a call in a session. Returns once it waits for an approval, or the turn is over. */
async function makeCall(client: Client, sessionId: string, call: Asked) {
  const script = scripted({ tool_calls: [call] }, { text: 'Done.' })
  expectStatus(await post(client, sessionId, script), 201)
  const path = `/v1/sessions/${sessionId}`
  const session = await eventually(async () => {
    const { body } = await client.call('GET', path)
    return (body.waiting_for || body.status === 'idle') && body
  })
  const events = await eventsOf(client, sessionId, '?limit=1000')
  const end = events.find(
    (one) => one.type === 'tool.completed' && one.data.tool_call_id === call.id,
  )
  const decide = (body: object) => client.call('POST', `${path}/approvals/${call.id}`, body)
  return {
    waits: session.waiting_for !== null,
    status: end?.type === 'tool.completed' ? end.data.status : undefined,
    decide,
    idle: () => eventually(async () => (await client.call('GET', path)).body.status === 'idle'),
  }
}

const allow = { decision: 'approve', always: 'agent' }

const rulesOf = async (client: Client, agentId: string): Promise<ToolRule[]> =>
  expectStatus(await client.call('GET', `/v1/agents/${agentId}/tool-rules`), 200).data

test('a decision for the agent holds in its other sessions and of no other agent, until it is removed', async () => {
  const client = await createClient()
  const [agent, other] = [
    await createAgent(client, files),
    await createAgent(client, { name: 'Bea', ...files }),
  ]
  const first = await createSession(client, { agent_id: agent.id })
  const asked = await makeCall(client, first.id, write())
  assert.ok(asked.waits)
  expectStatus(await asked.decide(allow), 200)
  await asked.idle()
  const [rule, ...more] = await rulesOf(client, agent.id)
  assert.equal(more.length, 0)
  const { tool_name, tool_ref, decision, decided_by } = rule!
  assert.deepEqual(
    [tool_name, tool_ref, decision, decided_by.kind],
    ['write_file', 'session_file_system/write_file', 'allow', 'key'],
  )
  const second = await createSession(client, { agent_id: agent.id })
  const free = await makeCall(client, second.id, write())
  assert.deepEqual([free.waits, free.status], [false, 'success'])
  const foreign = await createSession(client, { agent_id: other.id })
  assert.ok((await makeCall(client, foreign.id, write())).waits)
  const copy = expectStatus(await client.call('POST', `/v1/agents/${agent.id}/copy`), 201)
  assert.deepEqual(await rulesOf(client, copy.id), [])
  assert.deepEqual(await rulesOf(client, other.id), [])
  const remove = () => client.call('DELETE', `/v1/agents/${agent.id}/tool-rules/write_file`)
  expectStatus(await remove(), 204)
  expectStatus(await remove(), 404, 'not_found')
  assert.ok((await makeCall(client, second.id, write())).waits)
})

test('records in the audit log who made and removed a rule', async () => {
  const client = await createClient()
  const agent = await createAgent(client, files)
  const { id } = await createSession(client, { agent_id: agent.id })
  expectStatus(await (await makeCall(client, id, write())).decide(allow), 200)
  expectStatus(await client.call('DELETE', `/v1/agents/${agent.id}/tool-rules/write_file`), 204)
  const log = expectStatus(await client.call('GET', '/v1/audit-log?limit=2'), 200)
  const [removed, made] = log.data as AuditEntry[]
  assert.deepEqual([removed!.action, removed!.target], ['delete_agent_tool_rule', agent.id])
  assert.deepEqual(removed!.details, { tool_name: 'write_file' })
  assert.deepEqual([made!.action, made!.target], ['decide_tool_call', id])
  const { decision, always } = made!.details!
  assert.deepEqual([decision, always], ['approve', 'agent'])
})

test('a rejection wins over an approval, in the session and for the agent', async () => {
  const client = await createClient()
  const agent = await createAgent(client, files)
  const [one, two] = [
    await createSession(client, { agent_id: agent.id }),
    await createSession(client, { agent_id: agent.id }),
  ]
  const inSession = await makeCall(client, one.id, write())
  expectStatus(await inSession.decide({ decision: 'approve', always: 'session' }), 200)
  await inSession.idle()
  assert.deepEqual(await rulesOf(client, agent.id), [])
  const forAgent = await makeCall(client, two.id, write())
  expectStatus(await forAgent.decide({ decision: 'deny', always: 'agent' }), 200)
  await forAgent.idle()
  const rejected = await makeCall(client, one.id, write())
  assert.deepEqual([rejected.waits, rejected.status], [false, 'error'])
})

test('a rule does not hold for a tool of another MCP server with the same name', async (t) => {
  const client = await createClient()
  const [mcp, evil] = [await startMcp(t), await startMcp(t)]
  const settings = { requires_approval: true }
  const agent = await createAgent(client, { name: 'Cleo' })
  const use = (ref: string) =>
    client.call('PATCH', `/v1/agents/${agent.id}`, { capabilities: [{ ref, config: settings }] })
  const made = await addListedServer(client, mcp.url, { name: 'tracker' })
  expectStatus(await use(made.ref), 200)
  const { id } = await createSession(client, { agent_id: agent.id })
  const asked = await makeCall(client, id, say())
  expectStatus(await asked.decide(allow), 200)
  await asked.idle()
  const free = await makeCall(client, id, say())
  assert.deepEqual([free.waits, free.status], [false, 'success'])

  // The server of that name is at another address, then it is another server.
  await moveServer(client, made, evil.url)
  const moved = await makeCall(client, id, say())
  assert.ok(moved.waits)
  expectStatus(await moved.decide({ decision: 'deny' }), 200)
  await moved.idle()
  expectStatus(await client.call('DELETE', made.path), 204)
  const again = await addListedServer(client, mcp.url, { name: 'tracker' })
  expectStatus(await use(again.ref), 200)
  assert.ok((await makeCall(client, id, say())).waits)
  assert.equal(evil.heard('tools/call').length, 0)
})

/** A session whose agent has an MCP server with approvals. */
async function useTracker(t: TestContext) {
  const client = await createClient()
  const mcp = await startMcp(t)
  const made = await addListedServer(client, mcp.url, { name: 'tracker' })
  const capabilities = [{ ref: made.ref, config: { requires_approval: true } }]
  const agent = await createAgent(client, { name: 'Cleo', capabilities })
  const { id } = await createSession(client, { agent_id: agent.id })
  return { client, mcp, made, agent, id }
}

test('a rejection holds for the tool of an MCP server after the server is renamed', async (t) => {
  const { client, mcp, made, agent, id } = await useTracker(t)
  const asked = await makeCall(client, id, say('tracker'))
  expectStatus(await asked.decide({ decision: 'deny', always: 'agent' }), 200)
  await asked.idle()
  expectStatus(await client.call('PATCH', made.path, { name: 'tickets' }), 200)
  const renamed = await makeCall(client, id, say('tickets'))
  assert.equal(renamed.waits, false)
  const ends = (await eventsOf(client, id)).filter((one) => one.type === 'tool.completed')
  assert.match(JSON.stringify(ends.at(-1)?.data), /all calls of this tool are rejected/)
  assert.equal(mcp.heard('tools/call').length, 0)

  // A new server has the earlier name, and a rule for its tool.
  const other = await addListedServer(client, mcp.url, { name: 'tracker' })
  const config = { requires_approval: true }
  const capabilities = [made, other].map(({ ref }) => ({ ref, config }))
  expectStatus(await client.call('PATCH', `/v1/agents/${agent.id}`, { capabilities }), 200)
  const allowed = await makeCall(client, id, say('tracker'))
  expectStatus(await allowed.decide(allow), 200)
  await allowed.idle()
  const still = await makeCall(client, id, say('tickets'))
  assert.deepEqual([still.waits, still.status], [false, 'error'])
  const [moved] = (await rulesOf(client, agent.id)).filter((rule) => rule.decision === 'reject')
  assert.equal(moved!.tool_name, moved!.tool_ref)
  const path = `/v1/agents/${agent.id}/tool-rules/${encodeURIComponent(moved!.tool_name)}`
  expectStatus(await client.call('DELETE', path), 204)
  assert.ok((await makeCall(client, id, say('tickets'))).waits)
})

test('of several rules about one tool that of its name holds, else a rejection', async (t) => {
  const { client, agent, id } = await useTracker(t)
  const asked = await makeCall(client, id, say())
  expectStatus(await asked.decide(allow), 200)
  await asked.idle()
  const [rule] = await rulesOf(client, agent.id)
  const rules = (decisions: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(decisions).map(([name, decision]) => [name, { ...rule, decision }]),
    )
  for (const [given, status] of [
    [{ mcp_a__say: 'allow', mcp_tracker__say: 'reject' }, 'error'],
    [{ mcp_a__say: 'reject', mcp_tracker__say: 'allow' }, 'success'],
    [{ mcp_a__say: 'allow', mcp_tracker_long__say: 'reject' }, 'error'],
  ] as const) {
    const set = 'update agents set tool_rules = $2 where id = $1'
    await queryRows(server.databaseUrl, set, [agent.id, JSON.stringify(rules(given))])
    const called = await makeCall(client, id, say())
    assert.deepEqual([called.waits, called.status], [false, status], JSON.stringify(given))
  }
})

test('an archived agent that is replaced keeps its rejections only', async () => {
  const client = await createClient()
  const agent = await createAgent(client, files)
  const { id } = await createSession(client, { agent_id: agent.id })
  const remove = { id: 'call_remove', name: 'delete_file', arguments: { path: '/a' } }
  const decisions = [
    [write(), allow],
    [remove, { decision: 'deny', always: 'agent' }],
  ] as const
  for (const [call, decision] of decisions) {
    const asked = await makeCall(client, id, call)
    expectStatus(await asked.decide(decision), 200)
    await asked.idle()
  }
  const replace = () =>
    client.call('POST', '/v1/agents', {
      ...{ id: agent.id, name: 'Ops', system_prompt: 'You are Ops.' },
      capabilities: [{ ref: 'session_file_system', config }],
    })
  expectStatus(await replace(), 200)
  assert.equal((await rulesOf(client, agent.id)).length, 2)
  expectStatus(await client.call('DELETE', `/v1/agents/${agent.id}`), 204)
  expectStatus(await replace(), 200)
  const [rule, ...more] = await rulesOf(client, agent.id)
  assert.deepEqual([rule!.tool_name, rule!.decision, more.length], ['delete_file', 'reject', 0])
  assert.ok((await makeCall(client, id, write())).waits)
})

test('an approval does not hold for the tool of another MCP server with the same name', async (t) => {
  const client = await createClient()
  const [mcp, evil] = [await startMcp(t), await startMcp(t)]
  const agent = await createAgent(client, { name: 'Cleo' })
  const use = async (ref: string) => {
    const capabilities = [{ ref, config: { requires_approval: true } }]
    expectStatus(await client.call('PATCH', `/v1/agents/${agent.id}`, { capabilities }), 200)
  }
  const made = await addListedServer(client, mcp.url, { name: 'tracker' })
  const moves = [
    () => moveServer(client, made, evil.url),
    async () => {
      expectStatus(await client.call('DELETE', made.path), 204)
      await use((await addListedServer(client, mcp.url, { name: 'tracker' })).ref)
    },
  ]
  await use(made.ref)
  for (const move of moves) {
    const { id } = await createSession(client, { agent_id: agent.id })
    const call = { id: 'call_moved', name: 'mcp_tracker__say', arguments: { word: 'x' } }
    const asked = await makeCall(client, id, call)
    assert.ok(asked.waits)
    await move()
    expectStatus(await asked.decide({ decision: 'approve' }), 200)
    await asked.idle()
    const { success, error, error_code } = dataOf(await eventsOf(client, id), 'tool.completed')
    assert.deepEqual(
      { success, error, error_code },
      {
        success: false,
        error:
          'Another tool has replaced mcp_tracker__say since this call was approved. A new call needs a new approval.',
        error_code: 'tool_changed',
      },
    )
  }
  assert.deepEqual([mcp.heard('tools/call').length, evil.heard('tools/call').length], [0, 0])
})

test('a tool of the session itself has no rule of the agent', async () => {
  const client = await createClient()
  const door = { type: 'client_side', name: 'door', description: 'x', policy: 'requires_approval' }
  const agent = await createAgent(client, { tools: [door] })
  const call = () => {
    calls += 1
    return { id: `call_${calls}`, name: 'door', arguments: {} }
  }
  const own = { agent_id: agent.id, tools: [{ ...door, description: 'Another door.' }] }
  const session = await createSession(client, own)
  const asked = await makeCall(client, session.id, call())
  expectStatus(await asked.decide(allow), 400, 'invalid_request')
  const plain = await createSession(client, { agent_id: agent.id })
  expectStatus(await (await makeCall(client, plain.id, call())).decide(allow), 200)
  const next = await createSession(client, own)
  assert.ok((await makeCall(client, next.id, call())).waits)
})

test('no token and no other organization makes, sees or removes a rule of an agent', async () => {
  const [client, stranger] = [await createClient(), await createClient()]
  const agent = await createAgent(client, files)
  const session = await createSession(client, { agent_id: agent.id, user: 'ada' })
  const call = write()
  await makeCall(client, session.id, call)
  const path = `/v1/sessions/${session.id}/approvals`
  const one = { tool_call_id: call.id, ...allow }
  const body = { user: 'ada', access: 'approve', operations: null }
  const { token } = expectStatus(await client.call('POST', '/v1/tokens', body), 201)
  const user = callerWith(server.url, `Bearer ${token}`)
  expectStatus(await user('POST', `${path}/${call.id}`, allow), 403, 'not_granted')
  expectStatus(await user('POST', path, { approvals: [one] }), 403, 'not_granted')
  const rules = `/v1/agents/${agent.id}/tool-rules`
  expectStatus(await user('GET', rules), 403, 'users_only')
  expectStatus(await stranger.call('POST', `${path}/${call.id}`, allow), 404)
  expectStatus(await client.call('POST', `${path}/${call.id}`, allow), 200)
  expectStatus(await user('DELETE', `${rules}/write_file`), 403, 'users_only')
  expectStatus(await stranger.call('GET', rules), 404)
  expectStatus(await stranger.call('DELETE', `${rules}/write_file`), 404)
  assert.equal((await rulesOf(client, agent.id)).length, 1)
})

test('a token for single decisions makes no rule of the session', async () => {
  const client = await createClient()
  const agent = await createAgent(client, files)
  const { id } = await createSession(client, { agent_id: agent.id, user: 'ada' })
  const call = write()
  const asked = await makeCall(client, id, call)
  const single = ['decide_tool_call', 'decide_tool_calls']
  const path = `/v1/sessions/${id}/approvals`
  const tokenFor = async (operations: string[]) => {
    const body = { user: 'ada', access: 'approve', operations }
    const { token } = expectStatus(await client.call('POST', '/v1/tokens', body), 201)
    return callerWith(server.url, `Bearer ${token}`)
  }
  const user = await tokenFor(single)
  for (const decision of ['approve', 'deny']) {
    const always = { decision, always: 'session' }
    expectStatus(await user('POST', `${path}/${call.id}`, always), 403, 'not_granted')
    const approvals = [{ tool_call_id: call.id, ...always }]
    expectStatus(await user('POST', path, { approvals }), 403, 'not_granted')
  }
  expectStatus(await user('POST', `${path}/${call.id}`, { decision: 'approve' }), 200)
  await asked.idle()
  const rules = () => client.call('GET', `/v1/sessions/${id}/tool-rules`)
  assert.deepEqual(expectStatus(await rules(), 200).data, [])
  const next = write()
  assert.ok((await makeCall(client, id, next)).waits)
  const other = await tokenFor([...single, 'submit_tool_approvals'])
  const forAll = { decision: 'approve', always: 'session' }
  expectStatus(await other('POST', `${path}/${next.id}`, forAll), 200)
  assert.equal(expectStatus(await rules(), 200).data.length, 1)
})

test('the client iterates over all rules', async () => {
  const client = await createClient()
  const agent = await createAgent(client, files)
  const { id } = await createSession(client, { agent_id: agent.id })
  const remove = { id: 'call_remove', name: 'delete_file', arguments: { path: '/a' } }
  for (const call of [write(), remove]) {
    const asked = await makeCall(client, id, call)
    expectStatus(await asked.decide(allow), 200)
    await asked.idle()
  }
  const outlast = createOutlast({ url: server.url, apiKey: client.key })
  const names: string[] = []
  for await (const rule of outlast.agents.listToolRules(agent.id)) names.push(rule.tool_name)
  assert.deepEqual(names, ['delete_file', 'write_file'])
})
