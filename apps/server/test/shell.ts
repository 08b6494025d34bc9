import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type ServerOptions, startServer } from './server.ts'
import { converse, createAgent, createSession, dataOf, scripted } from './session.ts'

type Arguments = { command: string; working_dir?: string; timeout_ms?: number }
type Given = { config?: object; options?: ServerOptions }

/** Starts a session with bash, and returns functions to use it. */
export async function shellSession(t: TestContext, { config = {}, options = {} }: Given = {}) {
  const server = await startServer(t, options)
  const capabilities = [{ ref: 'virtual_bash', config }]
  const agent = await createAgent(server, { capabilities })
  return { server, agent, ...(await openShell(t, server, agent.id)) }
}

/** Opens another session of an agent with bash. */
export async function openShell(
  t: TestContext,
  server: Awaited<ReturnType<typeof startServer>>,
  agentId: string,
) {
  const { id } = await createSession(server, { agent_id: agentId })
  const fs = (method: string, path: string, body?: object) =>
    server.call(method, `/v1/sessions/${id}/fs${path}`, body)
  const turn = (call: Arguments) =>
    converse(
      t,
      server,
      id,
      scripted({ tool_calls: [{ name: 'bash', arguments: call }] }, { text: 'done' }),
    )
  return {
    id,
    turn,
    /** Runs a command in a turn; returns its result or its error. */
    async run(command: string, more: Omit<Arguments, 'command'> = {}) {
      const { result, error } = dataOf(await turn({ command, ...more }), 'tool.completed')
      const [part] = result ?? []
      return part?.type === 'text' ? JSON.parse(part.text) : { error }
    },
    async put(path: string, content: string | Buffer, fields: object = {}) {
      const base64 = { content: Buffer.from(content).toString('base64'), encoding: 'base64' }
      const { status, body } = await fs('POST', path, { ...base64, ...fields })
      assert.equal(status, 201, JSON.stringify(body))
    },
    /** Undefined when nothing is there. */
    async get(path: string): Promise<Buffer | undefined> {
      const { status, body } = await fs('GET', path)
      return status === 200
        ? Buffer.from(body.content, body.encoding === 'base64' ? 'base64' : 'utf8')
        : undefined
    },
    async paths(): Promise<string[]> {
      const { body } = await fs('GET', '?recursive=true')
      return body.data.map(({ path }: { path: string }) => path)
    },
  }
}
