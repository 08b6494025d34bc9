import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { CapabilityUse } from '@outlast/contract'
import type { Call } from './server.ts'
import { converse, createAgent, createSession, scripted } from './session.ts'

type Server = { call: Call; url: string }
export type ToolUse = [name: string, input: object]
/** The result of a tool, or the sentence of an error, as the model gets it. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
export type ToolAnswer = any

/** Creates a session whose agent has the capability. */
export async function sessionWith(server: Server, ref: string, config?: object) {
  const uses: CapabilityUse[] = [{ ref, ...(config && { config }) }]
  const agent = await createAgent(server, { capabilities: uses })
  return createSession(server, { agent_id: agent.id })
}

const stepOf = (uses: ToolUse[]) => ({
  tool_calls: uses.map(([name, input]) => ({ name, arguments: input })),
})

async function play(t: TestContext, server: Server, sessionId: string, replies: ToolUse[][]) {
  const script = scripted(...replies.map(stepOf), { text: 'done' })
  const events = await converse(t, server, sessionId, script)
  const asked = events.flatMap((event) =>
    event.type === 'tool.started' ? [event.data.tool_call.id] : [],
  )
  const outcomes = events.flatMap((event) => (event.type === 'tool.completed' ? [event.data] : []))
  const answers = asked.map((id): ToolAnswer => {
    const { error, result } = outcomes.find(({ tool_call_id }) => tool_call_id === id)!
    const [part] = result ?? []
    return part?.type === 'text' ? JSON.parse(part.text) : error
  })
  assert.equal(answers.length, replies.flat().length)
  return answers
}

/** Makes a model call tools one after the other in a turn; returns the answer of each call. */
export const useTools = (t: TestContext, server: Server, sessionId: string, ...uses: ToolUse[]) =>
  play(
    t,
    server,
    sessionId,
    uses.map((use) => [use]),
  )

/** Makes a model call tools in parallel: all calls of one reply. */
export const useToolsAtOnce = (
  t: TestContext,
  server: Server,
  sessionId: string,
  ...uses: ToolUse[]
) => play(t, server, sessionId, [uses])
