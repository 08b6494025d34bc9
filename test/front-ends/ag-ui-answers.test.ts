/** Runs of AG-UI whose turn waits, or went on without them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, eventsOf, scripted } from '../../apps/server/test/session.ts'
import { agUiClient, sessionOf } from './ag-ui-agent.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string
let threads = 0

beforeAll(async (t) => {
  server = await startServer(t)
  agentId = (await createAgent(server)).id
})

function open(fields: { agentId?: string } = {}) {
  threads += 1
  const threadId = `thread ${threads}`
  return { threadId, ...agUiClient('1.0', { url: server.url, agentId, threadId, ...fields }) }
}

const user = (content: string, id: string = crypto.randomUUID()) => ({
  id,
  role: 'user' as const,
  content,
})

const tools = [{ name: 'pick', description: 'Picks.', parameters: { type: 'object' } }]
const pick = { name: 'pick', arguments: {}, id: 'call_p' }

/** A run that hangs fails its test. */
const ends = { timeout: 30_000 }

test('a message with tools ends the wait of a turn for the client', ends, async () => {
  const { client, threadId } = open()
  client.messages.push(user(scripted({ tool_calls: [pick] }, { text: 'Picked.' })))
  await client.runAgent({ tools })
  client.messages.push(user(scripted({ text: 'Instead.' })))
  await client.runAgent({ tools })
  assert.equal(client.messages.at(-1)!.content, 'Instead.')
  const { id } = await sessionOf(server.call, threadId)
  const [outcome] = await eventsOf(server, id, '?types=tool.completed')
  assert.equal(outcome!.data.status, 'cancelled')
})
