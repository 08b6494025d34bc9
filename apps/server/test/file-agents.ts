import assert from 'node:assert/strict'
import type { Agent, NewAgent } from '@outlast/contract'
import { emptyProject, type FileAgent } from '../src/authoring/project.ts'
import { type Call, type HttpAnswer, type ServerOptions, startServer } from './server.ts'

type T = Parameters<typeof startServer>[0]

export const support: NewAgent = {
  name: 'Support',
  system_prompt: 'You answer questions about orders.',
}

export const fileAgent = (file: string, agent: NewAgent): FileAgent => ({
  file: `agents/${file}`,
  agent,
})

export const supportFile = fileAgent('support.md', support)
export const salesFile = fileAgent('sales.yaml', { name: 'Sales', system_prompt: 'You sell.' })

/** Starts a node whose project has these agents; undefined: a node without a project. */
export const startWithAgents = (
  t: T,
  agents: readonly FileAgent[] | undefined,
  options: ServerOptions = {},
) => startServer(t, { ...options, project: { ...emptyProject, agents } })

/**
 * Starts a node with these agents on a database, and stops it. Returns the agents from files by
 * name, archived ones included.
 */
export async function deploy(t: T, databaseUrl: string, agents: readonly FileAgent[] | undefined) {
  const server = await startWithAgents(t, agents, { databaseUrl })
  const found = await fileAgentsOf(server.call)
  await server.stop()
  return found
}

/** The agents from files by name, archived ones included. Contract: no name is there twice. */
export async function fileAgentsOf(call: Call): Promise<Map<string, Agent>> {
  const { body } = await call('GET', '/v1/agents?include_archived=true')
  const all = (body.data as Agent[]).filter(({ source }) => source === 'file')
  const byName = new Map(all.map((agent) => [agent.name, agent]))
  assert.equal(byName.size, all.length)
  return byName
}

/** Expects the error of an agent that a file defines. */
export function expectFromFile({ status, body }: HttpAnswer, file = 'agents/support.md') {
  assert.deepEqual([status, body.code], [409, 'agent_from_file'], JSON.stringify(body))
  assert.ok(body.error.includes(file), body.error)
}
