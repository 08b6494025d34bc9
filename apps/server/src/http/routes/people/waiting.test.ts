import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { WaitingItem, WaitingPage } from '@outlast/contract'
import {
  addMember,
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { addBudget, whenParked } from '../../../../test/budgets.ts'
import { runSql } from '../../../../test/database.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { addMcpServer, startMcp } from '../../../../test/remotes/mcp.ts'
import type { Call } from '../../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startGuarded>>

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, {
    env: { RATE_LIMIT_ADDRESS: '0', PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' },
  })
})

const config = { requires_approval: ['write_file'] }
const capabilities = [{ ref: 'session_file_system', config }, { ref: 'ask_user' }]
const tools = [{ type: 'client_side', name: 'look', description: 'Looks.' }]

const write = (id: string, content = 'hello') => ({
  id,
  name: 'write_file',
  arguments: { path: `/${id}`, content },
})
const ask = (id: string, ...questions: string[]) => ({
  id,
  name: 'ask_user',
  arguments: { questions: questions.map((question) => ({ kind: 'text', question })) },
})
const look = (id: string) => ({ id, name: 'look', arguments: {} })

type Client = { url: string; call: Call }

/** An organization with an agent whose tools wait for people and clients. */
async function createWorld() {
  const owner = await registerPerson(server)
  const { call } = await createKey(server, owner, { scopes: ['*'] })
  const client = { url: server.url, call }
  const agent = await createAgent(client, { capabilities, tools })
  return { owner, client, agent }
}

/** Starts a turn with these calls; returns once it waits for as many. */
async function waitWith(client: Client, fields: object, calls: { name: string; id: string }[]) {
  const session = await createSession(client, fields)
  const script = scripted({ tool_calls: calls as never }, { text: 'Done.' })
  expectStatus(await post(client, session.id, script), 201)
  await eventually(async () => {
    const { waiting_for } = (await client.call('GET', `/v1/sessions/${session.id}`)).body
    return waiting_for?.calls.length === calls.length
  })
  return session
}

async function listOf({ call }: Pick<Client, 'call'>, query = ''): Promise<WaitingPage> {
  return expectStatus(await call('GET', `/v1/waiting${query}`), 200)
}

const callsOf = ({ data }: { data: WaitingItem[] }) => data.map(({ tool_call_id: id }) => id)

test('lists approvals and questions of all sessions, the longest wait first, until they are answered', async () => {
  const { client, agent } = await createWorld()
  assert.deepEqual(await listOf(client), {
    data: [],
    total: 0,
    counts: { approval: 0, input: 0, budget: 0, sign_in: 0 },
    offset: 0,
    limit: 20,
  })
  const fields = { agent_id: agent.id, title: 'Books', user: 'ada' }
  const first = await waitWith(client, fields, [write('a'), look('l'), write('b')])
  const second = await waitWith(client, { agent_id: agent.id }, [ask('q', 'Which one?', 'Why?')])
  await waitWith(client, { agent_id: agent.id }, [look('m')])
  const page = await listOf(client)
  assert.deepEqual(callsOf(page), ['a', 'b', 'q'])
  assert.equal(page.total, 3)
  assert.deepEqual(page.counts, { approval: 2, input: 1, budget: 0, sign_in: 0 })
  const [approval, , question] = page.data as [WaitingItem, WaitingItem, WaitingItem]
  const { since, expires_at, ...shown } = approval
  assert.ok(Date.parse(since) < Date.parse(expires_at!))
  assert.deepEqual(shown, {
    id: `${first.id}:a`,
    type: 'approval',
    summary: 'write_file {"path":"/a","content":"hello"}',
    session_id: first.id,
    session_title: 'Books',
    agent_id: agent.id,
    agent_name: 'Ada',
    user: 'ada',
    tool_call_id: 'a',
    tool_name: 'write_file',
    arguments: { path: '/a', content: 'hello' },
    questions: null,
    budget_id: null,
    mcp_server_id: null,
  })
  assert.equal(question.summary, 'Which one? (and 1 more)')
  assert.deepEqual(
    question.questions!.questions.map(({ question }) => question),
    ['Which one?', 'Why?'],
  )
  const decide = (id: string) =>
    client.call('POST', `/v1/sessions/${first.id}/approvals/${id}`, { decision: 'deny' })
  expectStatus(await decide('a'), 200)
  assert.deepEqual(callsOf(await listOf(client)), ['b', 'q'])
  expectStatus(await client.call('POST', `/v1/sessions/${second.id}/cancel`), 200)
  assert.deepEqual(callsOf(await listOf(client)), ['b'])
})

