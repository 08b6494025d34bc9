/** Copies, statistics and the search of agents; the search of capabilities. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Agent, AgentStats } from '@outlast/contract'
import { capabilities } from '../../../../test/agent-files.ts'
import { queryRows } from '../../../../test/database.ts'
import { fileAgent, fileAgentsOf, startWithAgents } from '../../../../test/file-agents.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'
import { newId } from '../../../ids.ts'

let server: Awaited<ReturnType<typeof startServer>>
let call: Call
beforeAll(async (t) => {
  server = await startServer(t as TestContext, { capabilities })
  call = server.call
})

const codeOf = ({ status, body }: Awaited<ReturnType<Call>>) => [status, body.code]
const statsOf = async (id: string): Promise<AgentStats> =>
  (await call('GET', `/v1/agents/${id}/stats`)).body

async function copied(id: string, body?: object): Promise<Agent> {
  const answer = await call('POST', `/v1/agents/${id}/copy`, body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

test('a copy has all properties of its source, secrets included', async (t) => {
  const secret = { ref: 'guarded', config: { key: 'sesame', url: 'https://example.com' } }
  const source = await createAgent(server, {
    name: 'Ada',
    display_name: 'The first',
    description: 'Counts.',
    tags: ['a'],
    capabilities: [secret],
    initial_files: [{ path: '/a', content: 'A.' }],
    max_iterations: 3,
    network_access: { blocked: ['example.com'] },
    retention_days: 5,
  })
  const session = await createSession(server, { agent_id: source.id })
  await converse(t, server, session.id, 'Hi')
  const { id, name, created_at, updated_at, ...copy } = await copied(source.id)
  const { id: _, name: __, created_at: ___, updated_at: ____, usage: _____, ...rest } = source
  assert.deepEqual(copy, rest)
  assert.equal(name, 'Ada (copy)')
  assert.notEqual(id, source.id)
  assert.equal((copy.capabilities[0]!.config as { key: string }).key, '********')
  const sql = `select capabilities from agents where id = '${id}'`
  const [row] = await queryRows<{ capabilities: object }>(server.databaseUrl, sql)
  assert.deepEqual(row!.capabilities, [secret])
})

test('copies of a slug get names of their own', async () => {
  const source = await createAgent(server, { name: 'porter' })
  const names = []
  for (let n = 0; n < 3; n += 1) names.push((await copied('porter', {})).name)
  assert.deepEqual(names, ['porter-copy', 'porter-copy-2', 'porter-copy-3'])
  const together = await Promise.all([1, 2, 3].map(() => copied(source.id)))
  assert.equal(new Set(together.map(({ name }) => name)).size, 3)
  assert.equal((await copied('porter-copy')).name, 'porter-copy-copy')
})

test('a copy of a long name has a name within the limit', async () => {
  const { id } = await createAgent(server, { name: 'a'.repeat(255) })
  assert.equal((await copied(id)).name, `${'a'.repeat(250)}-copy`)
  const odd = await createAgent(server, { name: `${'A'.repeat(247)}😀bcdefg` })
  assert.equal((await copied(odd.id)).name.length, 255)
})

test('an archived agent, and one from a file, are copied as active agents of the API', async (t) => {
  const { id } = await createAgent(server, { name: 'Old' })
  await call('DELETE', `/v1/agents/${id}`)
  const { status, source } = await copied(id)
  assert.deepEqual([status, source], ['active', 'api'])
  const file = fileAgent('sales.md', { name: 'sales', system_prompt: 'Sell.' })
  const other = await startWithAgents(t, [file])
  const { id: fileId } = (await fileAgentsOf(other.call)).get('sales')!
  const { body } = await other.call('POST', `/v1/agents/${fileId}/copy`)
  assert.deepEqual([body.name, body.source, body.source_file], ['sales-copy', 'api', undefined])
})

test('an unknown agent has no copy and no statistics', async () => {
  for (const id of [newId('agent'), 'nobody']) {
    assert.deepEqual(codeOf(await call('POST', `/v1/agents/${id}/copy`)), [404, 'not_found'])
    assert.deepEqual(codeOf(await call('GET', `/v1/agents/${id}/stats`)), [404, 'not_found'])
  }
})

const noSessions = {
  session_count: 0,
  started_session_count: 0,
  active_session_count: 0,
  idle_session_count: 0,
  waiting_for_tool_results_session_count: 0,
  execution_count: 0,
  total_session_duration_ms: 0,
  total_input_tokens: 0,
  total_output_tokens: 0,
  total_cache_read_tokens: 0,
  total_cache_creation_tokens: 0,
  total_actual_cost_usd: 0,
  total_estimated_cost_usd: 0,
  total_cost_usd: 0,
  first_session_at: null,
  last_session_at: null,
}

test('statistics count sessions by status, turns and tokens', async (t) => {
  const tool = { type: 'client_side', name: 'open_door', description: 'Opens.' }
  const agent = await createAgent(server, { name: 'counted', tools: [tool] })
  assert.deepEqual(await statsOf(agent.id), noSessions)
  const sessions = []
  for (let n = 0; n < 4; n += 1) sessions.push(await createSession(server, { agent_id: agent.id }))
  const [idle, failed, waiting] = sessions
  await createSession(server)
  await converse(t, server, idle!.id, 'Hello')
  await converse(t, server, idle!.id, 'Hello again')
  await converse(t, server, failed!.id, scripted({ error: { message: 'No.', status: 400 } }))
  await post(server, waiting!.id, scripted({ tool_calls: [{ name: 'open_door', arguments: {} }] }))
  await eventually(
    async () => (await call('GET', `/v1/sessions/${waiting!.id}`)).body.waiting_for !== null,
  )
  const stats = await statsOf('counted')
  const { usage } = (await call('GET', `/v1/agents/${agent.id}`)).body
  assert.deepEqual(
    { ...stats, total_session_duration_ms: 0 },
    {
      ...noSessions,
      session_count: 4,
      started_session_count: 1,
      active_session_count: 1,
      idle_session_count: 2,
      waiting_for_tool_results_session_count: 1,
      execution_count: 3,
      total_input_tokens: usage.input_tokens,
      total_output_tokens: usage.output_tokens,
      first_session_at: sessions[0]!.created_at,
      last_session_at: sessions[3]!.created_at,
    },
  )
  assert.ok(stats.total_session_duration_ms > 0)
  await call('POST', `/v1/sessions/${waiting!.id}/cancel`)
  await call('DELETE', `/v1/sessions/${idle!.id}`)
  const later = await statsOf(agent.id)
  assert.deepEqual(
    [later.session_count, later.execution_count, later.waiting_for_tool_results_session_count],
    [3, 4, 0],
  )
  assert.equal(later.total_input_tokens >= stats.total_input_tokens, true)
})

test('a search finds agents by name, display name and description', async () => {
  await createAgent(server, { name: 'Zebra 100%' })
  await createAgent(server, { name: 'Horse', display_name: 'The striped zebra' })
  await createAgent(server, { name: 'Donkey', description: 'Not a ZEBRA_1.' })
  const archived = await createAgent(server, { name: 'Old zebra' })
  await call('DELETE', `/v1/agents/${archived.id}`)
  const search = async (query: string) => {
    const { body } = await call('GET', `/v1/agents?${query}`)
    assert.equal(body.total, body.data.length)
    return body.data.map(({ name }: Agent) => name)
  }
  assert.deepEqual(await search('search=zebra'), ['Donkey', 'Horse', 'Zebra 100%'])
  assert.deepEqual(await search('search=zebra&limit=10'), ['Donkey', 'Horse', 'Zebra 100%'])
  const all = ['Old zebra', 'Donkey', 'Horse', 'Zebra 100%']
  assert.deepEqual(await search('search=ZEBRA&include_archived=true'), all)
  assert.deepEqual(await search('search=100%25'), ['Zebra 100%'])
  assert.deepEqual(await search('search=zebra_'), ['Donkey'])
  assert.deepEqual(await search("search='%3Bdrop"), [])
  const page = (await call('GET', '/v1/agents?search=zebra&limit=1&offset=1')).body
  assert.deepEqual([page.data[0].name, page.total, page.offset], ['Horse', 3, 1])
  assert.equal((await call('GET', '/v1/agents?search=')).status, 400)
  assert.equal((await call('GET', `/v1/agents?search=${'a'.repeat(201)}`)).status, 400)
})

test('a search finds capabilities by id, name and description', async () => {
  const search = async (query: string) => (await call('GET', `/v1/capabilities?${query}`)).body
  const { data, total } = await search('search=WEB_FETCH')
  assert.deepEqual([data.map(({ id }: { id: string }) => id), total], [['web_fetch'], 1])
  assert.ok(
    (await search('search=current')).data.some(({ id }: { id: string }) => id === 'current_time'),
  )
  const page = await search('search=e&offset=1&limit=2')
  assert.deepEqual([page.data.length, page.offset, page.limit], [2, 1, 2])
  assert.deepEqual((await search('search=no%20such%20thing')).data, [])
  assert.equal((await call('GET', '/v1/capabilities?search=')).status, 400)
})
