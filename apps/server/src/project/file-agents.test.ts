import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent, NewAgent } from '@outlast/contract'
import { createTestDatabase } from '../../test/database.ts'
import { type Call, type HttpAnswer, type ServerOptions, startServer } from '../../test/server.ts'
import { emptyProject, type FileAgent } from '../authoring/project.ts'
import { ProjectError } from './problems.ts'

type T = Parameters<typeof startServer>[0]

const support: NewAgent = { name: 'Support', system_prompt: 'You answer questions about orders.' }
const sales: NewAgent = { name: 'Sales', system_prompt: 'You sell.' }

const at = (file: string, agent: NewAgent): FileAgent => ({ file: `agents/${file}`, agent })
const supportFile = at('support.md', support)
const salesFile = at('sales.yaml', sales)

/** A node whose project has these agents; undefined: a node without a project. */
const withAgents = (
  t: T,
  databaseUrl: string,
  agents: FileAgent[] | undefined,
  options: ServerOptions = {},
) => startServer(t, { ...options, databaseUrl, project: { ...emptyProject, agents } })

/** Starts a node with these agents, stops it, and returns the agents from files, by name. */
async function deploy(t: T, databaseUrl: string, agents: FileAgent[] | undefined) {
  const server = await withAgents(t, databaseUrl, agents)
  const stored = await agentsOf(server.call)
  await server.stop()
  return new Map(stored.filter(({ source }) => source === 'file').map((one) => [one.name, one]))
}

const agentsOf = async (call: Call): Promise<Agent[]> =>
  (await call('GET', '/v1/agents?include_archived=true')).body.data

const auditOf = async (call: Call): Promise<{ action: string; target: string }[]> =>
  (await call('GET', '/v1/audit')).body.data

function refused({ status, body }: HttpAnswer, file = 'agents/support.md') {
  assert.deepEqual([status, body.code], [409, 'agent_from_file'])
  assert.ok(body.error.includes(file), body.error)
}

test('a start stores the agents of the files', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const agents = await deploy(t, databaseUrl, [supportFile, salesFile])
  const { id, created_at, updated_at, ...rest } = agents.get('Support')!
  assert.match(id, /^agent_[0-9a-f]{32}$/)
  assert.ok(Date.parse(created_at) <= Date.parse(updated_at))
  assert.deepEqual(rest, {
    harness_id: rest.harness_id,
    ...support,
    tags: [],
    capabilities: [],
    status: 'active',
    source: 'file',
    source_file: 'agents/support.md',
  })
  assert.equal(agents.get('Sales')!.source_file, 'agents/sales.yaml')
})