test('filters by type, agent and session, and returns pages', async () => {
  const { client, agent } = await createWorld()
  const other = await createAgent(client, { name: 'Bea', capabilities })
  const mixed = [write('a'), ask('q', 'Which one?')]
  const first = await waitWith(client, { agent_id: agent.id }, mixed)
  await waitWith(client, { agent_id: other.id }, [write('b'), write('c')])
  const calls = async (query: string) => callsOf(await listOf(client, query))
  assert.deepEqual(await calls('?type=approval'), ['a', 'b', 'c'])
  assert.deepEqual(await calls('?type=input'), ['q'])
  assert.deepEqual(await calls('?type=budget'), [])
  assert.deepEqual(await calls(`?agent_id=${other.id}`), ['b', 'c'])
  assert.deepEqual(await calls(`?session_id=${first.id}`), ['a', 'q'])
  assert.deepEqual(await calls(`?session_id=${first.id}&agent_id=${other.id}`), [])
  const page = await listOf(client, '?type=approval&limit=1&offset=1')
  assert.deepEqual([callsOf(page), page.total, page.limit, page.offset], [['b'], 3, 1, 1])
  assert.deepEqual(page.counts, { approval: 3, input: 1, budget: 0, sign_in: 0 })
  expectStatus(await client.call('GET', '/v1/waiting?type=tool_results'), 400, 'invalid_request')
  expectStatus(await client.call('GET', '/v1/waiting?session_id=x'), 400)
})

test('cuts what a model wrote to one line, and leaves out long arguments', async () => {
  const { client, agent } = await createWorld()
  const odd = write('odd', `\u202e\u0007\n${'x'.repeat(1_000)}`)
  await waitWith(client, { agent_id: agent.id }, [odd, write('long', 'y'.repeat(20_000))])
  const { data } = await listOf(client)
  const [short, long] = data as [WaitingItem, WaitingItem]
  assert.ok(short.summary.length <= 240, short.summary)
  assert.doesNotMatch(short.summary, /[\p{Cc}\p{Cf}]/u)
  assert.deepEqual(short.arguments, odd.arguments)
  assert.deepEqual([long.summary, long.arguments], ['write_file', null])
})

test('lists MCP servers that reject their key, for administrators', async (t) => {
  const { owner, client } = await createWorld()
  const mcp = await startMcp(t, {
    initialize: ({ response }) => response.writeHead(401).end('Who are you?'),
  })
  const { id, ref } = await addMcpServer(client, mcp.url, { name: 'tracker' })
  await createAgent(client, { name: 'Cleo', capabilities: [{ ref }] })
  const preview = { system_prompt: 'x', capabilities: [{ ref }] }
  expectStatus(await client.call('POST', '/v1/agents/preview', preview), 200)
  const { data, counts } = await eventually(async () => {
    const page = await listOf(client)
    return page.total > 0 ? page : undefined
  })
  assert.equal(counts.sign_in, 1)
  const [{ type, mcp_server_id, session_id, summary }] = data as [WaitingItem]
  assert.deepEqual([type, mcp_server_id, session_id], ['sign_in', id, null])
  assert.match(summary, /^tracker rejects the API key or headers \(HTTP 401\)/)
  expectStatus(await client.call('PATCH', `/v1/mcp-servers/${id}`, { name: 'issues' }), 200)
  const [renamed] = (await listOf(client)).data as WaitingItem[]
  assert.match(renamed!.summary, /^issues rejects the API key or headers \(HTTP 401\)/)
  const member = await addMember(server, owner, 'member')
  assert.equal((await listOf(member)).total, 0)
  const viewer = await addMember(server, owner, 'viewer')
  expectStatus(await viewer.call('GET', '/v1/waiting'), 403, 'forbidden')
})

test("an end user's token sees only what that user may answer", async () => {
  const { client, agent } = await createWorld()
  const calls = [write('a'), ask('q', 'Which one?')]
  await waitWith(client, { agent_id: agent.id, user: 'ada' }, calls)
  await waitWith(client, { agent_id: agent.id, user: 'eve' }, [write('b')])
  await waitWith(client, { agent_id: agent.id }, [write('c')])
  const tokenFor = async (user: string, access: string, more: object = {}) => {
    const made = await client.call('POST', '/v1/tokens', { user, access, ...more })
    return { call: callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`) }
  }
  assert.deepEqual(callsOf(await listOf(await tokenFor('ada', 'write'))), ['q'])
  const approving = await listOf(await tokenFor('ada', 'approve'))
  assert.deepEqual(callsOf(approving), ['a', 'q'])
  const [approval] = approving.data as [WaitingItem]
  assert.deepEqual([approval.arguments, approval.summary], [null, 'write_file'])
  const whole = await listOf(await tokenFor('ada', 'approve', { view: 'full' }))
  assert.deepEqual(whole.data[0]!.arguments, { path: '/a', content: 'hello' })
  const other = await createAgent(client, { name: 'Bea' })
  const narrow = await tokenFor('ada', 'approve', { agent_ids: [other.id] })
  assert.equal((await listOf(narrow)).total, 0)
  const reading = await tokenFor('ada', 'read')
  expectStatus(await reading.call('GET', '/v1/waiting'), 403, 'forbidden')
})

test('does not list a turn that a message or an answer has resumed', async () => {
  const { client, agent } = await createWorld()
  const { id } = await waitWith(client, { agent_id: agent.id }, [write('a')])
  // As between the answer and the next append of the turn. A node enqueues rows of a second ago.
  await runSql(
    server.databaseUrl,
    `insert into turns (id, org_id, session_id, created_at)
    select turn_id, org_id, id, now() + interval '1 hour' from sessions where id = '${id}'`,
  )
  assert.equal((await listOf(client)).total, 0)
})

test('a call that stays open keeps the time at which its wait began', async () => {
  const { client, agent } = await createWorld()
  const session = await waitWith(client, { agent_id: agent.id }, [write('a'), write('b')])
  const { data } = await listOf(client)
  const approve = client.call('POST', `/v1/sessions/${session.id}/approvals/a`, {
    decision: 'approve',
  })
  expectStatus(await approve, 200)
  // The call that was approved runs, then the turn waits for the other one.
  const { data: left } = await eventually(async () => {
    const page = await listOf(client)
    return page.total === 1 ? page : undefined
  })
  assert.deepEqual(
    left.map(({ tool_call_id, since }) => [tool_call_id, since]),
    [['b', data[1]!.since]],
  )
})

test('lists turns that wait for a budget, until it has more', async () => {
  const { owner, client, agent } = await createWorld()
  const subject: [string, string] = ['agent', agent.id]
  const period = { type: 'rolling', window: '7d' }
  const budget = await addBudget(server, { orgId: owner.orgId, limit: 1, subject, period })
  const session = await createSession(client, { agent_id: agent.id })
  expectStatus(await post(client, session.id, 'Hello'), 201)
  const waiting = await whenParked(client, session.id)
  const { data, counts } = await listOf(client)
  const [{ type, session_id, budget_id, since, expires_at, tool_call_id }, ...others] = data as [
    WaitingItem,
  ]
  assert.deepEqual(
    [type, session_id, budget_id, since],
    ['budget', session.id, budget, waiting.since],
  )
  assert.deepEqual([tool_call_id, others.length], [null, 0])
  // The period is new then.
  assert.ok(expires_at)
  assert.equal(expires_at, waiting.resets_at)
  assert.equal(counts.budget, 1)
  expectStatus(await client.call('POST', `/v1/budgets/${budget}/top-up`, { amount: 1e6 }), 200)
  await eventually(async () => (await listOf(client)).total === 0)
})

test('counts at most 200 entries, and returns the others in pages', async () => {
  const { client, agent } = await createWorld()
  const { id } = await waitWith(client, { agent_id: agent.id }, [write('a')])
  const calls = Array.from({ length: 205 }, (_, n) => ({
    tool_call_id: `call_${n}`,
    tool_name: 'write_file',
    type: n < 203 ? 'approval' : 'input',
    expires_at: '2036-01-01T00:00:00.000Z',
  }))
  const waiting = { type: 'input', since: '2026-01-01T00:00:00.000Z', tool_call_ids: [], calls }
  await runSql(
    server.databaseUrl,
    `update sessions set waiting_for = '${JSON.stringify(waiting)}', wait_expires_at = null where id = '${id}'`,
  )
  const first = await listOf(client)
  assert.deepEqual([first.total, first.total_capped, first.counts.approval], [200, true, 200])
  const last = await listOf(client, '?offset=200&limit=100')
  assert.deepEqual(callsOf(last), ['call_200', 'call_201', 'call_202', 'call_203', 'call_204'])
  const answers = await listOf(client, '?type=input')
  assert.deepEqual([answers.total, answers.total_capped], [2, undefined])
})
